//! What a script needs of the firmware that runs it.

use bootmint_image_factory::firmware::Capability;

/// What the text of a script needs, each with its reason. Form parameters are not among it: where
/// the firmware has none, the scripts go on without.
pub fn needs(text: &str) -> Vec<(Capability, &'static str)> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("menu") => found.push((Capability::Menu, "a menu is shown")),
            Some("sanboot") => {
                found.push((Capability::Sanboot, "a disk in the network is booted"));
                found.extend(words.find_map(of_url).into_iter().flatten());
            }
            // Behind the first URL are arguments of the kernel, which iPXE does not follow.
            Some("kernel" | "initrd" | "imgfetch" | "chain") => {
                found.extend(words.find_map(of_url).into_iter().flatten());
            }
            _ => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// What a URL needs; none if the word is none.
fn of_url(word: &str) -> Option<Vec<(Capability, &'static str)>> {
    let scheme = match word.split_once(':')? {
        ("http", _) => (Capability::Http, "a file is fetched by HTTP"),
        ("https", _) => (Capability::Https, "a file is fetched by HTTPS"),
        ("iscsi", _) => (Capability::Iscsi, "an iSCSI target is attached"),
        _ => return None,
    };
    let v6 = word.contains("//[") || word.starts_with("iscsi:[");
    let v6 = v6.then_some((Capability::Ipv6, "it is at an IPv6 address"));
    Some([scheme].into_iter().chain(v6).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Capability as C;

    fn of(text: &str) -> Vec<Capability> {
        needs(text).into_iter().map(|(capability, _)| capability).collect()
    }

    #[test]
    fn each_command_needs_what_it_uses() {
        assert_eq!(of("#!ipxe\necho https://a\nexit 0\n"), []);
        assert_eq!(of("kernel --name linux https://a/b c=http://d ||\n"), [C::Https]);
        assert_eq!(of("initrd --name i http://[2001:db8::1]/i || goto x\n"), [C::Http, C::Ipv6]);
        assert_eq!(of("sanboot iscsi:192.0.2.9:::1:iqn.x ||\n"), [C::Sanboot, C::Iscsi]);
        assert_eq!(of("sanboot http://a/disk || exit 1\n"), [C::Http, C::Sanboot]);
        assert_eq!(of("menu x\nitem a b\nchoose c\nmenu y\n"), [C::Menu]);
        assert_eq!(of("chain --autofree ${bootmint-url}?x=1 ||\n"), [], "its ticket was checked");
    }
}

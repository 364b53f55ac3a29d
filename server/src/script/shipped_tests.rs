//! What the shipped profiles send to three hosts: every script and answer file is one of its
//! language, or is refused where the installer cannot have such a network.

use super::*;
use crate::{config::Secrets, machine::AttemptId, secret::Secret, testing};
use std::fs;

/// Which host which profile cannot install: debian-installer and Windows' setup know no VLAN,
/// Ubuntu's initrd and ESXi no IPv6 alone.
const REFUSED: [(&str, &str); 7] = [
    ("debian", "tagged-01"),
    ("esxi", "six-01"),
    ("kali", "tagged-01"),
    ("ubuntu", "six-01"),
    ("ubuntu", "tagged-01"),
    ("windows", "six-01"),
    ("windows", "tagged-01"),
];

/// A plain host; one with IPv6 alone, a serial console and DHCP on a second card; one in a VLAN
/// with both protocols.
fn hosts() -> Vec<Host> {
    let plain = testing::host("plain-01", 10);
    let mut six = testing::full_host();
    six.name = "six-01".parse().unwrap();
    six.nics.remove(0);
    six.nics[0].mac = Some("52:54:00:00:00:66".parse().unwrap());
    six.dns = vec!["2001:db8::53".parse().unwrap()];
    let mut tagged = testing::full_host();
    tagged.name = "tagged-01".parse().unwrap();
    let mut hosts = vec![plain, six, tagged];
    for host in &mut hosts {
        for (name, value) in [
            ("disk", "/dev/sda"),
            ("packages", "vim tmux"),
            ("mirror-host", "mirror.example.net"),
            ("repo", "http://mirror.example.net/alma/9/BaseOS/x86_64/os"),
            ("ssh-key", "ssh-ed25519 AAAAC3Nza kim@example.net"),
            ("share-host", "192.0.2.5"),
            ("share-name", "windows"),
        ] {
            host.vars.insert(name.parse().unwrap(), value.parse().unwrap());
        }
    }
    let serial = ("disk-serial".parse().unwrap(), "S3R1AL".parse().unwrap());
    hosts[0].vars.extend([serial]);
    hosts
}

fn secrets() -> Secrets {
    let values = [
        ("root-password-hash", "$6$salt$hash/."),
        ("admin-password", "p<&>w"),
        ("share-user", "setup"),
        ("share-password", "setup-1"),
    ];
    Secrets::new(values.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
}

/// Renders everything that `profile` sends to `host`.
fn send(profiles: &Profiles, profile: &Profile, host: &Host) -> Result<(), anyhow::Error> {
    let (secret, secrets) = (Secret::placeholder(), secrets());
    let release =
        Release { attempt: AttemptId::from_bits(0xa), secret: &secret, secrets: &secrets };
    let script = match profile.kind() {
        Kind::Menu(_) => menu(profiles, profile, host)?,
        _ => run(profile, host, &release)?,
    };
    check_script(&script).map_err(anyhow::Error::msg)?;
    for file in profile.answers() {
        let answer = answer(profile, file, host, &release)?;
        check_answer(profile, file, host, &answer)?;
    }
    Ok(())
}

#[test]
fn each_profile_installs_the_hosts_that_it_can_and_refuses_the_others() {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in shipped::FILES {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let profiles = Profiles::load(folder.path()).unwrap();
    for profile in profiles.iter() {
        for host in hosts() {
            let sent = send(&profiles, profile, &host);
            let refused = REFUSED.contains(&(profile.name().as_str(), host.name.as_str()));
            assert_eq!(sent.is_err(), refused, "{} for {}: {sent:?}", profile.name(), host.name);
        }
    }
}

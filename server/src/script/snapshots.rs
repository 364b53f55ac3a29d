//! What the shipped profiles send to four hosts, compared with the files of this folder. After a
//! change of a profile, BOOTMINT_BLESS=1 writes them anew: read the difference.

use super::*;
use crate::{config::Secrets, machine::AttemptId, network, secret::Secret, testing};
use std::{collections::BTreeMap, fmt::Write, fs, path::PathBuf};

const BLESS: &str = "BOOTMINT_BLESS";

/// A plain host; one with IPv6 alone, a serial console and DHCP on a second card; one in a VLAN
/// with IPv6 on another card; one with both protocols and a VLAN on its first card.
fn hosts() -> Vec<Host> {
    let plain = testing::host("plain-01", 10);
    let mut six = testing::full_host();
    six.name = "six-01".parse().unwrap();
    six.nics.remove(0);
    six.nics[0].mac = Some("52:54:00:00:00:66".parse().unwrap());
    six.dns = vec!["2001:db8::53".parse().unwrap()];
    let mut tagged = testing::full_host();
    tagged.name = "tagged-01".parse().unwrap();
    tagged.nics[1].mac = Some("52:54:00:00:00:67".parse().unwrap());
    let mut hosts = vec![plain, six, tagged, network::tests::mixed()];
    for host in &mut hosts {
        with_variables(host);
    }
    let serial = ("disk-serial".parse().unwrap(), "S3R1AL".parse().unwrap());
    hosts[0].vars.extend([serial]);
    hosts
}

/// What the shipped profiles need of a host.
pub(super) fn with_variables(host: &mut Host) {
    for (name, value) in [
        ("disk", "/dev/sda"),
        ("packages", "vim tmux"),
        ("mirror-host", "mirror.example.net"),
        ("repo", "http://mirror.example.net/alma/9/BaseOS/x86_64/os"),
        ("ssh-key", "ssh-ed25519 AAAAC3Nza kim@example.net"),
        ("share-host", "192.0.2.5"),
        ("share-name", "windows"),
        ("other-interfaces", "later"),
    ] {
        host.vars.insert(name.parse().unwrap(), value.parse().unwrap());
    }
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

/// Everything that `profile` sends to `host`, or why it does not.
pub(super) fn sent(
    profiles: &Profiles,
    profile: &Profile,
    host: &Host,
) -> Result<String, anyhow::Error> {
    let (secret, secrets) = (Secret::placeholder(), secrets());
    let release =
        Release { attempt: AttemptId::from_bits(0xa), secret: &secret, secrets: &secrets };
    let script = match profile.kind() {
        Kind::Menu(_) => menu(profiles, profile, host)?,
        _ => run(profile, host, &release)?,
    };
    check_script(&script).map_err(anyhow::Error::msg)?;
    let mut text = script.as_str().to_owned();
    for file in profile.answers() {
        let answer = answer(profile, file, host, &release)?;
        check_answer(profile, file, host, &answer)?;
        write!(text, "--- {file}\n{answer}")?;
    }
    Ok(text)
}

pub(super) fn shipped_profiles() -> Profiles {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in shipped::FILES {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Profiles::load(folder.path()).unwrap()
}

#[test]
fn what_is_sent_is_what_was_read_by_a_person() {
    let profiles = shipped_profiles();
    let snapshots = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/script/snapshots");
    let bless = std::env::var_os(BLESS).is_some_and(|value| value == "1");
    let mut expected = BTreeMap::new();
    for profile in profiles.iter() {
        let mut text = String::new();
        for host in hosts() {
            let told = match sent(&profiles, profile, &host) {
                Ok(text) => text,
                Err(error) => format!("REFUSED: {error:#}\n"),
            };
            write!(text, "=== {}\n{told}", host.name).unwrap();
        }
        let file = snapshots.join(format!("{}.txt", profile.name()));
        if bless {
            fs::create_dir_all(&snapshots).unwrap();
            fs::write(&file, &text).unwrap();
        }
        expected.insert(file, text);
    }
    for (file, text) in &expected {
        let found = fs::read_to_string(file).unwrap_or_default();
        assert_eq!(&found, text, "{} ({BLESS}=1 writes it anew)", file.display());
    }
    assert_eq!(
        fs::read_dir(&snapshots).unwrap().count(),
        expected.len(),
        "a snapshot is left over"
    );
}

//! What hosts are sent, and what is refused.

use super::*;
use crate::{config::Secrets, machine::AttemptId, secret::Secret, testing, time::Seconds};
use std::{collections::BTreeMap, fs, path::Path};

fn shipped() -> (tempfile::TempDir, Profiles) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in super::shipped::FILES {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let profiles = Profiles::load(folder.path()).unwrap();
    (folder, profiles)
}

fn profile(text: &str) -> Result<Profile, ProfileError> {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("p");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("profile.toml"), text).unwrap();
    fs::write(home.join("good.cfg"), "d-i a string {{ host.name }}\n").unwrap();
    fs::write(home.join("bad.cfg"), "{{ host.name").unwrap();
    Profile::load(folder.path(), &"p".parse().unwrap())
}

fn secrets() -> Secrets {
    Secrets::new(BTreeMap::from([("root-password-hash".to_owned(), "$6$salt$hash/.".to_owned())]))
}

fn release<'a>(secret: &'a Secret, secrets: &'a Secrets) -> Release<'a> {
    Release { attempt: AttemptId::from_bits(0xa), secret, secrets }
}

fn lines(script: &Script) -> Vec<&str> {
    script.as_str().lines().collect()
}

#[test]
fn an_install_starts_the_kernel_with_the_hosts_network() {
    let (_folder, profiles) = shipped();
    let (host, secret, secrets) = (testing::host("web-01", 10), Secret::placeholder(), secrets());
    let script = run(profiles.get("kali").unwrap(), &host, &release(&secret, &secrets)).unwrap();
    let lines = lines(&script);
    assert_eq!(
        lines[..3],
        ["#!ipxe", "echo Bootmint: installing Kali Linux on web-01", "imgfree ||"]
    );
    assert_eq!(
        lines[3],
        "kernel --name linux --timeout 60000 http://192.0.2.2:8080/files/kali/linux \
         auto=true priority=critical url=http://192.0.2.2:8080/answer/SECRET/preseed.cfg \
         hostname=web-01 domain=example.net netcfg/choose_interface=auto \
         BOOTIF=01-52-54-00-00-00-0a netcfg/disable_autoconfig=true \
         netcfg/get_ipaddress=192.0.2.10 netcfg/get_netmask=255.255.255.0 \
         netcfg/get_gateway=192.0.2.1 netcfg/get_nameservers=192.0.2.53 \
         netcfg/confirm_static=true --- initrd=initrd0 || goto failed"
    );
    assert!(lines[4].ends_with("/files/kali/initrd.gz || goto failed"));
    let report = "/attempt/0000000000000000000000000000000a/fail##params ||";
    assert!(lines.iter().any(|line| line.ends_with(report)));
    assert_eq!(lines.last(), Some(&"exit 1"));
}

#[test]
fn a_host_that_asks_for_dhcp_gets_no_static_network() {
    let (_folder, profiles) = shipped();
    let mut host = testing::host("web-01", 10);
    host.nics[0].addressing = bootmint_image_factory::host::Addressing::Dhcp;
    host.console = Some("ttyS0,115200".parse().unwrap());
    let (secret, secrets) = (Secret::placeholder(), secrets());
    let script = run(profiles.get("debian").unwrap(), &host, &release(&secret, &secrets)).unwrap();
    assert!(!script.as_str().contains("netcfg/get_"));
    assert!(script.as_str().contains(" DEBIAN_FRONTEND=text --- console=ttyS0,115200n8 initrd="));
}

#[test]
fn what_an_installer_cannot_do_is_refused_with_the_reason() {
    let (_folder, profiles) = shipped();
    let mut host = testing::host("web-01", 10);
    host.nics[0].vlan = Some("7".parse().unwrap());
    let (secret, secrets) = (Secret::placeholder(), secrets());
    let error =
        run(profiles.get("ubuntu").unwrap(), &host, &release(&secret, &secrets)).unwrap_err();
    let text = format!("{:#}", anyhow::Error::from(error));
    assert!(text.contains("profile \"ubuntu\"") && text.contains("VLAN"), "{text}");
}

#[test]
fn answer_files_hold_the_secrets_and_the_way_to_report() {
    let (_folder, profiles) = shipped();
    let (mut host, secret, secrets) = (testing::full_host(), Secret::placeholder(), secrets());
    host.vars.insert("mirror-host".parse().unwrap(), "mirror.example".parse().unwrap());
    for name in ["kali", "debian"] {
        let profile = profiles.get(name).unwrap();
        assert_eq!(profile.answers().collect::<Vec<_>>(), ["preseed.cfg"]);
        let text = answer(profile, "preseed.cfg", &host, &release(&secret, &secrets)).unwrap();
        assert!(text.contains("\nd-i passwd/root-password-crypted password $6$salt$hash/.\n"));
        let done = "--post-data=secret=SECRET http://192.0.2.2:8080/attempt/\
                    0000000000000000000000000000000a/done; do ";
        assert!(text.contains(done), "{text}");
        assert!(!text.contains("{{") && !text.contains("{%"));
    }
    let kali = profiles.get("kali").unwrap();
    let missing = answer(kali, "profile.toml", &host, &release(&secret, &secrets));
    assert!(matches!(missing, Err(ScriptError::NoAnswer { .. })));
}

#[test]
fn a_debian_host_without_a_mirror_is_refused_with_what_to_do() {
    let (_folder, profiles) = shipped();
    let (host, secret, secrets) = (testing::full_host(), Secret::placeholder(), secrets());
    let debian = profiles.get("debian").unwrap();
    let error = answer(debian, "preseed.cfg", &host, &release(&secret, &secrets)).unwrap_err();
    assert!(format!("{:#}", anyhow::Error::from(error)).contains("the variable mirror-host"));
}

#[test]
fn scripts_never_see_the_secrets_of_answer_files() {
    let leaky =
        profile("title = \"x\"\n[install]\nkernel = \"k\"\narguments = \"{{ secrets }}\"\n")
            .unwrap();
    let (host, secret, secrets) = (testing::host("a", 1), Secret::placeholder(), secrets());
    assert!(run(&leaky, &host, &release(&secret, &secrets)).is_err());
}

#[test]
fn a_value_that_means_something_is_refused() {
    let (host, secret) = (testing::host("a", 1), Secret::placeholder());
    for (arguments, good) in [
        ("x={{ 'a-b' }}", true),
        ("x={{ 'a b' }}", false),
        ("x={{ 'a\\nreboot' }}", false),
        ("x={{ '${net0/mac}' }}", false),
        ("x={{ 'a||b' }}", false),
        ("x={{ host.nothing }}", false),
        ("x={{ host.uuid }}", false),
        ("{% autoescape false %}{{ 'a b' }}{% endautoescape %}", false),
        ("{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}", false),
    ] {
        let text =
            format!("title = \"x\"\n[install]\nkernel = \"k\"\narguments = '''{arguments}'''\n");
        let secrets = secrets();
        let result =
            profile(&text).map(|profile| run(&profile, &host, &release(&secret, &secrets)).is_ok());
        assert_eq!(result.unwrap_or(false), good, "{arguments}");
    }
}

#[test]
fn profiles_are_checked_when_they_are_loaded() {
    let install = "title = \"x\"\n[install]\nkernel = \"k\"\narguments = \"a\"\n";
    assert!(profile(install).is_ok());
    for bad in [
        "",
        "title = \"x\"\n",
        "title = \"x\\ny\"\n[shell]\n",
        "title = \"x\"\n[shell]\n[chain]\nurl = \"http://a\"\n",
        "title = \"x\"\n[shell]\nx = 1\n",
        "title = \"x\"\n[chain]\nurl = \"{{\"\n",
        "title = \"x\"\n[install]\nkernel = \"../k\"\narguments = \"\"\n",
        "title = \"x\"\n[install]\nkernel = \"k x\"\narguments = \"\"\n",
        &format!("{install}answers = {{ \"../x\" = \"preseed\" }}\n"),
        &format!("{install}answers = {{ \"missing.cfg\" = \"preseed\" }}\n"),
        &format!("{install}answers = {{ \"bad.cfg\" = \"preseed\" }}\n"),
        &format!("{install}answers = {{ \"good.cfg\" = \"words\" }}\n"),
    ] {
        assert!(profile(bad).is_err(), "{bad}");
    }
    let good = format!("{install}answers = {{ \"good.cfg\" = \"preseed\" }}\n");
    assert!(profile(&good).is_ok());
    assert!(Profiles::load(Path::new("/nonexistent")).is_err());
}

#[test]
fn the_other_kinds_are_one_command() {
    let (host, secret, secrets) = (testing::host("a", 1), Secret::placeholder(), secrets());
    let script = |text: &str| run(&profile(text).unwrap(), &host, &release(&secret, &secrets));
    let chain = script("title = \"x\"\n[chain]\nurl = \"http://b/{{ host.name }}\"\n").unwrap();
    assert!(chain.as_str().contains("\nchain --autofree --timeout 60000 http://b/a || exit 1\n"));
    let san = "title = \"x\"\n[sanboot]\ntarget = \"iscsi:192.0.2.9:::1:iqn.2026-01.net.x:{{ host.name }}\"\nuser = \"u\"\npassword = \"{{ secrets['chap'] }}\"\n";
    assert!(script(san).is_err(), "the secret is not there");
    let chap = Secrets::new(BTreeMap::from([("chap".to_owned(), "pass-1".to_owned())]));
    let san = run(&profile(san).unwrap(), &host, &release(&secret, &chap)).unwrap();
    let lines = lines(&san);
    assert_eq!(
        lines[2..],
        [
            "clear initiator-iqn ||",
            "set username u",
            "set password pass-1",
            "sanboot iscsi:192.0.2.9:::1:iqn.2026-01.net.x:a || exit 1",
        ]
    );
    assert!(script("title = \"x\"\n[shell]\n").unwrap().as_str().ends_with("shell\nexit 0\n"));
}

#[test]
fn local_ends_well_and_held_asks_again() {
    let host = testing::host("web-01", 1);
    assert!(local(Some(&host)).as_str().ends_with("\nexit 0\n"));
    assert!(local(None).as_str().ends_with("\nexit 0\n"));
    let hold = hold(&host, Seconds::new(30));
    assert!(hold.as_str().contains("\nsleep 30\nchain --replace "));
    assert!(hold.as_str().ends_with("|| goto wait\n"));
}

#[test]
fn a_machine_without_a_ticket_asks_again_by_the_interface_that_asked() {
    let host = testing::full_host();
    let held = hold(&host, Seconds::new(30));
    let named = without_ticket(&held, &host, Some("net1-7".parse().unwrap()));
    assert_eq!(lines(&named)[2], "isset ${bootmint-nic} || set bootmint-nic net1-7");
    let found = without_ticket(&held, &host, None);
    for mac in host.nics.iter().filter_map(|nic| nic.mac) {
        let line = format!("iseq ${{${{bootmint-nic}}/mac}} {mac} && goto bootmint-known ||");
        assert!(lines(&found).contains(&line.as_str()), "{}", found.as_str());
    }
    let mut unknown = host.clone();
    unknown.nics.iter_mut().for_each(|nic| nic.mac = None);
    let first = without_ticket(&held, &unknown, None);
    assert!(!first.as_str().contains("inc "), "there is nothing to look for");
    for script in [&named, &found, &first] {
        assert_eq!(check_script(script), Ok(()));
        assert!(script.as_str().starts_with("#!ipxe\nisset ${bootmint-url} || set bootmint-url "));
    }
}

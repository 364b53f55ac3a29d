//! Trust roots: HTTPS from a server whose root is in the firmware and from no other, and signed
//! payloads that run while altered ones do not.
//!
//! One boot asks many servers in turn: its script reports each result by plain HTTP.

use crate::scene::{Scene, WEB, feed, url};
use bootmint_image_factory::{format::Format, ticket::Patience};
use bootmint_ipxe_src::{
    cache::Cache,
    profile::{self, Profile},
};
use bootmint_tests::{
    boot_server::Reply,
    disks, firmware,
    guest::SWITCHED_OFF,
    images,
    lab::{self, Lab},
    run::tool,
    tls::{Authority, Kind, TlsFront, Validity},
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Mutex,
};
use xtask::{
    qemu::{Board, Machine, Medium},
    sign::Signer,
};

/// The Debian packages that these tests need.
const TOOLS: [&str; 3] = ["qemu-system-x86", "ovmf", "openssl"];
/// The gateway, which is this computer.
const HERE: &str = "192.0.2.1";
/// What the console shows of the other [`Servers`]: docs/firmware.md explains it to users. Where
/// no root is found, or a certificate has expired, iPXE would ask for a cross-signed one, which
/// is switched off; hence one error for both.
const SHOWN: [&str; 4] = [
    "ok",
    "Invalid argument (https://ipxe.org/",
    "Invalid argument (https://ipxe.org/",
    "Permission denied (https://ipxe.org/",
];
/// A script that is served with its signature.
const SIGNED: &str = "#!ipxe\n\
    imgfetch --autofree ${report}?case=signed-script&result=0 ||\n\
    echo SIGNED-SCRIPT-RAN\n\
    sleep 1\n\
    reboot\n";

/// The root that the tests' firmware trusts: one for all runs, so that it is compiled once.
fn authority() -> anyhow::Result<Authority> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    Authority::lasting("trusted", Kind::Rsa, &lab::lasting_folder("trust")?)
}

/// The shipped profile `kvm` with the tests' root and one more line.
fn profile(folder: &Path, name: &str, more: &str) -> anyhow::Result<Profile> {
    fs::write(folder.join("root.pem"), authority()?.pem())?;
    let text = include_str!("../../../ipxe-src/profiles/kvm.toml")
        .replacen("\"kvm\"\n", &format!("\"{name}\"\n"), 1)
        .replacen("[options]", &format!("trust = [\"root.pem\"]\n{more}\n[options]"), 1);
    let path = folder.join(format!("{name}.toml"));
    fs::write(&path, text)?;
    Ok(profile::load(&path.to_string_lossy())?)
}

fn scene(name: &str, profile_name: &str, more: &str) -> anyhow::Result<Option<Scene>> {
    let Some(lab) = Lab::with(name, &TOOLS)? else { return Ok(None) };
    let profile = profile(lab.folder(), profile_name, more)?;
    let Some(firmware) = firmware::compiled_as(&profile)? else {
        lab::skip(name, "iPXE's source is not in the cache: run `cargo xtask source fetch`");
        return Ok(None);
    };
    Scene::with(lab, firmware).map(Some)
}

/// The signature of `text`, made as users make it.
fn signature(folder: &Path, text: &str) -> anyhow::Result<Vec<u8>> {
    let (cert, key) = authority()?.signer(Kind::Rsa)?.write(folder, "signer")?;
    let (file, signature) = (folder.join("payload"), folder.join("payload.sig"));
    fs::write(&file, text)?;
    let signer = Signer::new(cert, key.to_string_lossy().into_owned(), None, &mut |_| ())?;
    signer.sign(&file, &signature, &mut |_| ())?;
    Ok(fs::read(signature)?)
}

/// Servers that a machine must trust, and others that it must not.
struct Servers {
    good: TlsFront,
    others: Vec<(&'static str, TlsFront)>,
}

impl Servers {
    fn start(upstream: u16) -> anyhow::Result<Self> {
        let (trusted, stranger) = (authority()?, Authority::new("stranger", Kind::Ecdsa)?);
        let front = |pair| TlsFront::start(pair, upstream, None);
        let here = &[HERE][..];
        let others = [
            ("ecdsa", trusted.server(Kind::Ecdsa, here, Validity::Now)?),
            ("stranger", stranger.server(Kind::Ecdsa, here, Validity::Now)?),
            ("expired", trusted.server(Kind::Ecdsa, here, Validity::Over)?),
            ("misnamed", trusted.server(Kind::Ecdsa, &["192.0.2.99"], Validity::Now)?),
        ];
        let others = others.map(|(name, pair)| Ok((name, front(pair)?)));
        Ok(Self {
            good: front(trusted.server(Kind::Rsa, here, Validity::Now)?)?,
            others: others.into_iter().collect::<anyhow::Result<_>>()?,
        })
    }

    /// A script that fetches a file from each, and reports how that went.
    fn script(&self, web: &str) -> String {
        let mut script = format!("#!ipxe\nset report {web}/report\n");
        let mut case = |name: &str, lines: &str| {
            script.push_str(&format!(
                "set result 0\n{lines}imgfetch --autofree ${{report}}?case={name}&result=${{result}} ||\n"
            ));
        };
        for (name, front) in &self.others {
            let file = format!("https://{HERE}:{}/from/{name}", front.port());
            case(name, &format!("imgfetch --autofree {file} || set result ${{errno}}\n"));
        }
        let fetch = |file: &str| format!("imgfetch --name {file} {web}/{file}.ipxe ||\n");
        let verify =
            |file: &str| format!("imgverify {file} {web}/good.ipxe.sig || set result ${{errno}}\n");
        case("good", &(fetch("good") + &verify("good")));
        case("altered", &(fetch("altered") + &verify("altered")));
        case("unsigned", "imgtrust --permanent\nimgexec altered || set result ${errno}\n");
        case("permanent", "imgtrust --allow || set result ${errno}\n");
        script + "imgexec good ||\necho NOTHING-RAN\nsleep 1\npoweroff\n"
    }
}

/// What the machine reported, by case.
fn results(scene: &Scene) -> BTreeMap<String, String> {
    let requests = scene.server.requests();
    let reports = requests.iter().filter(|request| request.path == "/report");
    reports.filter_map(|report| Some((report.field("case")?, report.field("result")?))).collect()
}

fn trusts_its_root_and_no_other(name: &str, uefi: bool) -> anyhow::Result<()> {
    let Some(scene) = scene(name, "kvm-trust", "")? else { return Ok(()) };
    let servers = Servers::start(scene.server.port())?;
    let altered = SIGNED.replace("signed-script", "altered-script");
    let sign = signature(scene.lab.folder(), SIGNED)?;
    for (path, body) in [
        ("/boot", servers.script(&url(&scene.server)).into_bytes()),
        ("/from", b"a file\n".to_vec()),
        ("/good.ipxe.sig", sign),
        ("/good.ipxe", SIGNED.into()),
        ("/altered.ipxe", altered.into_bytes()),
    ] {
        scene.server.answer(path, Reply::ok(body));
    }
    let board = if uefi { scene.lab.uefi()? } else { Board::Bios };
    let feed = feed(WEB, &format!("https://{HERE}:{}", servers.good.port()));
    let image = scene.image(&feed, Format::Iso, &Patience::default())?;
    let guest = scene.lab.start("boot", &scene.machine(board, image, Medium::Cd, WEB)?)?;
    let text = guest.expect_exit(SWITCHED_OFF)?;
    assert!(text.contains("SIGNED-SCRIPT-RAN") && !text.contains("NOTHING-RAN"), "{text}");

    let results = results(&scene);
    for case in ["ecdsa", "good", "signed-script"] {
        assert_eq!(results.get(case).map(String::as_str), Some("0"), "{case}: {results:?}");
    }
    for case in ["stranger", "expired", "misnamed", "altered", "unsigned", "permanent"] {
        let result = results.get(case).map(String::as_str);
        assert!(result.is_some_and(|result| result != "0"), "{case}: {results:?}\n{text}");
    }
    assert!(!results.contains_key("altered-script"), "{results:?}");
    let asked = |path: &str| scene.server.requests().iter().any(|r| r.path == path);
    for ((name, front), shown) in servers.others.iter().zip(SHOWN) {
        assert_eq!(asked(&format!("/from/{name}")), *name == "ecdsa", "{name}");
        let shown = format!("https://{HERE}:{}/from/{name}... {shown}", front.port());
        assert!(text.contains(&shown), "{shown}: {text}");
    }
    Ok(())
}

#[test]
fn bios_trusts_its_root_and_no_other() -> anyhow::Result<()> {
    trusts_its_root_and_no_other("trust-bios", false)
}

#[test]
fn uefi_trusts_its_root_and_no_other() -> anyhow::Result<()> {
    trusts_its_root_and_no_other("trust-uefi", true)
}

/// Whether a file below `folder` holds `secret`.
fn leaks(folder: &Path, secret: &[u8]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(leaks(&path, secret)?);
        } else if fs::read(&path)?.windows(secret.len()).any(|window| window == secret) {
            found.push(path);
        }
    }
    Ok(found)
}

/// The machine is asked for a certificate and has one; its key stays nowhere but in the firmware.
#[test]
fn a_machine_shows_its_client_certificate() -> anyhow::Result<()> {
    const NAME: &str = "client-certificate";
    let Some(lab) = Lab::with(NAME, &TOOLS)? else { return Ok(()) };
    let authority = authority()?;
    let (cert, key) = {
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock();
        authority.lasting_client(&lab::lasting_folder("trust")?)?
    };
    let with = |key: &Path| {
        let client =
            format!("client = {{ cert = \"{}\", key = \"{}\" }}", cert.display(), key.display());
        profile(lab.folder(), "kvm-client", &client)
    };
    let (_, other) = authority.client(Kind::Rsa)?.write(lab.folder(), "other")?;
    let Some(firmware) = firmware::compiled_as(&with(&key)?)? else {
        lab::skip(NAME, "iPXE's source is not in the cache: run `cargo xtask source fetch`");
        return Ok(());
    };
    match firmware::compiled_as(&with(&other)?) {
        Ok(_) => anyhow::bail!("a key that is not the certificate's was taken"),
        Err(error) => {
            let error = format!("{error:#}");
            assert!(error.contains("is not the key of the client certificate"), "{error}");
        }
    }
    let cache = Cache::open(None)?;
    let folder = cache.firmware(&firmware.manifest.key);
    assert_eq!(fs::metadata(&folder)?.permissions().mode() & 0o077, 0, "others could read it");
    let der = tool(
        "openssl",
        ["rsa".as_ref(), "-outform".as_ref(), "DER".as_ref(), "-in".as_ref(), key.as_os_str()],
    )?;
    let secret = &der[der.len() / 2..][..48]; // of the private exponent or a prime
    for entry in fs::read_dir(cache.work())? {
        let bin = entry?.path().join("src/bin");
        let closed = bin.parent().is_some_and(|src| {
            fs::metadata(src).is_ok_and(|about| about.permissions().mode() & 0o077 == 0)
        });
        if closed && bin.is_dir() {
            let found = leaks(&bin, secret)?;
            assert!(found.is_empty(), "{found:?}");
        }
    }

    let scene = Scene::with(lab, firmware)?;
    let pair = authority.server(Kind::Ecdsa, &[HERE], Validity::Now)?;
    let front = TlsFront::start(pair, scene.server.port(), Some(&authority))?;
    let feed = feed(WEB, &format!("https://{HERE}:{}", front.port()));
    let image = scene.image(&feed, Format::Iso, &Patience::default())?;
    scene.announces("boot", &scene.machine(Board::Bios, image, Medium::Cd, WEB)?, WEB)?;
    Ok(())
}

/// A profile that demands signed payloads: its tickets run a signed answer...
#[test]
fn a_signed_answer_runs() -> anyhow::Result<()> {
    let Some(scene) = scene("signed-answer", "kvm-signed", "payloads = \"signed\"")? else {
        return Ok(());
    };
    let answer = SIGNED.replace("${report}", &format!("{}/report", url(&scene.server)));
    scene
        .server
        .answer("/boot/web-01.ipxe.sig", Reply::ok(signature(scene.lab.folder(), &answer)?));
    scene.server.answer("/boot/web-01.ipxe", Reply::ok(answer));
    let image = scene.image(&feed(WEB, &url(&scene.server)), Format::Usb, &images::impatient())?;
    let machine = scene.machine(scene.lab.uefi()?, image, Medium::Disk, WEB)?;
    let text = scene.lab.start("boot", &machine)?.expect_exit(SWITCHED_OFF)?;
    assert!(text.contains("SIGNED-SCRIPT-RAN"), "{text}");
    assert_eq!(results(&scene).get("signed-script").map(String::as_str), Some("0"));
    Ok(())
}

/// ...and boot the local disk when it was altered.
#[test]
fn an_altered_answer_does_not_run() -> anyhow::Result<()> {
    let Some(scene) = scene("altered-answer", "kvm-signed", "payloads = \"signed\"")? else {
        return Ok(());
    };
    let sign = signature(scene.lab.folder(), SIGNED)?;
    scene.server.answer("/boot/web-01.ipxe.sig", Reply::ok(sign));
    scene.server.answer("/boot/web-01.ipxe", Reply::ok(SIGNED.replace("SIGNED", "ALTERED")));
    let image = scene.image(&feed(WEB, &url(&scene.server)), Format::Iso, &images::impatient())?;
    let disks = vec![scene.lab.local_disk("inner")?];
    let machine = Machine { disks, ..scene.machine(Board::Bios, image, Medium::Cd, WEB)? };
    let guest = scene.lab.start("boot", &machine)?;
    guest.expect(&disks::bios_marker("inner", 0x80))?;
    let text = guest.expect_exit(disks::BIOS_EXIT)?;
    assert!(text.contains("Could not verify") && !text.contains("ALTERED-SCRIPT-RAN"), "{text}");
    Ok(())
}

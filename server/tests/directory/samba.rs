//! A Samba domain controller on a loopback address of its own.

use crate::{
    admin::Admin,
    authority::{Authority, Pair},
    run::{Server, shell},
};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        OnceLock,
        atomic::{AtomicU8, Ordering},
    },
};

pub(crate) const ADMIN: &str = "Administrator@ad.test";
pub(crate) const PASSWORD: &str = "Adm1n-pass-word";
pub(crate) const BASE: &str = "DC=ad,DC=test";

/// A running controller.
pub(crate) struct Samba {
    pub(crate) ip: Ipv4Addr,
    pub(crate) ca: PathBuf,
    #[allow(dead_code, reason = "only tests of Kerberos need it")]
    pub(crate) config: PathBuf,
    _server: Server,
    _folder: tempfile::TempDir,
}

/// The controller that the tests share, or nothing where Samba is not installed or its ports
/// cannot be had: loudly, and not in CI.
pub(crate) async fn shared() -> Option<&'static Samba> {
    static SAMBA: OnceLock<Option<Samba>> = OnceLock::new();
    let start = || SAMBA.get_or_init(|| Samba::start(true)).as_ref();
    tokio::task::spawn_blocking(start).await.unwrap()
}

/// An address that no other run of these tests has.
pub(crate) fn loopback() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [high, low] = u16::try_from(std::process::id() % 65_521).unwrap().to_be_bytes();
    Ipv4Addr::new(127, high.saturating_add(1), low, NEXT.fetch_add(1, Ordering::Relaxed))
}

fn missing() -> Option<&'static str> {
    let there = |file: &str| Path::new(file).exists();
    if !there("/usr/sbin/samba") || !there("/usr/share/samba/setup/provision.ldif") {
        return Some("Samba is not installed (Debian: samba-ad-dc samba-ad-provision)");
    }
    TcpListener::bind((loopback(), 636))
        .is_err()
        .then_some("the LDAP ports of a controller are fixed, and this user may not open them")
}

impl Samba {
    /// Starts one; its certificate names its address, or nothing at all.
    pub(crate) fn start(with_name: bool) -> Option<Self> {
        if let Some(why) = missing() {
            assert!(std::env::var_os("CI").is_none(), "CI must have this: {why}");
            println!("SKIPPED: {why}");
            return None;
        }
        let ip = loopback();
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        let authority = Authority::new(home, "site-ca");
        let names: &[String] = if with_name { &[ip.to_string()] } else { &[] };
        let pair = authority.sign(home, names);
        let mut copy = shell("cp -a \"$1\" \"$2\"", &[text(provisioned()), text(&home.join("dc"))]);
        assert!(copy.status().unwrap().success());
        let config = home.join("smb.conf");
        fs::create_dir_all(home.join("dc/run")).unwrap();
        fs::write(&config, smb_conf(&home.join("dc"), ip, &pair, &authority.file)).unwrap();
        let server = Server::start(
            "/usr/sbin/samba -s \"$1\" -F --no-process-group -M single",
            &[text(&config)],
            home,
            SocketAddr::from((ip, 636)),
        );
        Some(Self { ip, ca: authority.file, config, _server: server, _folder: folder })
    }

    pub(crate) async fn admin(&self) -> Admin {
        Admin::connect(&format!("ldaps://{}", self.ip), &self.ca, ADMIN, PASSWORD).await
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn smb_conf(home: &Path, ip: Ipv4Addr, pair: &Pair, ca: &Path) -> String {
    let (home, ca) = (home.display(), ca.display());
    let (certificate, key) = (pair.certificate.display(), pair.key.display());
    format!(
        "[global]\nnetbios name = DC1\nrealm = AD.TEST\nworkgroup = ADTEST\n\
         server role = active directory domain controller\n\
         interfaces = {ip}/8\nbind interfaces only = yes\n\
         server services = ldap, cldap, kdc\n\
         ldap server require strong auth = allow_sasl_over_tls\n\
         private dir = {home}/private\nlock directory = {home}\nstate directory = {home}/state\n\
         cache directory = {home}/cache\nbinddns dir = {home}/bind-dns\n\
         pid directory = {home}/run\nncalrpc dir = {home}/run/ncalrpc\nlog file = {home}/log\n\
         tls certfile = {certificate}\ntls keyfile = {key}\ntls cafile = {ca}\n"
    )
}

/// A freshly provisioned domain: made once, and kept beside the other things that tests build.
fn provisioned() -> &'static Path {
    static DOMAIN: OnceLock<PathBuf> = OnceLock::new();
    DOMAIN.get_or_init(|| {
        let version =
            shell("/usr/sbin/samba --version | tr -cd 'a-zA-Z0-9.-'", &[]).output().unwrap();
        let version = String::from_utf8(version.stdout).unwrap();
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let domain = cache.join(format!("domain-1-{version}"));
        if domain.is_dir() {
            return domain;
        }
        let fresh = tempfile::tempdir_in(cache).unwrap();
        // An empty configuration, or the system's own leaks in.
        let script = r#"
            : >"$1/empty.conf"
            samba-tool domain provision -s "$1/empty.conf" --targetdir="$1/domain" \
                --realm=AD.TEST --domain=ADTEST --server-role=dc --dns-backend=NONE \
                --adminpass="$2" --host-name=dc1 --host-ip=127.0.0.1 \
                --option="interfaces=127.0.0.1/8" --option="bind interfaces only=yes" 2>&1
        "#;
        let arguments = [text(fresh.path()), PASSWORD];
        let made = shell(script, &arguments).stdin(Stdio::null()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        // Another run may have been faster; its domain is as good.
        let _ = fs::rename(fresh.path().join("domain"), &domain);
        domain
    })
}

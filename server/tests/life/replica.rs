//! Processes of the real server, several on one database, that can be killed at any moment.

use crate::{client::Answer, site};
use bootmint_server::{app::App, config, db::Actor, time::Timestamp};
use std::{
    fs,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a process may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// A site whose server runs in processes of its own. `app` is another user of its database.
pub(crate) struct Site {
    pub(crate) app: App,
    config: PathBuf,
    _folder: tempfile::TempDir,
}

/// A process of the server; it is killed in the end.
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    child: Child,
    config: PathBuf,
}

impl Site {
    /// A site with these hosts in the database at `url`.
    pub(crate) async fn new(url: &str, hosts: &[String]) -> Self {
        Self::with(url, hosts, "").await
    }

    /// Likewise, with more sections in the configuration.
    pub(crate) async fn with(url: &str, hosts: &[String], more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = config::init(&folder.path().join("site")).unwrap().config;
        let text = format!(
            "[boot]\nlisten = \"127.0.0.1:0\"\n[database]\nurl = \"{url}\"\n[paths]\n\
             files = \"files\"\nprofiles = \"profiles\"\nsecrets = \"secrets.toml\"\n\
             token-key = \"token.key\"\n[install]\nprofile = \"kali\"\n[log]\nlevel = \"error\"\n{more}"
        );
        fs::write(&file, text).unwrap();
        let secrets = file.with_file_name("secrets.toml");
        fs::write(&secrets, "root-password-hash = \"$6$s$h\"\n").unwrap();
        fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
        let app = App::open(config::load(&file, []).unwrap()).await.unwrap();
        let server = "http://127.0.0.1:1";
        let hosts: Vec<_> =
            hosts.iter().enumerate().map(|(i, name)| site::host(server, name, i + 1)).collect();
        app.import(&hosts, &Actor::person("root"), Timestamp::now()).await.unwrap();
        Self { app, config: file, _folder: folder }
    }

    /// Puts a file where machines fetch it from.
    pub(crate) fn put(&self, name: &str, content: &[u8]) {
        fs::write(self.config.with_file_name("files").join(name), content).unwrap();
    }

    /// Starts a process, and waits until it answers.
    pub(crate) fn replica(&self) -> Replica {
        let address = free();
        let child = start(&self.config, address);
        let replica = Replica { address, child, config: self.config.clone() };
        replica.wait();
        replica
    }

    /// Starts a process while the database is away, and waits until it says that it waits.
    pub(crate) fn waiting_replica(&self) -> Replica {
        let address = free();
        let mut child = command(&self.config, address)
            .env("BOOTMINT_LOG__LEVEL", "warn")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let waits = lines.any(|line| line.unwrap().contains("waiting for the database"));
        assert!(waits, "it ended, or closed its log");
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Replica { address, child, config: self.config.clone() }
    }
}

fn free() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn start(config: &std::path::Path, address: SocketAddr) -> Child {
    command(config, address).spawn().unwrap()
}

#[allow(clippy::disallowed_methods, reason = "the test starts and kills the real server")]
fn command(config: &std::path::Path, address: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootmint"));
    command
        .arg("serve")
        .env("BOOTMINT_CONFIG", config)
        .env("BOOTMINT_BOOT__LISTEN", address.to_string())
        .env("BOOTMINT_CONSOLE__LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null());
    command
}

impl Replica {
    /// Kills the process without a warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells the process to read its files again.
    pub(crate) fn hang_up(&self) {
        self.signal("HUP");
    }

    /// Tells the process to come to its end.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    #[allow(clippy::disallowed_methods, reason = "signals are sent as an administrator does")]
    fn signal(&self, name: &str) {
        // The shell's own: small systems have no program of that name.
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits until the process has ended, and says whether it ended well.
    pub(crate) fn ended_well(&mut self) -> bool {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(start.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether the process runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Starts it again where it was.
    pub(crate) fn start_again(&mut self) {
        self.child = start(&self.config, self.address);
        self.wait();
    }

    /// Waits until it answers.
    pub(crate) fn wait(&self) {
        let start = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert!(start.elapsed() < PATIENCE, "the server does not answer");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the answer starts an installer.
pub(crate) fn installs(answer: &Answer) -> bool {
    answer.status == 200 && answer.body.contains("/attempt/")
}

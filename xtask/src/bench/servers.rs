//! The servers that a benchmark asks, and what each has taken so far.

use super::disk;
use anyhow::{Context, bail};
use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use xshell::{Shell, cmd};

/// How long a server may take to come up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that is killed in the end.
struct Process(Child);

impl Process {
    #[allow(clippy::disallowed_methods, reason = "servers that outlive a call of xshell's cmd!")]
    fn start(
        program: &Path,
        args: &[&str],
        log: &Path,
        env: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let log = fs::File::create(log)?;
        let child = Command::new(program)
            .args(args)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        Ok(Self(child))
    }

    fn wait_for(&mut self, port: u16) -> anyhow::Result<()> {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = self.0.try_wait()? {
                bail!("the server on port {port} ended with {status}");
            }
            if start.elapsed() > PATIENCE {
                bail!("no server came up on port {port}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM lets servers with children end them; xshell's own kill has SIGKILL only.
        if let Some(pid) = rustix::process::Pid::from_raw(self.0.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        }
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if matches!(self.0.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// nginx, which sends files of a folder.
pub(super) struct Nginx {
    pub(super) url: String,
    process: Process,
}

impl Nginx {
    /// Starts one that sends the files of `folder`, in which it also writes; `rules` go into its
    /// `server` section. It logs each request, as it does unless told otherwise, or none.
    pub(super) fn start(folder: &Path, rules: &str, logs: bool) -> anyhow::Result<Self> {
        let (root, port) = (folder.display(), free_port()?);
        let log = if logs { format!("{root}/access.log") } else { "off".to_owned() };
        let config = format!(
            "daemon off; master_process on; worker_processes auto; pid {root}/pid;\n\
             error_log {root}/error.log; worker_rlimit_nofile 8192;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log {log}; sendfile on; tcp_nopush on; keepalive_requests 1000000;\n\
             client_body_temp_path {root}; proxy_temp_path {root}; fastcgi_temp_path {root};\n\
             uwsgi_temp_path {root}; scgi_temp_path {root};\n\
             server {{ listen 127.0.0.1:{port} backlog=4096; root {root}; {rules} }} }}\n"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, config)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        let args = ["-c", file.to_str().context("the folder's name is no UTF-8")?];
        let log = folder.join("log");
        let mut process = Process::start(Path::new("nginx"), &args, &log, &[])?;
        process.wait_for(port)?;
        Ok(Self { url: format!("http://127.0.0.1:{port}"), process })
    }

    /// The processor time that it and its workers have taken.
    pub(super) fn cpu_time(&self) -> anyhow::Result<Duration> {
        disk::cpu_time_of(self.process.0.id())
    }
}

/// A PostgreSQL server with its usual durability.
pub(super) struct Postgres {
    pub(super) url: String,
    _process: Process,
}

impl Postgres {
    /// Starts one; none if PostgreSQL is not installed.
    pub(super) fn start(folder: &Path) -> anyhow::Result<Option<Self>> {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let bins = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
        let bin = bins.chain([PathBuf::from("/usr/bin")]).find(|bin| bin.join("initdb").exists());
        let Some(bin) = bin else { return Ok(None) };
        fs::create_dir(folder)?;
        let (shell, port) = (Shell::new()?, free_port()?.to_string());
        let (initdb, data) = (bin.join("initdb"), folder.join("data"));
        // PostgreSQL refuses to run as root, and must reach its folder.
        let root = rustix::process::geteuid().is_root();
        let user = ["--reuid=postgres", "--regid=postgres", "--clear-groups"];
        let words: &[&str] = if root { &user } else { &[] };
        let mut program = bin.join("postgres");
        if root {
            cmd!(shell, "chown postgres {folder}").quiet().run()?;
            let options = ["-A", "trust", "-U", "postgres", "-D"];
            cmd!(shell, "setpriv {words...} {initdb} {options...} {data}")
                .quiet()
                .ignore_stdout()
                .run()?;
        } else {
            let options = ["-A", "trust", "-U", "postgres", "-D"];
            cmd!(shell, "{initdb} {options...} {data}").quiet().ignore_stdout().run()?;
        }
        let mut args: Vec<String> = Vec::new();
        if root {
            args.extend(words.iter().map(|word| (*word).to_owned()));
            args.push(program.display().to_string());
            program = PathBuf::from("setpriv");
        }
        args.extend(["-D".to_owned(), data.display().to_string()]);
        args.extend(
            ["-h", "127.0.0.1", "-k", "", "-c", "max_connections=100", "-p"].map(str::to_owned),
        );
        args.push(port.clone());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut process = Process::start(&program, &args, &folder.with_extension("log"), &[])?;
        process.wait_for(port.parse()?)?;
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        Ok(Some(Self { url, _process: process }))
    }
}

/// The folder of a server: its configuration, its secrets, and its commands.
pub(super) struct Site {
    program: PathBuf,
    folder: PathBuf,
    settings: Vec<(&'static str, String)>,
}

impl Site {
    /// Makes the folder, for the database at this URL.
    pub(super) fn make(program: &Path, folder: &Path, database: &str) -> anyhow::Result<Self> {
        let shell = Shell::new()?;
        cmd!(shell, "{program} init {folder}").quiet().ignore_stdout().run()?;
        let config = folder.join("bootmint.toml").display().to_string();
        let settings =
            vec![("BOOTMINT_CONFIG", config), ("BOOTMINT_DATABASE__URL", database.to_owned())];
        Ok(Self { program: program.to_owned(), folder: folder.to_owned(), settings })
    }

    /// Sets a value of the configuration, by its name in the environment.
    pub(super) fn set(&mut self, name: &'static str, value: String) {
        self.settings.push((name, value));
    }

    /// A file of it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Runs a command of the server's program; returns what it prints.
    pub(super) fn run(&self, args: &[&str]) -> anyhow::Result<String> {
        let (shell, program) = (Shell::new()?, &self.program);
        for (name, value) in &self.settings {
            shell.set_var(name, value);
        }
        Ok(cmd!(shell, "{program} {args...}").quiet().read()?)
    }

    /// Starts the server.
    pub(super) fn serve(mut self) -> anyhow::Result<Served> {
        let (port, console_port) = (free_port()?, free_port()?);
        let [listen, console] = [port, console_port].map(|port| format!("127.0.0.1:{port}"));
        self.set("BOOTMINT_BOOT__LISTEN", listen.clone());
        self.set("BOOTMINT_CONSOLE__LISTEN", console.clone());
        self.set("BOOTMINT_LOG__LEVEL", "warn".to_owned());
        let log = self.file("server.log");
        let mut process = Process::start(&self.program, &["serve"], &log, &self.settings)?;
        process.wait_for(port)?;
        process.wait_for(console_port)?;
        let (url, console) = (format!("http://{listen}"), format!("http://{console}"));
        Ok(Served { url, console, site: self, process })
    }
}

/// The server.
pub(super) struct Served {
    /// Where machines ask.
    pub(super) url: String,
    /// Where people and programs do.
    pub(super) console: String,
    site: Site,
    process: Process,
}

impl Served {
    /// Its resident memory.
    pub(super) fn memory_kib(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let words = line.context("the kernel tells no VmRSS")?.trim();
        Ok(words.trim_end_matches("kB").trim().parse()?)
    }

    /// The processor time that it has taken.
    pub(super) fn cpu_time(&self) -> anyhow::Result<Duration> {
        disk::cpu_time_of(self.process.0.id())
    }

    /// Verifies the audit chain; returns how many rows it has.
    pub(super) fn verify_audit(&self) -> anyhow::Result<u64> {
        let told = self.site.run(&["audit", "verify"])?;
        let rows = told.split(' ').find_map(|word| word.parse().ok());
        rows.with_context(|| format!("reading \"{told}\""))
    }
}

//! The parts of the boot storm: the client, and the servers that it asks.

use super::server::Run;
use anyhow::{Context, bail};
use std::{
    fmt::Write as _,
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

/// What a machine sends of itself, as its ticket does.
const FACTS: &str = "ticket=1&nic=net0&mac=52%3A54%3A00%3A00%3A00%3A01&manufacturer=QEMU\
                     &product=Standard+PC&platform=pcbios&arch=i386&version=2.0.0";

/// wrk, which asks for one host after the other on each of its threads.
pub(super) struct Client {
    script: PathBuf,
    feed: PathBuf,
    connections: usize,
    seconds: usize,
}

impl Client {
    pub(super) fn new(
        scratch: &Path,
        hosts: usize,
        connections: usize,
        seconds: usize,
    ) -> anyhow::Result<Self> {
        let mut feed = "name,mac,address,gateway,server,token\n".to_owned();
        for host in 0..hosts {
            let (high, low) = (host / 250, host % 250 + 2);
            writeln!(
                feed,
                "host-{host},52:54:00:{:02x}:{:02x}:{:02x},10.{}.{}.{low}/24,10.{}.{}.1,\
                 http://127.0.0.1:8080,token-of-host-{host:08}",
                host >> 16,
                (host >> 8) & 255,
                host & 255,
                high / 250,
                high % 250,
                high / 250,
                high % 250,
            )?;
        }
        let script = format!(
            r#"
local hosts, threads, facts = {hosts}, 0, "{FACTS}"
function setup(thread) thread:set("first", threads); threads = threads + 1 end
function init() next_host = first * math.floor(hosts / 2) end
function request()
  next_host = (next_host + 1) % hosts
  return wrk.format("POST", string.format("/boot/token-of-host-%08d", next_host),
    {{["Content-Type"] = "application/x-www-form-urlencoded"}}, facts)
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %f %f %f %d\n", summary.requests,
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
"#
        );
        let (script_file, feed_file) = (scratch.join("storm.lua"), scratch.join("hosts.csv"));
        fs::write(&script_file, script)?;
        fs::write(&feed_file, feed)?;
        Ok(Self { script: script_file, feed: feed_file, connections, seconds })
    }

    pub(super) fn run(&self, url: &str) -> anyhow::Result<Run> {
        let (shell, script) = (Shell::new()?, &self.script);
        let (connections, seconds) = (self.connections.to_string(), self.seconds.to_string());
        let output =
            cmd!(shell, "wrk -t 2 -c {connections} -d {seconds}s --timeout 10s -s {script} {url}")
                .quiet()
                .read()?;
        parse(&output).with_context(|| format!("reading the figures of wrk:\n{output}"))
    }
}

fn parse(output: &str) -> Option<Run> {
    let line = output.lines().find_map(|line| line.strip_prefix("RESULT "))?;
    let mut words = line.split(' ');
    let run = Run {
        requests: words.next()?.parse().ok()?,
        per_second: words.next()?.parse().ok()?,
        p50_ms: words.next()?.parse().ok()?,
        p99_ms: words.next()?.parse().ok()?,
        errors: words.next()?.parse().ok()?,
    };
    Some(run)
}

/// A process that is killed in the end.
struct Process(Child);

impl Process {
    #[allow(clippy::disallowed_methods, reason = "servers that outlive a call of xshell's cmd!")]
    fn start(
        program: &Path,
        args: &[&str],
        log: &Path,
        env: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let log = fs::File::create(log)?;
        let child = Command::new(program)
            .args(args)
            .envs(env.iter().copied())
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

/// nginx, which answers every request with one file.
pub(super) struct Nginx {
    pub(super) url: String,
    _process: Process,
}

impl Nginx {
    pub(super) fn start(scratch: &Path) -> anyhow::Result<Self> {
        let (folder, port) = (scratch.join("nginx"), free_port()?);
        fs::create_dir(&folder)?;
        fs::write(
            folder.join("script"),
            "#!ipxe\necho Bootmint: host-1 boots its local disk\nexit 0\n",
        )?;
        let root = folder.display();
        // A static file takes no POST: the answer that says so is replaced by the file.
        let config = format!(
            "daemon off; master_process on; worker_processes auto; pid {root}/pid;\n\
             error_log {root}/error.log; worker_rlimit_nofile 8192;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;\n\
             client_body_temp_path {root}; proxy_temp_path {root}; fastcgi_temp_path {root};\n\
             uwsgi_temp_path {root}; scgi_temp_path {root};\n\
             server {{ listen 127.0.0.1:{port} backlog=4096; root {root};\n\
             error_page 405 =200 $uri; location / {{ try_files /script =404; }} }} }}\n"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, config)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        let args = ["-c", file.to_str().context("the folder's name is no UTF-8")?];
        let log = folder.join("log");
        let mut process = Process::start(Path::new("nginx"), &args, &log, &[])?;
        process.wait_for(port)?;
        Ok(Self { url: format!("http://127.0.0.1:{port}"), _process: process })
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

/// The server, with its hosts.
pub(super) struct Served {
    pub(super) url: String,
    program: PathBuf,
    config: PathBuf,
    database: String,
    process: Process,
}

impl Served {
    pub(super) fn start(
        program: &Path,
        folder: &Path,
        database: &str,
        client: &Client,
    ) -> anyhow::Result<Self> {
        let (shell, port, feed) = (Shell::new()?, free_port()?, &client.feed);
        cmd!(shell, "{program} init {folder}").quiet().ignore_stdout().run()?;
        let config = folder.join("bootmint.toml");
        shell.set_var("BOOTMINT_CONFIG", &config);
        shell.set_var("BOOTMINT_DATABASE__URL", database);
        cmd!(shell, "{program} hosts import {feed}").quiet().ignore_stdout().run()?;
        let (config_text, listen) = (config.display().to_string(), format!("127.0.0.1:{port}"));
        let env = [
            ("BOOTMINT_CONFIG", config_text.as_str()),
            ("BOOTMINT_DATABASE__URL", database),
            ("BOOTMINT_BOOT__LISTEN", listen.as_str()),
            ("BOOTMINT_CONSOLE__LISTEN", "127.0.0.1:0"),
            ("BOOTMINT_LOG__LEVEL", "warn"),
        ];
        let log = folder.join("server.log");
        let mut process = Process::start(program, &["serve"], &log, &env)?;
        process.wait_for(port)?;
        let url = format!("http://127.0.0.1:{port}");
        let database = database.to_owned();
        Ok(Self { url, program: program.to_owned(), config, database, process })
    }

    /// Its resident memory.
    pub(super) fn memory_kib(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let words = line.context("the kernel tells no VmRSS")?.trim();
        Ok(words.trim_end_matches("kB").trim().parse()?)
    }

    /// Verifies the audit chain; returns how many rows it has.
    pub(super) fn verify_audit(&self) -> anyhow::Result<u64> {
        let (shell, program) = (Shell::new()?, &self.program);
        shell.set_var("BOOTMINT_CONFIG", &self.config);
        shell.set_var("BOOTMINT_DATABASE__URL", &self.database);
        let told = cmd!(shell, "{program} audit verify").quiet().read()?;
        let rows = told.split(' ').find_map(|word| word.parse().ok());
        rows.with_context(|| format!("reading \"{told}\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_the_client_are_read() {
        let run = parse("Running 1s test\nRESULT 1200 600.5 1.25 48.75 3\n").unwrap();
        let expected =
            Run { requests: 1200, per_second: 600.5, p50_ms: 1.25, p99_ms: 48.75, errors: 3 };
        assert_eq!(run, expected);
        assert_eq!(parse("RESULT 1200\n"), None);
    }
}

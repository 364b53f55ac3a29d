//! Directory servers as processes: they end with the tests.

use std::{
    fs::File,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

/// How long a server may take to come up, in steps of 100 ms. The machine may be busy.
const STEPS: u32 = 1200;

/// Runs a shell script; `arguments` are its `$1`, `$2`, ...
#[allow(clippy::disallowed_methods, reason = "tests start their own directory servers")]
pub(crate) fn shell(script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-euc", script, "sh"]).args(arguments);
    command
}

/// A server of a shell, which ends it, and removes its folder, when the tests' end of the pipe
/// closes: also when they end without a word.
pub(crate) struct Server(Child);

impl Server {
    /// Starts `command` and waits until it answers at `address`.
    pub(crate) fn start(
        command: &str,
        arguments: &[&str],
        folder: &Path,
        address: SocketAddr,
    ) -> Self {
        let script = format!(
            "{command} </dev/null & server=$!; read -r _ || true; kill $server; \
             wait $server || true; rm -rf '{}'",
            folder.display()
        );
        let log = folder.join("server.log");
        let output = File::create(&log).unwrap();
        let child = shell(&script, arguments)
            .stdin(Stdio::piped())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let server = Self(child);
        for _ in 0..STEPS {
            if TcpStream::connect(address).is_ok() {
                return server;
            }
            sleep(Duration::from_millis(100));
        }
        panic!("no answer at {address}:\n{}", std::fs::read_to_string(&log).unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

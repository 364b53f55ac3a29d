//! The companion server as a person runs it: `bootmint init`, its commands, `bootmint serve`.

use crate::{run, serial::Serial};
use anyhow::{Context, ensure};
use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use xtask::qemu::CommandLine;

/// What stands before the address in the line that says that the server listens.
const LISTENING: &str = "serving address=127.0.0.1:";
/// Likewise, for the console.
const CONSOLE: &str = "console address=127.0.0.1:";
/// Likewise, for HTTPS.
const LISTENING_TLS: &str = "serving HTTPS address=127.0.0.1:";
/// How long the server may take until it answers, and to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder that `bootmint init` made.
#[derive(Debug)]
pub struct Site {
    program: PathBuf,
    folder: PathBuf,
    /// What `init` said.
    said: String,
}

impl Site {
    /// Makes the site `folder` with the server's `program`, and more `args` for `init`.
    pub fn init(program: &Path, folder: &Path, args: &[&str]) -> anyhow::Result<Self> {
        let (program, folder) = (program.to_owned(), folder.to_owned());
        let mut site = Self { program, folder, said: String::new() };
        let words = ["init".as_ref(), site.folder.as_os_str()];
        let words = words.into_iter().chain(args.iter().map(AsRef::as_ref));
        site.said = String::from_utf8(run::tool(site.program()?, words)?)?;
        Ok(site)
    }

    /// The one-time password of the first account, which `init` printed.
    pub fn one_time_password(&self) -> anyhow::Result<&str> {
        let (_, rest) = self.said.split_once("one-time password ").context("it was not printed")?;
        rest.split_once(',').map(|(password, _)| password).context("it has no end")
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file into it, and the folders above.
    pub fn put(&self, path: &str, bytes: impl AsRef<[u8]>) -> anyhow::Result<()> {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().context("a site's file lies in it")?)?;
        fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))
    }

    /// Runs a command of the server's to its end; what it said.
    pub fn command(&self, args: &[&str]) -> anyhow::Result<String> {
        let config = self.config();
        let config = config.to_str().context("a scratch folder's name is UTF-8")?;
        let said = run::tool(self.program()?, ["--config", config].iter().chain(args))?;
        Ok(String::from_utf8(said)?)
    }

    /// The state that a host is in.
    pub fn state(&self, host: &str) -> anyhow::Result<String> {
        let shown = self.command(&["hosts", "show", host])?;
        let state = shown.lines().find_map(|line| line.strip_prefix("state "));
        Ok(state.with_context(|| format!("no state in: {shown}"))?.trim().to_owned())
    }

    /// Starts the server on this computer's loopback, on `port` or a free one, with more
    /// `settings` in its environment; it writes to `log`.
    pub fn serve(
        &self,
        port: Option<u16>,
        settings: &[&str],
        log: &Path,
    ) -> anyhow::Result<RunningServer> {
        let listen = format!("BOOTMINT_BOOT__LISTEN=127.0.0.1:{}", port.unwrap_or(0));
        let mut line = CommandLine { program: "env", args: vec![listen.into()] };
        line.args.push("BOOTMINT_CONSOLE__LISTEN=127.0.0.1:0".into());
        line.args.extend(settings.iter().map(Into::into));
        line.args.extend([self.program.clone().into(), "--config".into(), self.config().into()]);
        line.args.push("serve".into());
        let (process, output) = run::Background::start(&line)?;
        let output = Serial::read(output, log)?;
        let port = listening_port(&output, LISTENING)?;
        let server = RunningServer { port, _process: process, output };
        let ready = server.request("GET", "/readyz", "")?;
        ensure!(ready.0 == 200, "the server is not ready: {ready:?}");
        Ok(server)
    }

    fn program(&self) -> anyhow::Result<&str> {
        self.program.to_str().context("a target folder's name is UTF-8")
    }

    fn config(&self) -> PathBuf {
        self.folder.join("bootmint.toml")
    }
}

/// The port in the line with `words`, once it is there.
pub(crate) fn listening_port(output: &Serial, words: &str) -> anyhow::Result<u16> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        output.wait_for(words, deadline).context("starting the server")?;
        // The line is written at once, but may be read in pieces.
        if let Some(port) = port_after(words, &output.text()) {
            return Ok(port);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The port that stands behind `words`, once their line is whole.
fn port_after(words: &str, text: &str) -> Option<u16> {
    let (_, rest) = text.split_once(words)?;
    let (port, _) = rest.split_once('\n')?;
    port.trim().trim_end_matches('.').parse().ok()
}

/// A running server. It is killed when this is dropped, without a chance to put things in order.
#[derive(Debug)]
pub struct RunningServer {
    port: u16,
    _process: run::Background,
    output: Serial,
}

impl RunningServer {
    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the console is.
    pub fn console(&self) -> anyhow::Result<String> {
        Ok(format!("http://127.0.0.1:{}", listening_port(&self.output, CONSOLE)?))
    }

    /// The port of HTTPS on 127.0.0.1.
    pub fn tls_port(&self) -> anyhow::Result<u16> {
        listening_port(&self.output, LISTENING_TLS)
    }

    /// Sends one request with a form; status and body of the answer.
    pub fn request(&self, method: &str, path: &str, form: &str) -> anyhow::Result<(u16, String)> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).with_context(|| format!("asking for {path}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").context("a cut answer")?;
        let status = head.split(' ').nth(1).context("an answer without a status")?;
        Ok((status.parse()?, body.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_read_from_a_whole_line_only() {
        let text = "INFO serving address=127.0.0.1:40123\n";
        for end in 0..text.len() {
            assert_eq!(port_after(LISTENING, &text[..end]), None, "{}", &text[..end]);
        }
        assert_eq!(port_after(LISTENING, text), Some(40123));
    }
}

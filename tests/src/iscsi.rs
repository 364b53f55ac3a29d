//! An iSCSI target: the one of the package tgt, on this computer's loopback.

use crate::{run, serial::Serial};
use anyhow::{Context, bail};
use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use xtask::qemu::CommandLine;

/// How long the target may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running target with one disk. It is killed when this is dropped.
#[derive(Debug)]
pub struct Target {
    port: u16,
    _process: run::Background,
    _output: Serial,
}

/// What an initiator shows to be let in.
#[derive(Clone, Copy, Debug)]
pub struct Chap<'a> {
    /// The user.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
}

impl Target {
    /// Serves the raw `disk` as LUN 1 of the target `iqn`, to those that know `chap`; its socket
    /// lies in `folder`, its log is `log`.
    pub fn start(
        folder: &Path,
        log: &Path,
        iqn: &str,
        disk: &Path,
        chap: Chap<'_>,
    ) -> anyhow::Result<Self> {
        // The port is free again when the listener is dropped; taken meanwhile, the target would
        // listen on all addresses, so whether it is this one that answers is asked below.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let socket = folder.join("tgt");
        let variable = format!("TGT_IPC_SOCKET={}", socket.display());
        let line = CommandLine {
            program: "env",
            args: [&variable, "tgtd", "-f", "--iscsi", &format!("portal=127.0.0.1:{port}")]
                .map(Into::into)
                .to_vec(),
        };
        let (process, output) = run::Background::start(&line)?;
        let output = Serial::read(output, log)?;
        let target = Self { port, _process: process, _output: output };
        let admin = |args: &[&str]| {
            let all = [variable.as_str(), "tgtadm", "--lld", "iscsi"];
            run::tool("env", all.iter().chain(args)).map(drop)
        };
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = admin(&["--op", "new", "--mode", "target", "--tid", "1", "-T", iqn])
        {
            if Instant::now() > deadline {
                return Err(error.context("making the iSCSI target"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let disk: PathBuf = disk.canonicalize().context("finding the target's disk")?;
        let disk = disk.to_str().context("a scratch folder's name is UTF-8")?;
        let Chap { user, password } = chap;
        admin(&["--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b", disk])?;
        admin(&["--op", "new", "--mode", "account", "--user", user, "--password", password])?;
        admin(&["--op", "bind", "--mode", "account", "--tid", "1", "--user", user])?;
        admin(&["--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL"])?;
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            bail!("the iSCSI target does not listen on port {port}");
        }
        Ok(target)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

//! The text of iPXE scripts.
//!
//! What enters is checked: host values have closed character sets, profiles are checked when they
//! are loaded, rendered words hold nothing that means something to iPXE.

use super::{DOWNLOAD, Release};
use crate::time::Seconds;
use bootmint_image_factory::host::Host;
use std::fmt::Write;

/// An iPXE script for one host; it comes from nowhere but this module.
///
/// It may hold an attempt's secret, so `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Script(String);

impl Script {
    /// The text, for the machine that it was made for.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Script({} bytes)", self.0.len())
    }
}

/// Adds a line. Writing to a `String` cannot fail.
macro_rules! line {
    ($script:expr, $($text:tt)*) => {{
        let _ = writeln!($script.0, $($text)*);
    }};
}

fn begin(message: std::fmt::Arguments<'_>) -> Script {
    let mut script = Script(String::with_capacity(1024));
    line!(script, "#!ipxe");
    line!(script, "echo Bootmint: {message}");
    script
}

/// The local disk: the script ends well, upon which the ticket boots it. `host` is none for a
/// machine that the server does not know.
pub fn local(host: Option<&Host>) -> Script {
    let mut script = match host {
        Some(host) => begin(format_args!("{} boots its local disk", host.name)),
        None => begin(format_args!("the server does not know this machine")),
    };
    line!(script, "exit 0");
    script
}

/// Waits and asks again, for as long as it takes. The script that answers takes the place of this
/// one, so that a long wait needs no memory.
pub fn hold(host: &Host, pause: Seconds) -> Script {
    let mut script = begin(format_args!("{} is held: it waits for a person", host.name));
    line!(script, ":wait");
    line!(script, "sleep {}", pause.get());
    line!(
        script,
        "chain --replace --autofree --timeout {} ${{bootmint-url}}?ticket=1&host={}&nic=${{bootmint-nic}}&mac=${{${{bootmint-nic}}/mac}}&uuid=${{uuid}}&platform=${{platform}} || goto wait",
        DOWNLOAD.as_millis(),
        host.name
    );
    script
}

/// What an install script is made of.
pub(super) struct Install<'a> {
    pub(super) host: &'a Host,
    pub(super) profile: &'a str,
    pub(super) kernel: String,
    pub(super) initrds: Vec<String>,
    pub(super) arguments: String,
    pub(super) release: &'a Release<'a>,
}

/// Loads kernel and initrds and starts them. If that fails the server is told, and then asked
/// again by the ticket.
pub(super) fn install(install: &Install<'_>) -> Script {
    let (host, timeout) = (install.host, DOWNLOAD.as_millis());
    let mut script = begin(format_args!("installing {} on {}", install.profile, host.name));
    // What an earlier try left behind would become part of the initrd on BIOS.
    line!(script, "imgfree ||");
    let mut arguments = install.arguments.clone();
    for number in 0..install.initrds.len() {
        let _ = write!(arguments, " initrd=initrd{number}");
    }
    line!(
        script,
        "kernel --name linux --timeout {timeout} {} {} || goto failed",
        install.kernel,
        arguments.trim_start()
    );
    for (number, url) in install.initrds.iter().enumerate() {
        line!(script, "initrd --name initrd{number} --timeout {timeout} {url} || goto failed");
    }
    line!(script, "boot ||");
    line!(script, ":failed");
    line!(script, "echo Bootmint: the installer could not be started");
    line!(script, "imgfree ||");
    line!(script, "params || exit 1");
    line!(script, "param secret {}", install.release.secret.reveal());
    line!(script, "param message the installer could not be started");
    line!(
        script,
        "imgfetch --name report --timeout {timeout} {}/attempt/{}/fail##params ||",
        host.server,
        install.release.attempt
    );
    line!(script, "exit 1");
    script
}

/// Boots a disk from the network.
pub(super) fn sanboot(
    host: &Host,
    profile: &str,
    target: &str,
    settings: &[(&str, Option<String>)],
) -> Script {
    let mut script = begin(format_args!("{} boots {profile} from the network", host.name));
    for (setting, value) in settings {
        match value {
            Some(value) => line!(script, "set {setting} {value}"),
            None => line!(script, "clear {setting} ||"),
        }
    }
    line!(script, "sanboot {target} || exit 1");
    script
}

/// Goes on with another script or program.
pub(super) fn chain(host: &Host, profile: &str, url: &str) -> Script {
    let mut script = begin(format_args!("{} goes on with {profile}", host.name));
    line!(script, "chain --autofree --timeout {} {url} || exit 1", DOWNLOAD.as_millis());
    script
}

/// iPXE's shell, for a person at the console; the local disk when they leave it.
pub(super) fn shell(host: &Host) -> Script {
    let mut script = begin(format_args!("a shell on {}; 'exit' boots its local disk", host.name));
    line!(script, "shell");
    line!(script, "exit 0");
    script
}

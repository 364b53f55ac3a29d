//! The text of iPXE scripts.
//!
//! What enters is checked: host values have closed character sets, profiles are checked when they
//! are loaded, rendered words hold nothing that means something to iPXE.

use super::{DOWNLOAD, LOCAL, NicName, Release};
use crate::time::Seconds;
use bootmint_image_factory::host::Host;
use std::fmt::{self, Write};

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

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({} bytes)", self.0.len())
    }
}

/// Adds a line. Writing to a `String` cannot fail.
macro_rules! line {
    ($script:expr, $($text:tt)*) => {{
        let _ = writeln!($script.0, $($text)*);
    }};
}

fn begin(message: fmt::Arguments<'_>) -> Script {
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

/// The same for a machine that may have come without a ticket, as firmware from elsewhere does:
/// what a ticket would have set is set. `nic` is the interface that asked, as far as it said so.
pub fn without_ticket(script: &Script, host: &Host, nic: Option<NicName>) -> Script {
    let (first, rest) = script.0.split_once('\n').unwrap_or((&script.0, ""));
    let mut whole = Script(String::with_capacity(script.0.len().saturating_add(500)));
    line!(whole, "{first}");
    line!(whole, "isset ${{bootmint-url}} || set bootmint-url {}/boot", host.server);
    match nic {
        Some(nic) => line!(whole, "isset ${{bootmint-nic}} || set bootmint-nic {nic}"),
        None => find_nic(&mut whole, host),
    }
    whole.0.push_str(rest);
    whole
}

/// Takes the first interface that is one of the host's: by another one's address the server would
/// not know the machine again. The first of all where none is, or their addresses are unknown.
fn find_nic(script: &mut Script, host: &Host) {
    line!(script, "isset ${{bootmint-nic}} && goto bootmint-known ||");
    let macs: Vec<_> = host.nics.iter().filter_map(|nic| nic.mac).collect();
    if !macs.is_empty() {
        line!(script, "set bootmint-i:int32 0");
        line!(script, ":bootmint-find");
        line!(script, "set bootmint-nic net${{bootmint-i}}");
        line!(script, "isset ${{${{bootmint-nic}}/mac}} || goto bootmint-first");
        for mac in macs {
            line!(script, "iseq ${{${{bootmint-nic}}/mac}} {mac} && goto bootmint-known ||");
        }
        line!(script, "inc bootmint-i");
        line!(script, "goto bootmint-find");
        line!(script, ":bootmint-first");
    }
    line!(script, "set bootmint-nic net0");
    line!(script, ":bootmint-known");
}

/// Waits and asks again, for as long as it takes. The script that answers takes the place of this
/// one, so that a long wait needs no memory.
pub fn hold(host: &Host, pause: Seconds) -> Script {
    let mut script = begin(format_args!("{} is held: it waits for a person", host.name));
    line!(script, ":wait");
    line!(script, "sleep {}", pause.get());
    ask_again(&mut script, host, "", "wait");
    script
}

/// Asks the server again; its answer takes the place of this script. If there is none, it goes on
/// at `label`.
fn ask_again(script: &mut Script, host: &Host, more: &str, label: &str) {
    line!(
        script,
        "chain --replace --autofree --timeout {} ${{bootmint-url}}?ticket=1&host={}&nic=${{bootmint-nic}}&mac=${{${{bootmint-nic}}/mac}}&uuid=${{uuid}}&asset=${{asset:uristring}}&platform=${{platform}}{more} || goto {label}",
        DOWNLOAD.as_millis(),
        host.name
    );
}

/// An entry of a menu.
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) title: &'a str,
}

/// Lets a person choose. What is chosen is asked of the server, which decides what it means for
/// this host; only the local disk needs no leave.
pub(super) fn menu(
    host: &Host,
    title: &str,
    entries: &[Entry<'_>],
    default: &str,
    timeout: Option<Seconds>,
) -> Script {
    let mut script = begin(format_args!("{} shows the menu {title}", host.name));
    line!(script, ":menu");
    line!(script, "menu {title}: {}", host.name);
    for entry in entries {
        line!(script, "item {} {}", entry.name, entry.title);
    }
    let timeout =
        timeout.map_or_else(String::new, |timeout| format!("--timeout {}000 ", timeout.get()));
    line!(script, "choose {timeout}--default {default} bootmint-choice || goto local");
    line!(script, "iseq ${{bootmint-choice}} {LOCAL} && goto local ||");
    ask_again(&mut script, host, "&choice=${bootmint-choice}", "failed");
    line!(script, ":failed");
    line!(script, "echo Bootmint: the server does not answer");
    line!(script, "sleep 5");
    line!(script, "goto menu");
    line!(script, ":local");
    line!(script, "exit 0");
    script
}

/// Says that an entry of a menu is not to be had, and shows the menu again.
pub(super) fn unarmed(host: &Host, title: &str) -> Script {
    let mut script = begin(format_args!("{} is not armed, so {title} is not installed", host.name));
    line!(script, "echo Bootmint: a person must arm it first");
    line!(script, "sleep 5");
    ask_again(&mut script, host, "", "failed");
    line!(script, ":failed");
    line!(script, "exit 1");
    script
}

/// What an install script is made of.
pub(super) struct Install<'a> {
    pub(super) host: &'a Host,
    pub(super) profile: &'a str,
    pub(super) kernel: String,
    /// For machines with UEFI, where that is another one.
    pub(super) kernel_efi: Option<String>,
    pub(super) initrds: Vec<String>,
    /// Files with names of their own, which the kernel finds by these.
    pub(super) files: Vec<(String, String)>,
    pub(super) arguments: String,
    /// None for a system that installs nothing.
    pub(super) release: Option<&'a Release<'a>>,
}

/// Loads kernel and initrds and starts them. If that fails the server is told, and then asked
/// again by the ticket.
pub(super) fn install(install: &Install<'_>) -> Script {
    let (host, timeout) = (install.host, DOWNLOAD.as_millis());
    let verb = if install.release.is_some() { "installing" } else { "starting" };
    let mut script = begin(format_args!("{verb} {} on {}", install.profile, host.name));
    // What an earlier try left behind would become part of the initrd on BIOS.
    line!(script, "imgfree ||");
    let mut arguments = install.arguments.clone();
    for number in 0..install.initrds.len() {
        let _ = write!(arguments, " initrd=initrd{number}");
    }
    let kernel = |script: &mut Script, url: &str| {
        let command = format!("kernel --name linux --timeout {timeout} {url} {}", arguments.trim());
        line!(script, "{} || goto failed", command.trim_end());
    };
    match &install.kernel_efi {
        None => kernel(&mut script, &install.kernel),
        Some(efi) => {
            line!(script, "iseq ${{platform}} efi && goto efi ||");
            kernel(&mut script, &install.kernel);
            line!(script, "goto files");
            line!(script, ":efi");
            kernel(&mut script, efi);
            line!(script, ":files");
        }
    }
    for (number, url) in install.initrds.iter().enumerate() {
        line!(script, "initrd --name initrd{number} --timeout {timeout} {url} || goto failed");
    }
    for (name, url) in &install.files {
        line!(script, "initrd --name {name} --timeout {timeout} {url} {name} || goto failed");
    }
    line!(script, "boot ||");
    line!(script, ":failed");
    line!(script, "echo Bootmint: {} could not be started", install.profile);
    line!(script, "imgfree ||");
    if let Some(release) = install.release {
        report_failure(&mut script, host, release);
    }
    line!(script, "exit 1");
    script
}

fn report_failure(script: &mut Script, host: &Host, release: &Release<'_>) {
    line!(script, "params || exit 1");
    line!(script, "param secret {}", release.secret.reveal());
    line!(script, "param message the installer could not be started");
    line!(
        script,
        "imgfetch --name report --timeout {} {}/attempt/{}/fail##params ||",
        DOWNLOAD.as_millis(),
        host.server,
        release.attempt
    );
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

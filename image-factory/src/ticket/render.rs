//! The text of tickets.
//!
//! Values enter as checked types only ([`crate::host`]): none of them can hold a character that
//! ends a line, starts a comment or is expanded. iPXE joins the words of a value with single
//! blanks, and compares exactly two words; a value that may hold blanks is therefore put into a
//! setting before it is compared.

use super::{Facts, Patience};
use crate::host::{Addressing, Host, Nic};
use std::{
    fmt::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The facts that a machine sends, beside its host name: form field and iPXE setting.
const FACTS: &[(&str, &str)] = &[
    ("uuid", "uuid"),
    ("serial", "serial"),
    ("asset", "asset"),
    ("manufacturer", "manufacturer"),
    ("product", "product"),
    ("platform", "platform"),
    ("arch", "buildarch"),
    ("version", "version"),
];

/// A script under construction. Writing to a `String` cannot fail.
struct Script(String);

macro_rules! line {
    ($script:expr, $($text:tt)*) => {{
        let _ = writeln!($script.0, $($text)*);
    }};
}

mod own;

pub(super) use own::own;

pub(super) fn host(host: &Host, facts: Facts, patience: &Patience) -> String {
    let mut script = prologue();
    section(&mut script, host, 0, patience);
    tail(&mut script, facts, patience);
    script.0
}

pub(super) fn site(hosts: &[Host], facts: Facts, patience: &Patience) -> String {
    let mut script = prologue();
    pick(&mut script, hosts);
    // Before the hosts, since iPXE looks for a label from the script's start.
    tail(&mut script, facts, patience);
    for (index, host) in hosts.iter().enumerate() {
        line!(script, ":host{index}");
        section(&mut script, host, index, patience);
        line!(script, "goto ask");
    }
    script.0
}

/// Tells a stage-1 script that a ticket ran, so that it does not look for another one.
fn prologue() -> Script {
    let mut script = Script(String::with_capacity(4096));
    line!(script, "#!ipxe");
    line!(script, "# Bootmint ticket, version 1");
    line!(script, "set bootmint-ticket 1");
    script
}

/// Jumps to the section of the host that this machine is: by MAC, then UUID, then serial.
fn pick(script: &mut Script, hosts: &[Host]) {
    line!(script, "set i:int32 0");
    line!(script, ":pick");
    line!(script, "isset ${{net${{i}}/mac}} || goto pick-machine");
    for (index, host) in hosts.iter().enumerate() {
        for mac in host.nics.iter().filter_map(|nic| nic.mac) {
            line!(script, "iseq ${{net${{i}}/mac}} {mac} && goto host{index} ||");
        }
    }
    line!(script, "inc i");
    line!(script, "goto pick");
    line!(script, ":pick-machine");
    for (index, host) in hosts.iter().enumerate() {
        if let Some(uuid) = &host.uuid {
            line!(script, "iseq ${{uuid}} {uuid} && goto host{index} ||");
        }
    }
    for (index, host) in hosts.iter().enumerate() {
        if let Some(serial) = &host.serial {
            line!(script, "set want {serial}");
            line!(script, "iseq ${{serial}} ${{want}} && goto host{index} ||");
        }
    }
    line!(script, "echo Bootmint: this machine is not among the hosts of this image");
    line!(script, "goto local");
}

/// A host's identity: its name, its way to the server, its network.
fn section(script: &mut Script, host: &Host, index: usize, patience: &Patience) {
    line!(script, "set hostname {}", host.name);
    line!(script, "echo Bootmint: host {}", host.name);
    match &host.token {
        Some(token) => line!(script, "set bootmint-url {}/boot/{}", host.server, token.as_str()),
        None => line!(script, "set bootmint-url {}/boot", host.server),
    }
    if let Some(domain) = &host.domain {
        line!(script, "set domain {domain}");
    }
    dns(script, &host.dns);
    for (name, value) in &host.vars {
        line!(script, "set var-{name} {value}");
    }
    for (number, nic) in host.nics.iter().enumerate() {
        interface(script, nic, &format!("nic{index}-{number}"), patience);
    }
}

/// Name servers; several of one family are one list of addresses, which iPXE takes as raw bytes.
fn dns(script: &mut Script, servers: &[IpAddr]) {
    let bytes =
        |octets: &[u8]| octets.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":");
    let v4: Vec<&Ipv4Addr> = servers
        .iter()
        .filter_map(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None })
        .collect();
    let v6: Vec<&Ipv6Addr> = servers
        .iter()
        .filter_map(|ip| if let IpAddr::V6(ip) = ip { Some(ip) } else { None })
        .collect();
    match v4.as_slice() {
        [] => {}
        [one] => line!(script, "set dns {one}"),
        many => {
            let octets: Vec<u8> = many.iter().flat_map(|ip| ip.octets()).collect();
            line!(script, "set dns:hex {}", bytes(&octets));
        }
    }
    match v6.as_slice() {
        [] => {}
        [one] => line!(script, "set dns6 {one}"),
        many => {
            let octets: Vec<u8> = many.iter().flat_map(|ip| ip.octets()).collect();
            line!(script, "set dns6:hex {}", bytes(&octets));
        }
    }
}

/// Finds one NIC, configures it and waits for its link. A NIC that is not there is passed over:
/// another one may reach the server.
fn interface(script: &mut Script, nic: &Nic, label: &str, patience: &Patience) {
    line!(script, "clear nic ||");
    line!(script, "set back {label}");
    if let Some(mac) = nic.mac {
        line!(script, "set want {mac}");
        line!(script, "goto find-mac");
    } else if let Some(bus) = &nic.bus {
        line!(script, "set want {bus}");
        line!(script, "goto find-bus");
    } else {
        line!(script, "set want with a link");
        line!(script, "goto find-link");
    }
    line!(script, ":{label}");
    line!(script, "isset ${{nic}} || goto {label}-end");
    if let Some(vlan) = nic.vlan {
        // The trunk gets no address: iPXE must not answer on it too.
        line!(script, "ifopen ${{nic}} ||");
        line!(script, "vcreate --tag {vlan} ${{nic}} || goto {label}-end");
        line!(script, "set nic ${{nic}}-{vlan}");
    }
    match &nic.addressing {
        Addressing::Dhcp => {
            line!(script, "dhcp ${{nic}} || echo Bootmint: no DHCP answer on ${{nic}}")
        }
        Addressing::Static { v4, v6 } => {
            if let Some(v4) = v4 {
                line!(script, "set ${{nic}}/ip {}", v4.address);
                line!(script, "set ${{nic}}/netmask {}", v4.netmask());
                if let Some(gateway) = v4.gateway {
                    line!(script, "set ${{nic}}/gateway {gateway}");
                }
            }
            if let Some(v6) = v6 {
                line!(script, "set ${{nic}}/ip6 {}", v6.address);
                line!(script, "set ${{nic}}/len6:uint8 {}", v6.prefix);
                if let Some(gateway) = v6.gateway {
                    line!(script, "set ${{nic}}/gateway6 {gateway}");
                }
            }
            line!(script, "ifopen ${{nic}} || goto {label}-end");
        }
    }
    line!(
        script,
        "iflinkwait --timeout {}000 ${{nic}} || echo Bootmint: no link on ${{nic}}",
        patience.link
    );
    line!(script, "isset ${{bootmint-nic}} || set bootmint-nic ${{nic}}");
    line!(
        script,
        "echo Bootmint: ${{nic}} ${{${{nic}}/mac}} address ${{${{nic}}/ip}} ${{${{nic}}/ip6}}"
    );
    line!(script, ":{label}-end");
}

/// What all tickets share: asking the server, the local disk, and the subroutines that find NICs.
fn tail(script: &mut Script, facts: Facts, patience: &Patience) {
    line!(script, ":ask");
    line!(script, "isset ${{bootmint-nic}} || goto no-nic");
    if facts == Facts::Unsent {
        // From here on nothing runs that is not signed, whatever a script says.
        line!(script, "imgtrust --permanent || goto local");
    }
    line!(script, "set try:int32 1");
    line!(script, "set pause:int32 1");
    line!(script, ":ask-again");
    line!(script, "echo Bootmint: asking the server, attempt ${{try}} of {}", patience.attempts);
    request(script, facts, patience);
    line!(script, "iseq ${{try}} {} && goto unreachable ||", patience.attempts);
    line!(script, "sleep ${{pause}} ||");
    line!(script, "inc try");
    line!(script, "inc pause ${{pause}}");
    line!(script, "iseq ${{pause}} 16 && set pause:int32 8 ||");
    line!(script, "goto ask-again");
    line!(script, ":unreachable");
    line!(script, "echo Bootmint: the server gave no usable answer");
    line!(script, "goto local");
    line!(script, ":no-nic");
    line!(script, "echo Bootmint: none of this host's network cards is in this machine");
    local(script);
    for (label, setting) in [("find-mac", "mac"), ("find-bus", "busloc:busdevfn")] {
        find(script, label, &format!("iseq ${{net${{i}}/{setting}}} ${{want}} && goto found ||"));
    }
    find(
        script,
        "find-link",
        "ifopen net${i} && iflinkwait --timeout 5000 net${i} && goto found ||",
    );
    line!(script, ":found");
    line!(script, "set nic net${{i}}");
    line!(script, "goto ${{back}}");
    line!(script, ":not-found");
    line!(script, "echo Bootmint: no network card ${{want}}");
    line!(script, "goto ${{back}}");
}

/// One request. An answer's script runs inside it: when that script ends well, or ends the ticket
/// by booting something, nothing more is asked.
fn request(script: &mut Script, facts: Facts, patience: &Patience) {
    let chain = format!("chain --timeout {}000 --autofree ${{bootmint-url}}", patience.request);
    match facts {
        Facts::Post => {
            line!(script, "params");
            line!(script, "param ticket 1");
            line!(script, "param host ${{hostname}}");
            line!(script, "param nic ${{bootmint-nic}}");
            line!(script, "param mac ${{${{bootmint-nic}}/mac}}");
            for (field, setting) in FACTS {
                line!(script, "param {field} ${{{setting}}}");
            }
            line!(script, "{chain}##params && goto local ||");
        }
        Facts::Query => {
            let mut query = String::from(
                "?ticket=1&host=${hostname:uristring}&nic=${bootmint-nic}&mac=${${bootmint-nic}/mac}",
            );
            for (field, setting) in FACTS {
                let _ = write!(query, "&{field}=${{{setting}:uristring}}");
            }
            line!(script, "{chain}{query} && goto local ||");
        }
        Facts::Unsent => signed_answer(script, patience),
    }
}

/// An answer that is a file, run only when the signature beside it is good.
fn signed_answer(script: &mut Script, patience: &Patience) {
    let patience = patience.request;
    line!(script, "set answer ${{bootmint-url}}/${{hostname}}.ipxe");
    line!(script, "imgfetch --timeout {patience}000 --name answer ${{answer}} || goto no-answer");
    line!(script, "imgverify --timeout {patience}000 answer ${{answer}}.sig || goto no-answer");
    line!(script, "imgexec --autofree answer && goto local ||");
    line!(script, ":no-answer");
    line!(script, "imgfree answer ||");
}

/// The local disk: on BIOS the drive that the loader named, on UEFI the next boot entry, which
/// the firmware goes on to when iPXE returns an error.
fn local(script: &mut Script) {
    line!(script, ":local");
    line!(script, "echo Bootmint: booting the local disk");
    line!(script, "iseq ${{platform}} pcbios || exit 1");
    line!(script, "isset ${{local-drive}} || set local-drive 0x80");
    line!(script, "sanboot --no-describe --drive ${{local-drive}} ||");
    line!(script, "exit 1");
}

/// A subroutine that tries `hit` with `${i}` counting through the NICs.
fn find(script: &mut Script, label: &str, hit: &str) {
    line!(script, ":{label}");
    line!(script, "set i:int32 0");
    line!(script, ":{label}-next");
    line!(script, "isset ${{net${{i}}/mac}} || goto not-found");
    line!(script, "{hit}");
    line!(script, "inc i");
    line!(script, "goto {label}-next");
}

//! The ticket of an image that is nobody's.
//!
//! What a machine's definition says becomes settings (`own-ip`, ...), one for each key that there
//! is; nothing of it is ever part of the script's text. iPXE splits a line into words before it
//! expands them, so that a value stays one word whatever it holds.

use super::{Facts, Patience, Script, prologue, tail};
use crate::ticket::own::{Common, MARK, Source};
use std::fmt::Write;

/// The keys that a definition may have: `docs/images.md` tells what they mean.
const KEYS: [&str; 16] = [
    "name", "server", "token", "mac", "bus", "vlan", "ip", "netmask", "gateway", "ip6", "len6",
    "gateway6", "dns", "dns6", "domain", "dhcp",
];
/// How many OEM strings are looked at; iPXE's way to name one ends at 255.
const OEM_STRINGS: u32 = 200;

pub(in crate::ticket) fn own(common: &Common, facts: Facts, patience: &Patience) -> String {
    let mut script = prologue();
    line!(script, "{MARK}{}", common.source);
    match common.source {
        Source::FwCfg => copy(&mut script, "fw_cfg/opt/org.bootmint/"),
        Source::Guestinfo => copy(&mut script, "vmware/bootmint."),
        Source::Smbios => oem_strings(&mut script),
    }
    identity(&mut script, common);
    interface(&mut script, patience);
    tail(&mut script, facts, patience);
    line!(script, ":incomplete");
    line!(script, "echo Bootmint: this machine's definition ({}) has no ${{lacks}}", common.source);
    line!(script, "goto local");
    script.0
}

/// Copies every key's value. One that is not there gives an empty value, which sets nothing.
fn copy(script: &mut Script, block: &str) {
    for key in KEYS {
        line!(script, "set own-{key} ${{{block}{key}}}");
    }
}

/// iPXE cannot take a string apart, so that a key and its value are strings of their own, one
/// behind the other, wherever they stand among others.
fn oem_strings(script: &mut Script) {
    line!(script, "set i:int32 1");
    line!(script, ":oem");
    line!(script, "set oem ${{smbios/11.0.${{i}}}}");
    line!(script, "isset ${{oem}} || goto oem-end");
    line!(script, "inc i");
    for key in KEYS {
        line!(
            script,
            "iseq ${{oem}} org.bootmint.{key} && set own-{key} ${{smbios/11.0.${{i}}}} ||"
        );
    }
    line!(script, "iseq ${{i}} {OEM_STRINGS} || goto oem");
    line!(script, ":oem-end");
}

/// Who it is, and its way to the server.
fn identity(script: &mut Script, common: &Common) {
    line!(script, "set lacks name");
    line!(script, "isset ${{own-name}} || goto incomplete");
    line!(script, "set hostname ${{own-name}}");
    line!(script, "echo Bootmint: host ${{hostname}}");
    if let Some(server) = &common.server {
        line!(script, "isset ${{own-server}} || set own-server {server}");
    }
    line!(script, "set lacks server");
    line!(script, "isset ${{own-server}} || goto incomplete");
    line!(script, "set bootmint-url ${{own-server}}/boot");
    line!(
        script,
        "isset ${{own-token}} && set bootmint-url ${{own-server}}/boot/${{own-token}} ||"
    );
    for setting in ["domain", "dns", "dns6"] {
        line!(script, "isset ${{own-{setting}}} && set {setting} ${{own-{setting}}} ||");
    }
}

/// Finds the network card and configures it.
fn interface(script: &mut Script, patience: &Patience) {
    line!(script, "clear nic ||");
    line!(script, "set back own");
    // Parsed and written again by iPXE: any case and the usual separators will do.
    line!(script, "isset ${{own-mac}} || goto own-bus");
    line!(script, "set lacks valid mac");
    line!(script, "set want:hex ${{own-mac}} || goto incomplete");
    line!(script, "goto find-mac");
    line!(script, ":own-bus");
    line!(script, "set want ${{own-bus}}");
    line!(script, "isset ${{own-bus}} && goto find-bus ||");
    line!(script, "set want with a link");
    line!(script, "goto find-link");
    line!(script, ":own");
    line!(script, "isset ${{nic}} || goto ask");
    line!(script, "isset ${{own-vlan}} || goto own-address");
    line!(script, "ifopen ${{nic}} ||");
    line!(script, "set lacks usable vlan");
    line!(script, "vcreate --tag ${{own-vlan}} ${{nic}} || goto incomplete");
    line!(script, "set nic ${{nic}}-${{own-vlan}}");
    line!(script, ":own-address");
    line!(script, "iseq ${{own-dhcp}} true || goto own-static");
    line!(script, "dhcp ${{nic}} || echo Bootmint: no DHCP answer on ${{nic}}");
    line!(script, "goto own-link");
    line!(script, ":own-static");
    line!(script, "set lacks ip, ip6 or dhcp");
    line!(script, "isset ${{own-ip}}${{own-ip6}} || goto incomplete");
    line!(script, "isset ${{own-ip}} || goto own-ip6");
    for setting in ["ip", "netmask"] {
        line!(script, "set lacks valid {setting}");
        line!(script, "isset ${{own-{setting}}} || goto incomplete");
        line!(script, "set ${{nic}}/{setting} ${{own-{setting}}} || goto incomplete");
    }
    optional(script, "gateway", "gateway");
    line!(script, ":own-ip6");
    line!(script, "isset ${{own-ip6}} || goto own-open");
    optional(script, "ip6", "ip6");
    optional(script, "len6", "len6:uint8");
    optional(script, "gateway6", "gateway6");
    line!(script, ":own-open");
    line!(script, "ifopen ${{nic}} || goto ask");
    line!(script, ":own-link");
    line!(
        script,
        "iflinkwait --timeout {}000 ${{nic}} || echo Bootmint: no link on ${{nic}}",
        patience.link
    );
    line!(script, "set bootmint-nic ${{nic}}");
    line!(
        script,
        "echo Bootmint: ${{nic}} ${{${{nic}}/mac}} address ${{${{nic}}/ip}} ${{${{nic}}/ip6}}"
    );
}

/// Sets what need not be there, but must be right.
fn optional(script: &mut Script, key: &str, setting: &str) {
    line!(script, "set lacks valid {key}");
    line!(script, "isset ${{own-{key}}} || goto own-no-{key}");
    line!(script, "set ${{nic}}/{setting} ${{own-{key}}} || goto incomplete");
    line!(script, ":own-no-{key}");
}

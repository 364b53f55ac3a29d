//! The ticket: a host's own script, its static identity and its way to the server.
//!
//! A ticket works with any firmware that runs one and has the capabilities that the host needs:
//! it finds its NICs, configures them, asks the server with facts about the machine, and boots
//! the local disk when there is no answer, or when the answer's script ends. Nothing in it waits
//! for a person. `docs/images.md` has the format, `docs/protocol.md` what the server sees.

mod identity;
mod needs;
mod own;
mod render;
mod token;

pub use identity::{Identity, identities};
pub use needs::{Missing, check, check_own, missing, needs};
pub use own::{Common, Source, own_source};
pub use token::{TokenKey, TokenKeyError};

use crate::{firmware::Capability, host::Host, security::Payloads};
use std::num::{NonZeroU8, NonZeroU16};

/// How patient a ticket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How often the server is asked before the local disk is booted.
    pub attempts: NonZeroU8,
    /// How long one request may take without a byte, in seconds.
    pub request: NonZeroU16,
    /// How long to wait for the link of one NIC, in seconds.
    pub link: NonZeroU16,
}

impl Default for Patience {
    /// Five attempts, 10 s each, 20 s for a link (spanning tree takes its time).
    fn default() -> Self {
        const fn seconds(n: u16) -> NonZeroU16 {
            match NonZeroU16::new(n) {
                Some(n) => n,
                None => NonZeroU16::MIN,
            }
        }
        let attempts = NonZeroU8::new(5).unwrap_or(NonZeroU8::MIN);
        Self { attempts, request: seconds(10), link: seconds(20) }
    }
}

/// How facts travel to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facts {
    /// As form parameters of a POST request.
    Post,
    /// In the query string of a GET request, where a firmware has no `param` command.
    Query,
    /// Not at all: the answer is a file with a signature beside it, which was made beforehand.
    Unsent,
}

impl Facts {
    /// What all of `firmware`'s binaries can do.
    pub fn for_capabilities(all: &[&crate::firmware::Capabilities]) -> Self {
        if all.iter().all(|one| one.contains(&Capability::Params)) {
            Self::Post
        } else {
            Self::Query
        }
    }

    /// What all of `all`'s binaries can do, under what their firmware demands.
    pub fn of_firmware(all: &[&crate::firmware::Capabilities], payloads: Payloads) -> Self {
        match payloads {
            Payloads::Any => Self::for_capabilities(all),
            Payloads::Signed => Self::Unsent,
        }
    }
}

/// The longest script of a person's own, in bytes.
const MAX_SCRIPT: usize = 64 << 10;

/// A text that is no script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAScript {
    /// It does not begin as one.
    #[error("a script begins with the line #!ipxe")]
    Begin,
    /// It is too long.
    #[error("a script has {MAX_SCRIPT} bytes at most")]
    Long,
    /// A character that firmware does not read, or a machine cannot show.
    #[error("line {0} holds something else than printable ASCII")]
    Character(usize),
}

/// What fills a slot: a rendered ticket, or a person's own script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    text: String,
}

impl Ticket {
    /// The ticket of one host. Its firmware must have been [`check`]ed.
    pub fn for_host(host: &Host, facts: Facts, patience: &Patience) -> Self {
        Self { text: render::host(host, facts, patience) }
    }

    /// One ticket for all hosts of a site: the machine finds itself by MAC, UUID or serial.
    ///
    /// Hosts that have none of these cannot be found and must be refused before: see
    /// [`can_be_picked`].
    pub fn for_site(hosts: &[Host], facts: Facts, patience: &Patience) -> Self {
        Self { text: render::site(hosts, facts, patience) }
    }

    /// The ticket of an image that is nobody's: the machine finds its identity in its own
    /// definition. Its firmware must have been checked by [`check_own`].
    pub fn for_own(common: &Common, facts: Facts, patience: &Patience) -> Self {
        Self { text: render::own(common, facts, patience) }
    }

    /// What a person wrote, for an image that is nobody's. Whether it makes sense is theirs to
    /// know; line ends of other systems are made plain.
    pub fn of_script(script: &str) -> Result<Self, NotAScript> {
        let plain = script.replace("\r\n", "\n");
        let mut lines: Vec<&str> = plain.lines().collect();
        // What fills a slot behind a script looks like comments at its end.
        while lines.len() > 1 && lines.last().is_some_and(|l| l.is_empty() || l.starts_with('#')) {
            lines.pop();
        }
        let text = lines.join("\n") + "\n";
        if text.len() > MAX_SCRIPT {
            return Err(NotAScript::Long);
        }
        if text.lines().next().map(str::trim_end) != Some("#!ipxe") {
            return Err(NotAScript::Begin);
        }
        let plain =
            |line: &str| line.chars().all(|c| c == '\t' || c == ' ' || c.is_ascii_graphic());
        match text.lines().position(|line| !plain(line)) {
            Some(line) => Err(NotAScript::Character(line.saturating_add(1))),
            None => Ok(Self { text }),
        }
    }

    /// The script.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Whether a site ticket can tell this host from others: by a MAC, its UUID or its serial.
pub fn can_be_picked(host: &Host) -> bool {
    host.uuid.is_some() || host.serial.is_some() || host.nics.iter().any(|nic| nic.mac.is_some())
}

#[cfg(test)]
mod tests;

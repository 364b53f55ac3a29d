//! A row of the audit log as a syslog message.

use crate::db::{AuditResult, AuditRow};
use serde_json::json;

/// The facility "log audit", times eight (RFC 5424, section 6.2.1).
const FACILITY: u8 = 13 * 8;
/// Severities: what was refused or failed, and everything else.
const WARNING: u8 = 4;
const INFORMATIONAL: u8 = 6;
/// Where Linux says what this computer is called.
const NAME: &str = "/proc/sys/kernel/hostname";
/// The longest name and the longest kind of message, in characters.
const MAX_NAME: usize = 255;
const MAX_KIND: usize = 32;

/// Makes messages of one computer and one process.
#[derive(Clone, Debug)]
pub(super) struct Messages {
    host: String,
    process: u32,
}

impl Messages {
    pub(super) fn of_this_computer() -> Self {
        let name = std::fs::read_to_string(NAME).unwrap_or_default();
        Self { host: word(name.trim(), MAX_NAME), process: std::process::id() }
    }

    /// The message of a row: all of it as a JSON object, with the digests of the chain.
    pub(super) fn of(&self, row: &AuditRow) -> String {
        let bad = [AuditResult::Denied.name(), AuditResult::Failed.name()];
        let severity = if bad.contains(&row.result.as_str()) { WARNING } else { INFORMATIONAL };
        let body = json!({
            "seq": row.seq, "actor": row.actor, "event": row.event, "host": row.host,
            "was": row.was, "became": row.became, "detail": row.detail, "role": row.role,
            "token": row.token, "source": row.source, "request": row.request,
            "reason": row.reason, "result": row.result, "previous": row.previous,
            "hash": row.hash,
        });
        format!(
            "<{}>1 {} {} bootmint {} {} - {body}",
            FACILITY + severity,
            row.at,
            self.host,
            self.process,
            word(&row.event, MAX_KIND),
        )
    }
}

/// A word of a message's head: printable ASCII without spaces, or the sign for nothing.
fn word(text: &str, most: usize) -> String {
    let plain: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if plain.is_empty() { "-".to_owned() } else { plain }
}

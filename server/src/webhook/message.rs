//! What a webhook tells.

use crate::{db::AuditRow, time::Timestamp};
use bootmint_image_factory::host::Name;
use serde_json::json;

/// A message. It is the same each time that it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// By it a receiver knows what it has seen already.
    pub id: String,
    /// A JSON object.
    pub body: String,
}

impl Message {
    /// Tells of a change of a host, which stands at `site`.
    pub fn of(row: &AuditRow, site: Option<&Name>) -> Self {
        let body = json!({
            "type": format!("host.{}", row.event),
            "timestamp": row.at.to_string(),
            "data": {
                "number": row.seq, "host": row.host, "site": site.map(Name::as_str),
                "event": row.event, "was": row.was, "became": row.became,
                "actor": row.actor, "detail": row.detail, "reason": row.reason,
            },
        });
        // The digest of a row follows from all before it, so no other site has the same.
        let id: String = row.hash.chars().take(32).collect();
        Self { id: format!("evt_{id}"), body: body.to_string() }
    }

    /// Tells nothing but that the way is open; `id` is random.
    pub fn ping(id: &str, at: Timestamp) -> Self {
        let body = json!({ "type": "ping", "timestamp": at.to_string(), "data": {} });
        Self { id: format!("ping_{id}"), body: body.to_string() }
    }
}

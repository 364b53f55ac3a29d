//! What a webhook tells.

use super::kind::Kind;
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
    /// Tells what a row of that kind says: of a host, which stands at `site`, or of an account.
    pub fn of(row: &AuditRow, kind: Kind, site: Option<&Name>) -> Self {
        let mut data = json!({
            "number": row.seq, "event": kind.name(), "actor": row.actor, "detail": row.detail,
            "reason": row.reason,
        });
        let about = match kind.is_of_host() {
            true => {
                data["host"] = row.host.as_str().into();
                data["site"] = site.map(Name::as_str).into();
                data["was"] = row.was.as_str().into();
                data["became"] = row.became.as_str().into();
                "host"
            }
            false => {
                data["result"] = row.result.as_str().into();
                data["source"] = row.source.as_str().into();
                data["request"] = row.request.as_str().into();
                "account"
            }
        };
        let body = json!({
            "type": format!("{about}.{}", kind.name()), "timestamp": row.at.to_string(),
            "data": data,
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

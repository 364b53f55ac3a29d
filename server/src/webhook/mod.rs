//! Webhooks: what is told to other programs, where it may go, and how it is signed, in the manner
//! of the Standard Webhooks specification. What was told already is in the database: `app`
//! delivers.

mod address;
mod config;
mod kind;
mod message;
mod sender;
mod sign;

pub use config::{RawWebhook, WebhookConfig};
pub use kind::Kind;
pub use message::Message;
pub use sender::{SendError, Sender, WebhookError};
pub use sign::new_key;

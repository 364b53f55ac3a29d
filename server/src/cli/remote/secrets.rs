//! `bootmint remote secrets`: values that answer files may hold, at a server elsewhere.

use super::{Desk, text};
use crate::{
    cli::secrets::{Where, value},
    seal::SecretName,
};
use reqwest::Method;
use serde_json::json;

#[derive(clap::Subcommand)]
pub(super) enum Secrets {
    /// Lists the secrets that are set for a place, without their values
    List {
        #[command(flatten)]
        at: Where,
    },
    /// Sets a secret to what standard input holds
    Set {
        /// Its name, as templates have it
        name: SecretName,
        #[command(flatten)]
        at: Where,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Removes a secret
    Remove {
        /// Its name
        name: SecretName,
        #[command(flatten)]
        at: Where,
    },
}

impl Desk<'_> {
    pub(super) fn secrets(&self, command: Secrets) -> anyhow::Result<()> {
        match command {
            Secrets::List { at } => self.pages(&format!("/secrets?place={}", at.place()), &|one| {
                let [name, changed, by] =
                    ["name", "changed", "changed_by"].map(|key| text(one, key));
                format!("{name:<32} set {changed} by {by}")
            }),
            Secrets::Set { name, at, reason } => {
                let path = format!("/secrets/{name}?place={}", at.place());
                let body = json!({ "value": value()?, "reason": reason });
                self.done(self.remote.call(Method::PUT, &path, Some(&body))?)
            }
            Secrets::Remove { name, at } => {
                let path = format!("/secrets/{name}?place={}", at.place());
                self.done(self.remote.call(Method::DELETE, &path, None)?)
            }
        }
    }
}

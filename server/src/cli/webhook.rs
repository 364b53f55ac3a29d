//! `bootmint webhook`.

use super::{actor, ui::Ui, with_app};
use crate::{
    app::App,
    config::{Config, write_private},
    db::{AuditResult, Note},
    secret::{hex, random_bytes},
    time::Timestamp,
    webhook::{self, Message, Sender, WebhookConfig},
};
use anyhow::{Context, bail, ensure};
use std::path::PathBuf;

/// Commands of `bootmint webhook`.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Makes a file with a fresh key, which the receiver must know too
    Key {
        /// The file to make; one that exists is left alone
        file: PathBuf,
    },
    /// Shows how far each webhook has been told
    List,
    /// Sends a message that tells nothing, and says what became of it
    Test {
        /// The webhook
        name: String,
    },
    /// Passes all that a webhook was not told yet: its receiver never hears of it
    Skip {
        /// The webhook
        name: String,
    },
}

pub(super) fn run(
    command: Command,
    config: impl FnOnce() -> anyhow::Result<Config>,
    ui: &Ui,
) -> anyhow::Result<()> {
    match command {
        Command::Key { file } => {
            ensure!(!file.exists(), "{}: is there already", file.display());
            let text = format!("{}\n", webhook::new_key()?);
            write_private(&file, &text).with_context(|| format!("writing {}", file.display()))?;
            ui.line(format_args!("made {}; tell its content to the receiver", file.display()));
            Ok(())
        }
        Command::Test { name } => test(find(&config()?, &name)?, ui),
        Command::List => with_app(config()?, async |app| list(app, ui).await),
        Command::Skip { name } => with_app(config()?, async |app| skip(app, &name, ui).await),
    }
}

fn find<'a>(config: &'a Config, name: &str) -> anyhow::Result<&'a WebhookConfig> {
    let found = config.webhooks.iter().find(|webhook| webhook.name.as_str() == name);
    found.with_context(|| {
        format!("there is no webhook \"{name}\": `bootmint webhook list` shows all")
    })
}

fn test(config: &WebhookConfig, ui: &Ui) -> anyhow::Result<()> {
    let (sender, now) = (Sender::new(config)?, Timestamp::now());
    let ping = Message::ping(&hex(&random_bytes::<16>()?), now);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sent = runtime.block_on(sender.send(&ping, now));
    sent.with_context(|| format!("sending {} to {}", ping.id, config.receiver()))?;
    ui.line(format_args!("{} took {}", config.receiver(), ping.id));
    Ok(())
}

async fn list(app: &App, ui: &Ui) -> anyhow::Result<()> {
    let head = app.store().audit_head().await?;
    for webhook in &app.config().webhooks {
        let (name, receiver) = (webhook.name.as_str(), webhook.receiver());
        let Some(place) = app.store().webhook(name).await? else {
            ui.line(format_args!("{name} {receiver} not begun: `bootmint serve` begins it"));
            continue;
        };
        let lag = head.saturating_sub(place.delivered);
        let next = match place.failures {
            0 => String::new(),
            failures => format!(", {failures} failures, next try {}", place.next_try),
        };
        ui.line(format_args!(
            "{name} {receiver} told up to {}, {lag} behind{next}",
            place.delivered
        ));
    }
    Ok(())
}

async fn skip(app: &App, name: &str, ui: &Ui) -> anyhow::Result<()> {
    find(app.config(), name)?;
    if !app.store().skip_webhook(name).await? {
        bail!("webhook \"{name}\" was never begun, so there is nothing to skip");
    }
    let (actor, at) = (actor(), Timestamp::now());
    let (event, result) = ("webhook-skip", AuditResult::Done);
    app.store().note(&Note { at, actor: &actor, host: "", event, detail: name, result }).await?;
    ui.line(format_args!("{name} is told of what happens from now on"));
    Ok(())
}

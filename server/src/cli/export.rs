//! `bootmint hosts export`.

use super::ui::Ui;
use crate::{app::App, secret::Digest};
use anyhow::{Context, bail};
use bootmint_image_factory::feed::{self, FeedFormat};
use std::{io::Write, path::PathBuf};

/// How many hosts are read at a time.
const PAGE: i64 = 1000;

/// Arguments of `bootmint hosts export`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The file to make; one that exists is left alone [default: standard output]
    file: Option<PathBuf>,
    /// The feed's format: csv, json, ndjson or toml [default: by the file's extension, or csv]
    #[arg(long)]
    format: Option<FeedFormat>,
}

pub(super) async fn run(args: &Args, app: &App, ui: &Ui) -> anyhow::Result<()> {
    let told = args.file.as_deref().map(FeedFormat::of_path);
    let format = match (args.format, told) {
        (Some(format), _) | (None, Some(Some(format))) => format,
        (None, None) => FeedFormat::Csv,
        (None, Some(None)) => {
            bail!("the file's extension tells no format: add --format csv, json, ndjson or toml")
        }
    };
    let (mut hosts, mut after, mut own) = (Vec::new(), None, 0_usize);
    loop {
        let page = app.store().hosts(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.host.name.clone());
        for stored in page {
            let derived = app.config().token_key.token(&stored.host.name)?;
            let kept = app.store().kept_token(&stored.host.name).await?;
            let follows = kept.is_some_and(|kept| kept.digest == Digest::of_token(&derived));
            own = own.saturating_add(usize::from(!follows));
            hosts.push(stored.host);
        }
    }
    let text = feed::write(&hosts, format)?;
    match &args.file {
        None => std::io::stdout().lock().write_all(text.as_bytes()).context("writing the feed")?,
        Some(path) => {
            let mut file = std::fs::File::create_new(path)
                .with_context(|| format!("making {}", path.display()))?;
            file.write_all(text.as_bytes())
                .with_context(|| format!("writing {}", path.display()))?;
        }
    }
    if own > 0 {
        ui.warn(format_args!(
            "{own} hosts have tokens that do not follow from token.key, and no token leaves the \
             database: add them before you import this feed elsewhere"
        ));
    }
    Ok(())
}

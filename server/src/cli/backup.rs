//! `bootmint backup` and `bootmint restore`.

use super::ui::Ui;
use crate::{app::App, time::Timestamp};
use anyhow::Context;
use std::{
    fs::File,
    io::{BufReader, BufWriter},
    path::{Path, PathBuf},
};

/// Arguments of `bootmint backup`.
#[derive(clap::Args)]
pub(super) struct BackupArgs {
    /// The file to make; one that exists is left alone
    file: PathBuf,
}

/// Arguments of `bootmint restore`.
#[derive(clap::Args)]
pub(super) struct RestoreArgs {
    /// The backup
    file: PathBuf,
}

pub(super) async fn backup(args: &BackupArgs, app: &App, ui: &Ui) -> anyhow::Result<()> {
    let file = &args.file;
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // Only its owner can read a temporary file, and so the backup.
    let mut to = tempfile::Builder::new()
        .prefix(".bootmint-backup-")
        .tempfile_in(folder)
        .with_context(|| format!("making a file in {}", folder.display()))?;
    let rows = app.store().backup(BufWriter::new(to.as_file_mut()), Timestamp::now()).await?;
    to.as_file().sync_all().with_context(|| format!("writing {}", file.display()))?;
    to.persist_noclobber(file).with_context(|| format!("making {}", file.display()))?;
    ui.line(format_args!("{}: {rows} rows", file.display()));
    ui.line("the folder of profiles, secrets.toml and token.key are no part of it: keep them too");
    Ok(())
}

pub(super) async fn restore(args: &RestoreArgs, app: &App, ui: &Ui) -> anyhow::Result<()> {
    let name = args.file.display();
    let file = File::open(&args.file).with_context(|| format!("opening {name}"))?;
    let rows = app
        .store()
        .restore(BufReader::new(file))
        .await
        .with_context(|| format!("restoring {name}"))?;
    let audit = app.store().verify_audit().await??;
    ui.line(format_args!("{rows} rows restored; the audit chain holds: {audit} rows"));
    Ok(())
}

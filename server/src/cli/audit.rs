//! `bootmint audit`.

use super::{actor, ui::Ui};
use crate::{
    app::{App, verify_archives},
    db::{AuditFilter, AuditRow},
    secret::Digest,
    time::Timestamp,
};
use anyhow::bail;
use std::path::PathBuf;

/// How many rows are read at a time.
const PAGE: i64 = 500;

/// Arguments of `bootmint audit`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only rows that are not older, in UTC: 2026-01-31T12:00:00Z or 2026-01-31
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only rows from before that time, likewise
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Checks that no row was changed or removed
    Verify {
        /// An archive of older rows to check too; several in their order
        #[arg(long, value_name = "FILE")]
        archive: Vec<PathBuf>,
        /// The digest of a row, which somebody noted earlier: the chain must have it
        #[arg(long, value_name = "DIGEST", value_parser = digest)]
        head: Option<Digest>,
    },
    /// Moves old rows to a file, so that the chain goes through both
    Archive {
        /// Rows older than this; of the last week all stay
        #[arg(long, value_name = "DAYS")]
        older_than_days: u16,
        /// The file, which must not be there
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

pub(super) async fn run(args: &Args, app: &App, ui: &Ui) -> anyhow::Result<()> {
    match &args.command {
        Some(Command::Verify { archive, head }) => verify(archive, head.as_ref(), app, ui).await,
        Some(Command::Archive { older_than_days, to }) => {
            let now = Timestamp::now();
            let before = now.after_days(-i64::from(*older_than_days));
            let done = app.archive_audit(before, to, &actor(), now).await?;
            let (first, end) = (done.first, done.end);
            ui.line(format_args!(
                "rows {first} to {} are in {}; the last digest is {}",
                end.seq,
                to.display(),
                end.hash
            ));
            Ok(())
        }
        None => {
            let (from, until) = (args.from, args.until);
            show(&AuditFilter { from, until, ..AuditFilter::default() }, app, ui).await
        }
    }
}

fn digest(text: &str) -> Result<Digest, String> {
    Digest::parse(&text.to_ascii_lowercase())
        .ok_or_else(|| "a digest has 64 hexadecimal digits".to_owned())
}

async fn verify(
    archive: &[PathBuf],
    noted: Option<&Digest>,
    app: &App,
    ui: &Ui,
) -> anyhow::Result<()> {
    let start = app.store().audit_start().await?;
    let whole = app.store().verify_audit_for(noted).await??;
    let archives = verify_archives(archive, &start, noted)?;
    let (rows, end) = (whole.end.seq.saturating_sub(start.seq), &whole.end);
    ui.line(format_args!(
        "the audit chain holds: {rows} rows, the last is {} with digest {}",
        end.seq, end.hash
    ));
    if !archive.is_empty() {
        ui.line(format_args!("{} rows in the archives lead to it", archives.rows));
    } else if start.seq > 0 {
        ui.line(format_args!(
            "rows up to {} are in archives: --archive FILE checks those too",
            start.seq
        ));
    }
    let Some(noted) = noted else { return Ok(()) };
    let Some(row) = whole.found.or(archives.found) else {
        bail!(
            "no row of this chain has the digest {}: rows were changed or removed since it was \
             noted and all digests computed anew, or it is of a row in an archive that was not \
             named by --archive, or of another site",
            noted.as_str()
        );
    };
    ui.line(format_args!("row {row} has the digest that was noted"));
    Ok(())
}

/// How a request ended and what is known of it, for people.
fn request_of(row: &AuditRow) -> String {
    let known = [
        (" as ", &row.role),
        (" with token ", &row.token),
        (" from ", &row.source),
        (" by request ", &row.request),
        (": ", &row.reason),
    ];
    let mut text = row.result.clone();
    for (before, value) in known.into_iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(before);
        text.push_str(value);
    }
    text
}

async fn show(filter: &AuditFilter, app: &App, ui: &Ui) -> anyhow::Result<()> {
    let mut after = 0;
    loop {
        let rows = app.store().audit_on(filter, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        for row in &rows {
            ui.line(format_args!(
                "{:>6} {} {:<16} {:<24} {:<10} {:<10} -> {:<10} {}",
                row.seq, row.at, row.actor, row.host, row.event, row.was, row.became, row.detail
            ));
            if !row.result.is_empty() {
                ui.line(format_args!("       {}", request_of(row)));
            }
        }
        after = last.seq;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_of_a_request_is_left_out() {
        let text = r#"{"seq":1,"at":0,"actor":"machine","host":"web-01","event":"boot","was":"new",
            "became":"installing","detail":"","role":"","token":"","source":"192.0.2.9",
            "request":"00ff","reason":"","result":"done","previous":"","hash":""}"#;
        let mut row: AuditRow = serde_json::from_str(text).unwrap();
        assert_eq!(request_of(&row), "done from 192.0.2.9 by request 00ff");
        (row.role, row.reason) = ("reimager".into(), "new disk".into());
        assert_eq!(request_of(&row), "done as reimager from 192.0.2.9 by request 00ff: new disk");
    }
}

//! `bootmint audit`.

use super::ui::Ui;
use crate::app::App;

/// How many rows are read at a time.
const PAGE: i64 = 500;

/// Arguments of `bootmint audit`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Checks that no row was changed or removed
    Verify,
}

pub(super) async fn run(args: &Args, app: &App, ui: &Ui) -> anyhow::Result<()> {
    match args.command {
        Some(Command::Verify) => {
            let rows = app.store().verify_audit().await??;
            ui.line(format_args!("the audit chain holds: {rows} rows"));
            Ok(())
        }
        None => show(app, ui).await,
    }
}

async fn show(app: &App, ui: &Ui) -> anyhow::Result<()> {
    let mut after = 0;
    loop {
        let rows = app.store().audit(after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        for row in &rows {
            ui.line(format_args!(
                "{:>6} {} {:<16} {:<24} {:<10} {:<10} -> {:<10} {}",
                row.seq, row.at, row.actor, row.host, row.event, row.was, row.became, row.detail
            ));
            if !row.result.is_empty() {
                ui.line(format_args!(
                    "       {} as {} with token {} from {} by request {} {}",
                    row.result, row.role, row.token, row.source, row.request, row.reason
                ));
            }
        }
        after = last.seq;
    }
}

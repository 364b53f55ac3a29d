//! `bootmint render`.

use super::ui::Ui;
use crate::app::App;
use bootmint_image_factory::host::HostName;

/// Arguments of `bootmint render`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The host
    host: HostName,
}

pub(super) async fn run(args: &Args, app: &App, ui: &Ui) -> anyhow::Result<()> {
    let stored = app.stored(&args.host).await?;
    for text in app.preview(&stored.host).await? {
        ui.line(format_args!("==> {} <==", text.title));
        ui.line(text.text);
    }
    Ok(())
}

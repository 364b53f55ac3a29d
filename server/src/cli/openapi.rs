//! `bootmint openapi`.

use super::ui::Ui;

/// Prints the OpenAPI document of the server's interface.
pub(super) fn run(ui: &Ui) -> anyhow::Result<()> {
    ui.line(crate::api::document().to_pretty_json()?);
    Ok(())
}

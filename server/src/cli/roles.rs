//! `bootmint roles`.

use super::ui::Ui;
use crate::auth::{Role, roles::TABLE};

/// Prints who may what: a row for each permission, a column for each role.
pub(super) fn run(ui: &Ui) {
    let head: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    ui.line(format_args!("{:<16}  {}", "", head.join("  ")));
    for (permission, roles) in TABLE {
        let cells: Vec<String> = Role::ALL
            .iter()
            .map(|role| {
                let mark = if roles.contains(role) { "yes" } else { "-" };
                format!("{mark:<width$}", width = role.name().len())
            })
            .collect();
        ui.line(format!("{permission:<16}  {}", cells.join("  ")).trim_end());
    }
}

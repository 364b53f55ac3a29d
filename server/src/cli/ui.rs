//! Output of commands.

use std::{fmt::Display, io::Write};

/// Standard output. A reader that went away is no error.
pub(super) struct Ui;

impl Ui {
    /// Writes a line.
    pub(super) fn line(&self, text: impl Display) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }
}

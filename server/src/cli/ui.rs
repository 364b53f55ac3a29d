//! Output of commands.

use std::{fmt::Display, io::Write};

/// Standard output. A reader that went away is no error.
pub(super) struct Ui;

impl Ui {
    /// Writes a line.
    pub(super) fn line(&self, text: impl Display) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    /// Writes a warning to standard error.
    pub(super) fn warn(&self, text: impl Display) {
        let _ = writeln!(std::io::stderr().lock(), "warning: {text}");
    }
}

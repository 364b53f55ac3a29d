//! What can go wrong with a command, and what to do about it.

use super::Packages;
use std::{io, path::PathBuf, process::ExitStatus};

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The program is not installed.
    #[error("{program} is not installed: {}", install(*.packages))]
    Missing {
        /// The program.
        program: String,
        /// The packages that have it, where they are known.
        packages: Option<Packages>,
    },
    /// The folder to run in does not exist.
    #[error("cannot run {command}: there is no folder {}", folder.display())]
    NoFolder {
        /// The command, quoted for a shell.
        command: String,
        /// The folder.
        folder: PathBuf,
    },
    /// The system could not start it, or its output could not be read.
    #[error("cannot run {command}")]
    Io {
        /// The command, quoted for a shell.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ran and failed.
    #[error("{command}\nended with {status}{}{}", last_lines(.lines), remedy_line(.remedy.as_deref()))]
    Failed {
        /// The command, quoted for a shell.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines it wrote.
        lines: Vec<String>,
        /// What to do about it, where that is known.
        remedy: Option<String>,
    },
}

fn install(packages: Option<Packages>) -> String {
    packages.map_or_else(
        || "install it, or put it on the PATH".to_owned(),
        |packages| format!("install {packages}"),
    )
}

fn last_lines(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |text, line| text + "\n    " + line)
}

fn remedy_line(remedy: Option<&str>) -> String {
    remedy.map_or_else(String::new, |remedy| format!("\n{remedy}"))
}

//! What can be wrong with a configuration.

use super::{environment::PREFIX, *};

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{}: cannot be read; `bootmint init` makes a folder with all that is needed", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no TOML, or has keys or values that are not known.
    #[error("{}: is wrong (environment variables {PREFIX}... count as part of it)", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// An environment variable sets a key below a value, or is no text.
    #[error("the environment variable {0} names no key: write {PREFIX}SECTION__KEY")]
    Environment(String),
    /// The database's address is wrong.
    #[error("{}: database.url is wrong", path.display())]
    Database {
        /// The configuration file.
        path: PathBuf,
        /// Why.
        source: NoAddress,
    },
    /// The token key is unusable.
    #[error("{}: holds no token key", path.display())]
    TokenKey {
        /// The key file.
        path: PathBuf,
        /// Why.
        source: TokenKeyError,
    },
    /// The key file for secrets is unusable.
    #[error("{}: holds no keys for secrets", path.display())]
    SealKeys {
        /// The key file.
        path: PathBuf,
        /// Why.
        source: NoKeys,
    },
    /// A line of the secrets is none. What is in it stands in no message.
    #[error("{from}: line {line} is not `name = \"value\"`")]
    Secrets {
        /// The file or command.
        from: String,
        /// Which line.
        line: usize,
    },
    /// A command that should print secrets or keys did not.
    #[error("the command {key}: {why}")]
    Command {
        /// Which.
        key: &'static str,
        /// Why.
        why: String,
    },
    /// A file with secrets can be read by others.
    #[error("{}: others can read it: make its mode 600", .0.display())]
    Exposed(PathBuf),
    /// A value is out of its range.
    #[error("{}: {what}", path.display())]
    Value {
        /// The configuration file.
        path: PathBuf,
        /// What is wrong and what to do.
        what: String,
    },
}

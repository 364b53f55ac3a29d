//! Minting: stamps become files, many at a time, safely.
//!
//! Every file is written without a name or under a temporary one, read back through its own file
//! system, and only then named. A file that already holds what it should is left alone, so an
//! interrupted run goes on where it stopped, and a run with nothing to do writes nothing.

mod batch;
mod fresh;
mod names;
mod output;
mod writer;

pub use batch::{Job, MintError, Subject, Tally, mint};
pub use names::{NameError, NameTemplate, Named};
pub use output::{ManifestDraft, Output, OutputError, Shard, ShardError};
pub use writer::{Method, Outcome, WriteError, Writer};

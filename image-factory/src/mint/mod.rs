//! Minting: stamps become files, many at a time, safely.
//!
//! Every file is written under a temporary name in a work folder of the output, read back through
//! its own file system, and renamed. A file that already holds what it should is left alone, so an
//! interrupted run goes on where it stopped, and a run with nothing to do writes nothing.

mod batch;
mod names;
mod output;
mod writer;

pub use batch::{Job, MintError, Subject, Tally, mint};
pub use names::{NameError, NameTemplate, Named};
pub use output::{ManifestDraft, Output, OutputError, Shard, ShardError};
pub use writer::{Method, Outcome, WriteError, Writer};

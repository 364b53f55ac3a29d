//! What every machine here has, and the server's program.

pub(crate) use bootmint_tests::world::{HERE, HOST, MAC, image, known, machine, network};
use std::path::Path;

/// The server's program.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bootmint-tested"))
}

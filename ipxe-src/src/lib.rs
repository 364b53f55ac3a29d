//! From iPXE's pinned source to firmware.
//!
//! - [`pin`]: the exact trees that firmware is built from;
//! - [`source`]: gets such a tree, from wherever it can be had, and proves that it is the one;
//! - [`prebuilt`]: firmware from a distribution's binaries, where nothing can be compiled;
//! - [`cache`]: the folder where all of it is kept;
//! - [`run`]: the one place where external programs are run.

pub mod cache;
pub mod pin;
pub mod progress;
pub mod run;
pub mod source;

//! From iPXE's pinned source to firmware.
//!
//! - [`pin`]: the exact trees that firmware is built from;
//! - [`source`]: gets such a tree, from wherever it can be had, and proves that it is the one;
//! - [`prebuilt`]: firmware from a distribution's binaries, where nothing can be compiled;
//! - [`probe`]: reads from a binary what it can do;
//! - [`cache`]: the folder where all of it is kept;
//! - [`profile`]: what a firmware is to be;
//! - [`firmware`]: compiles it, once, and finds it by its key ever after;
//! - [`run`]: the one place where external programs are run.

pub mod cache;
pub mod firmware;
pub mod pin;
pub mod prebuilt;
pub mod probe;
pub mod profile;
pub mod progress;
pub mod run;
pub mod source;

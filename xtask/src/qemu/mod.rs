//! QEMU machines as values: what a machine is, its command line, and the UEFI ROMs it needs.
//!
//! Everything but [`roms`] and [`terminal`] is pure. The tests and `cargo xtask boot` start the same machines; each
//! runs the command line in its own way.

mod command;
mod machine;
pub mod roms;
pub mod terminal;

pub use command::{CommandLine, Unsupported};
pub use machine::{
    Acceleration, Board, Bus, Disk, Flash, Identity, Image, Machine, Medium, Model, Nic, Operator,
    Screen, UserNet, Wire, Writes,
};

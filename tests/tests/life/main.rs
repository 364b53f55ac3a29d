//! The whole product from end to end: machines in QEMU with minted images, and the real server.

mod debian;
mod https;
mod machine;
mod network_disk;
mod unit;
mod userland;
mod world;

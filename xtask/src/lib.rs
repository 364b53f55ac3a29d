//! The commands of `cargo xtask`: one module each, with its arguments and its `run`.

pub mod attest;
pub mod axe;
pub mod bench;
pub mod boot;
pub mod build_images;
pub mod build_progress;
pub mod ci;
pub mod deps;
pub mod drivers;
pub mod feed_input;
pub mod firmware;
pub mod hosts;
pub mod images;
pub mod isolinux;
pub mod openid_provider;
pub mod qemu;
pub mod secureboot;
pub mod sign;
pub mod source;
pub mod ui;

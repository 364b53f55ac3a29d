//! QEMU harness and end-to-end truth.
//!
//! A boot test starts a machine that minted images, this crate's local disks and this crate's boot
//! server make up, and passes only when three witnesses agree: what the machine wrote on its serial
//! line, how QEMU ended, and what the server saw.

pub mod boot_server;
pub mod browser;
pub mod disks;
pub mod firmware;
pub mod guest;
pub mod hyperv;
pub mod images;
pub mod installer;
pub mod iscsi;
pub mod lab;
pub mod openid;
pub mod run;
pub mod serial;
pub mod server;
pub mod tls;
pub mod vlan;
pub mod vmware;
pub mod world;

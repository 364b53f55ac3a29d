//! From hosts and firmware to one bootable image per host.
//!
//! Everything here is synchronous; parsing, checking, rendering and layout are pure functions.
//! `fetch` alone speaks to the network.

pub mod fault;
pub mod feed;
pub mod fetch;
pub mod firmware;
pub mod format;
pub mod host;
pub mod layout;
pub mod manifest;
pub mod mint;
pub mod security;
pub mod slot;
pub mod template;
pub mod ticket;
pub mod verify;

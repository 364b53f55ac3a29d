//! The companion server: what a booting machine asks, and what it is told.

pub mod app;
pub mod boot;
pub mod cli;
pub mod config;
pub mod db;
pub mod machine;
pub mod record;
pub mod script;
pub mod secret;
pub mod time;
pub mod tls;

#[cfg(test)]
mod testing;

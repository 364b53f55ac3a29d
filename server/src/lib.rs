//! The companion server: what a booting machine asks, and what it is told.

pub mod api;
pub mod app;
pub mod auth;
pub mod boot;
mod cipher;
pub mod cli;
pub mod config;
pub mod db;
pub mod images;
pub mod limits;
pub mod link;
pub mod machine;
pub mod mark;
pub mod metrics;
pub mod network;
pub mod nocloud;
pub mod proxies;
pub mod record;
pub mod remote;
pub mod reply;
mod run;
pub mod script;
pub mod seal;
pub mod secret;
pub mod syslog;
pub mod time;
pub mod tls;
pub mod web;
pub mod webhook;

#[cfg(test)]
mod testing;

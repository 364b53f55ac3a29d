//! From iPXE's pinned source to firmware.

pub mod run;

//! From iPXE's pinned source to firmware.

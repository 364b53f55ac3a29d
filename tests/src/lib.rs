//! QEMU harness and end-to-end truth.

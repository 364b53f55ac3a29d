//! Driver sets and out-of-tree drivers.

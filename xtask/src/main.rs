//! The command line that CI and people call.

fn main() {}

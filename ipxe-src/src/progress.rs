//! How long work tells what it is doing; drawing it is up to the command line.

use crate::run::Said;

/// Takes the progress of long work. All methods do nothing unless they are overridden.
pub trait Progress {
    /// A step begins, told in one short sentence.
    fn step(&mut self, sentence: &str) {
        let _ = sentence;
    }

    /// `done` bytes of `total` are there; the total may be unknown.
    fn bytes(&mut self, done: u64, total: Option<u64>) {
        let _ = (done, total);
    }

    /// `target` was made, the `done`-th thing of `total`; the total may be unknown.
    fn made(&mut self, done: u64, total: Option<u64>, target: &str) {
        let _ = (done, total, target);
    }

    /// A command was started or wrote a line.
    fn said(&mut self, said: Said<'_>) {
        let _ = said;
    }
}

/// Nobody watches.
impl Progress for () {}

//! A body of known length that is a row of pieces.

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

/// The largest frame: what is counted as sent when it is handed over.
const FRAME: usize = 256 << 10;

/// Counts bytes that were sent.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// How many.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Pieces, one after the other, made when they are wanted.
pub struct Pieces<I> {
    rest: I,
    current: Bytes,
    left: u64,
    sent: Counter,
}

impl<I: Iterator<Item = Bytes>> Pieces<I> {
    /// A body of `size` bytes.
    pub fn new(size: u64, pieces: I, sent: Counter) -> Self {
        Self { rest: pieces, current: Bytes::new(), left: size, sent }
    }
}

impl<I: Iterator<Item = Bytes> + Unpin> Body for Pieces<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        while self.current.is_empty() {
            match self.rest.next() {
                Some(piece) => self.current = piece,
                None => return Poll::Ready(None),
            }
        }
        let most = self.current.len().min(FRAME);
        let frame = self.current.split_to(most);
        self.left = self.left.saturating_sub(frame.len() as u64);
        self.sent.add(frame.len());
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

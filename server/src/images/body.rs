//! A body of known length that is a row of pieces, some of which may have to wait.

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
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

/// What must not leave before something else happened did not leave, since that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the download ends here: the audit log did not take it")]
pub struct Withheld;

/// What must have happened first.
pub type Gate = Pin<Box<dyn Future<Output = Result<(), Withheld>> + Send>>;

/// Pieces, one after the other, made when they are wanted.
pub struct Pieces<I> {
    rest: I,
    current: Bytes,
    left: u64,
    sent: Counter,
    /// How many bytes may leave before the gate opens.
    free: u64,
    gate: Option<Gate>,
}

impl<I: Iterator<Item = Bytes>> Pieces<I> {
    /// A body of `size` bytes.
    pub fn new(size: u64, pieces: I, sent: Counter) -> Self {
        Self { rest: pieces, current: Bytes::new(), left: size, sent, free: 0, gate: None }
    }

    /// How many bytes are left of it.
    pub fn size(&self) -> u64 {
        self.left
    }

    /// The same, of which all but the first `free` bytes wait for `gate`.
    #[must_use]
    pub fn behind(mut self, gate: Gate, free: u64) -> Self {
        (self.gate, self.free) = (Some(gate), free);
        self
    }

    /// How many of the next bytes may leave.
    fn may_leave(&mut self, cx: &mut Context<'_>) -> Poll<Result<u64, Withheld>> {
        let Some(gate) = &mut self.gate else { return Poll::Ready(Ok(u64::MAX)) };
        if self.free > 0 {
            return Poll::Ready(Ok(self.free));
        }
        let opened = ready!(gate.as_mut().poll(cx));
        // What is over is not asked again: a gate that stays shut is one that never opens.
        self.gate = opened.err().map(|_| -> Gate { Box::pin(std::future::pending()) });
        Poll::Ready(opened.map(|()| u64::MAX))
    }
}

impl<I: Iterator<Item = Bytes> + Unpin> Body for Pieces<I> {
    type Data = Bytes;
    type Error = Withheld;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Withheld>>> {
        while self.current.is_empty() {
            match self.rest.next() {
                Some(piece) => self.current = piece,
                None => return Poll::Ready(None),
            }
        }
        let free = match ready!(self.may_leave(cx)) {
            Ok(free) => usize::try_from(free).unwrap_or(usize::MAX),
            Err(withheld) => return Poll::Ready(Some(Err(withheld))),
        };
        let most = self.current.len().min(FRAME).min(free);
        let frame = self.current.split_to(most);
        self.left = self.left.saturating_sub(frame.len() as u64);
        self.free = self.free.saturating_sub(frame.len() as u64);
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

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use tokio::sync::oneshot;

    fn body(gate: Gate) -> Pieces<std::array::IntoIter<Bytes, 3>> {
        let pieces =
            ["common ", "secret", " rest"].map(|piece| Bytes::from_static(piece.as_bytes()));
        Pieces::new(18, pieces.into_iter(), Counter::default()).behind(gate, 7)
    }

    #[tokio::test]
    async fn what_is_behind_the_gate_leaves_when_it_opens() {
        let (open, opened) = oneshot::channel();
        let mut body = body(Box::pin(async { opened.await.map_err(|_| Withheld) }));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "common ");
        let waits = tokio::time::timeout(std::time::Duration::from_millis(20), body.frame());
        assert!(waits.await.is_err(), "nothing opened the gate");
        open.send(()).unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "secret rest");
    }

    #[tokio::test]
    async fn what_is_behind_a_gate_that_stays_shut_never_leaves() {
        let mut body = body(Box::pin(async { Err(Withheld) }));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "common ");
        assert_eq!(body.frame().await.unwrap().unwrap_err(), Withheld);
        let again = tokio::time::timeout(std::time::Duration::from_millis(20), body.frame());
        assert!(again.await.is_err(), "it stays shut");
        assert!(!body.is_end_stream(), "the client is told that it has not all");
    }
}

//! Work that waits while the database is busy is done together: who asks meanwhile shares the next
//! query or transaction.

use std::{future::Future, sync::Arc};
use tokio::sync::{Mutex, mpsc, oneshot};

/// How much work waits at most; more waits to wait.
const WAITING: usize = 4096;

/// One who asks.
pub(super) struct Ask<Q, A> {
    /// What for.
    pub(super) question: Q,
    /// Who is dropped without an answer does the work alone, and sees what is wrong.
    pub(super) answer: oneshot::Sender<A>,
}

/// A queue and its workers, which end with it.
#[derive(Debug)]
pub(super) struct Together<Q, A>(mpsc::Sender<Ask<Q, A>>);

impl<Q: Send + 'static, A: Send + 'static> Together<Q, A> {
    /// Starts so many workers, each of which hands `many` questions to `work` at most.
    pub(super) fn start<F, W>(workers: usize, many: usize, work: F) -> Self
    where
        F: Fn(Vec<Ask<Q, A>>) -> W + Clone + Send + Sync + 'static,
        W: Future<Output = ()> + Send,
    {
        let (queue, asks) = mpsc::channel(WAITING);
        let asks = Arc::new(Mutex::new(asks));
        for _ in 0..workers {
            let (asks, work) = (Arc::clone(&asks), work.clone());
            tokio::spawn(async move {
                loop {
                    let mut batch = Vec::new();
                    if asks.lock().await.recv_many(&mut batch, many).await == 0 {
                        return;
                    }
                    work(batch).await;
                }
            });
        }
        Self(queue)
    }

    /// The answer. An error means that it must be asked for alone.
    pub(super) async fn ask(&self, question: Q) -> Result<A, ()> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Ask { question, answer }).await.map_err(|_| ())?;
        answered.await.map_err(|_| ())
    }
}

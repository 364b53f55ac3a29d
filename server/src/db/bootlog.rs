//! The log of boots that changed nothing: written in batches, by one task, from a bounded queue.
//!
//! Most boots are these, and no machine waits until its row is on disk. What a crash can lose is
//! what is in the queue: the boots of the last [`LINGER`], or of the time that the database did
//! not answer. A boot that changes a state is no part of this: its row belongs to the transaction
//! of the change.

use super::{
    DbError,
    engine::{Bind, Engine},
    log::BootRow,
};
use std::{
    fmt::Write,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinHandle,
};

/// The most boots that wait to be written, about 16 MiB.
const CAPACITY: usize = 32_768;
/// The most boots that are written in one transaction.
const BATCH: usize = 1024;
/// How long the first boot of a batch waits for others.
const LINGER: Duration = Duration::from_millis(20);
/// How many rows one statement writes, as long as there are so many.
const ROWS: usize = 64;
/// How long the task rests after the database did not take a batch.
const REST: Duration = Duration::from_millis(500);
/// How often it tries again once the server ends.
const LAST_TRIES: u32 = 4;

const COLUMNS: usize = 5;

/// A statement that writes `ROWS` rows.
static MANY: LazyLock<String> = LazyLock::new(|| statement(ROWS));
/// A statement that writes one row.
static ONE: LazyLock<String> = LazyLock::new(|| statement(1));

fn statement(rows: usize) -> String {
    let mut sql = "INSERT INTO boots (at, host, action, peer, facts) VALUES ".to_owned();
    for row in 0..rows {
        let first = row * COLUMNS;
        let comma = if row == 0 { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(
            sql,
            "{comma}(${}, ${}, ${}, ${}, ${})",
            first + 1,
            first + 2,
            first + 3,
            first + 4,
            first + 5
        );
    }
    sql
}

/// The queue and its task.
#[derive(Debug)]
pub(super) struct BootLog {
    queue: mpsc::Sender<BootRow>,
    lost: Arc<AtomicU64>,
    task: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl BootLog {
    /// Starts the task.
    pub(super) fn start(engine: Engine) -> Self {
        let (queue, rows) = mpsc::channel(CAPACITY);
        let (stop, stopped) = oneshot::channel();
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer { engine, rows, lost: Arc::clone(&lost), told: 0 };
        let task = tokio::spawn(writer.run(stopped));
        Self { queue, lost, task: Mutex::new(Some((stop, task))) }
    }

    /// Takes a boot to be written soon. If too many wait already, it is counted instead.
    pub(super) fn push(&self, boot: BootRow) {
        if self.queue.try_send(boot).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many boots were not written since the start.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Writes what waits, and takes no more.
    pub(super) async fn close(&self) {
        if let Some((stop, task)) = self.task.lock().await.take() {
            // The task is gone if its runtime is: then there is nothing to wait for.
            let _ = stop.send(());
            let _ = task.await;
        }
    }
}

struct Writer {
    engine: Engine,
    rows: mpsc::Receiver<BootRow>,
    lost: Arc<AtomicU64>,
    /// How many lost boots the log tells of already.
    told: u64,
}

impl Writer {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut stopping = false;
        loop {
            if !stopping {
                stopping = tokio::select! {
                    biased;
                    _ = &mut stopped => true,
                    n = self.rows.recv_many(&mut batch, 1) => n == 0,
                };
                if stopping {
                    self.rows.close();
                } else {
                    tokio::time::sleep(LINGER).await;
                }
            }
            while batch.len() < BATCH {
                let Ok(row) = self.rows.try_recv() else { break };
                batch.push(row);
            }
            if batch.is_empty() && stopping {
                return;
            }
            self.write(&mut batch, &mut stopped, &mut stopping).await;
            self.tell();
        }
    }

    /// Writes a batch; tries again and again while the database does not answer.
    async fn write(
        &mut self,
        batch: &mut Vec<BootRow>,
        stopped: &mut oneshot::Receiver<()>,
        stopping: &mut bool,
    ) {
        let mut last_tries = LAST_TRIES;
        while let Err(error) = insert(&self.engine, batch).await {
            // One that broke off in its commit may be written twice: that is better than not.
            let again = error.may_pass();
            if *stopping {
                last_tries = last_tries.saturating_sub(1);
            }
            if !again || last_tries == 0 {
                tracing::error!(%error, boots = batch.len(), "boots could not be recorded");
                let lost = u64::try_from(batch.len()).unwrap_or(u64::MAX);
                self.lost.fetch_add(lost, Ordering::Relaxed);
                self.told = self.told.saturating_add(lost);
                break;
            }
            tracing::warn!(%error, waiting = self.rows.len(), "boots are not recorded yet");
            tokio::select! {
                () = tokio::time::sleep(REST) => {}
                _ = &mut *stopped, if !*stopping => {
                    *stopping = true;
                    self.rows.close();
                }
            }
        }
        batch.clear();
    }

    /// Tells the log of boots that found the queue full.
    fn tell(&mut self) {
        let lost = self.lost.load(Ordering::Relaxed);
        let fresh = lost.saturating_sub(self.told);
        if fresh > 0 {
            tracing::error!(
                boots = fresh,
                "too many boots wait to be recorded: these are not; is the database too slow?"
            );
            self.told = lost;
        }
    }
}

/// Writes boots in one transaction.
async fn insert(engine: &Engine, boots: &[BootRow]) -> Result<(), DbError> {
    let mut tx = engine.begin().await?;
    let chunks = boots.chunks_exact(ROWS);
    let rest = chunks.remainder();
    for chunk in chunks {
        tx.execute(MANY.as_str(), chunk.iter().flat_map(binds)).await?;
    }
    for boot in rest {
        tx.execute(ONE.as_str(), binds(boot)).await?;
    }
    tx.commit().await
}

/// The values of a boot's row.
pub(super) fn binds(boot: &BootRow) -> [Bind; COLUMNS] {
    [
        boot.at.as_unix().into(),
        boot.host.as_str().into(),
        boot.action.into(),
        boot.peer.as_str().into(),
        boot.facts.as_str().into(),
    ]
}

//! Look-ups of hosts by their tokens. In a boot storm thousands come at once: those that wait
//! while the database answers others share the next query, and each is asked for after it came.

use super::{
    DbError,
    engine::{Bind, Engine, Row},
};
use crate::secret::Digest;
use std::{
    collections::{HashMap, hash_map::Entry},
    fmt::Write,
    sync::{Arc, LazyLock},
};
use tokio::sync::{Mutex, mpsc, oneshot};

/// How many look-ups wait at most; further ones wait to wait.
const WAITING: usize = 4096;
/// How many queries run at a time.
const WORKERS: usize = 2;
/// How many look-ups share one query at most.
const MANY: usize = 64;
/// How many share a small one.
const FEW: usize = 8;

/// The columns of a host, behind its token's digest.
macro_rules! columns {
    () => {
        "h.name, h.spec, h.state, h.attempt, h.tries, h.due, h.generation, h.created, h.changed"
    };
}
pub(super) use columns;

/// A query for one, few, and many.
static QUERIES: LazyLock<[(usize, String); 3]> =
    LazyLock::new(|| [1, FEW, MANY].map(|size| (size, query(size))));

fn query(size: usize) -> String {
    let mut sql =
        concat!("SELECT h.token_digest, ", columns!(), " FROM hosts h WHERE h.token_digest IN ($1")
            .to_owned();
    for number in 2..=size {
        // Writing to a String cannot fail.
        let _ = write!(sql, ", ${number}");
    }
    sql.push(')');
    sql
}

struct Ask {
    digest: Digest,
    answer: oneshot::Sender<Option<Row>>,
}

/// The queue and its workers, which end with it.
#[derive(Debug)]
pub(super) struct Lookups(mpsc::Sender<Ask>);

impl Lookups {
    /// Starts the workers.
    pub(super) fn start(engine: &Engine) -> Self {
        let (queue, asks) = mpsc::channel(WAITING);
        let asks = Arc::new(Mutex::new(asks));
        for _ in 0..WORKERS {
            tokio::spawn(work(engine.clone(), Arc::clone(&asks)));
        }
        Self(queue)
    }

    /// The columns of the host whose token has that digest. An error means that it must be asked
    /// for alone.
    pub(super) async fn find(&self, digest: &Digest) -> Result<Option<Row>, ()> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Ask { digest: digest.clone(), answer }).await.map_err(|_| ())?;
        answered.await.map_err(|_| ())
    }
}

async fn work(engine: Engine, asks: Arc<Mutex<mpsc::Receiver<Ask>>>) {
    let mut batch = Vec::with_capacity(MANY);
    while asks.lock().await.recv_many(&mut batch, MANY).await > 0 {
        answer(&engine, &mut batch).await;
        // Whoever was not answered asks alone, and sees what is wrong.
        batch.clear();
    }
}

async fn answer(engine: &Engine, batch: &mut Vec<Ask>) {
    let Ok(mut found) = find(engine, batch).await else { return };
    let mut answered = HashMap::with_capacity(batch.len());
    for ask in batch.drain(..) {
        // A machine that asks twice at once: the second one asks alone.
        if let Entry::Vacant(first) = answered.entry(ask.digest.as_str().to_owned()) {
            let row = found.remove(first.key());
            first.insert(());
            // Whoever asked may be gone.
            let _ = ask.answer.send(row);
        }
    }
}

async fn find(engine: &Engine, batch: &[Ask]) -> Result<HashMap<String, Row>, DbError> {
    let fits = QUERIES.iter().find(|(size, _)| *size >= batch.len());
    let (size, sql) = fits.ok_or(DbError::Shape)?;
    let digests = batch.iter().map(|ask| Bind::from(ask.digest.as_str()));
    // No digest is empty.
    let padded = digests.chain(std::iter::repeat_with(|| Bind::from(""))).take(*size);
    let rows = engine.query(sql, padded).await?;
    rows.into_iter().map(|mut row| Ok((row.text()?, row))).collect()
}

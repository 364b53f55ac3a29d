//! Look-ups of hosts by their tokens. In a boot storm thousands come at once: those that wait
//! while the database answers others share the next query, and each is asked for after it came.

use super::{
    DbError,
    engine::{Bind, Engine, Row},
    together::{Ask, Together},
};
use crate::secret::Digest;
use std::{
    collections::{HashMap, hash_map::Entry},
    fmt::Write,
    sync::LazyLock,
};

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

/// Look-ups of digests.
pub(super) type Lookups = Together<Digest, Option<Row>>;

/// Starts the workers.
pub(super) fn start(engine: &Engine) -> Lookups {
    let engine = engine.clone();
    Together::start(WORKERS, MANY, move |batch| answer(engine.clone(), batch))
}

async fn answer(engine: Engine, batch: Vec<Ask<Digest, Option<Row>>>) {
    let digests = batch.iter().map(|ask| ask.question.as_str());
    let Ok(mut found) = find(&engine, digests).await else { return };
    let mut answered = HashMap::with_capacity(batch.len());
    for ask in batch {
        // A machine that asks twice at once: the second one asks alone.
        if let Entry::Vacant(first) = answered.entry(ask.question.as_str().to_owned()) {
            let row = found.remove(first.key());
            first.insert(());
            // Whoever asked may be gone.
            let _ = ask.answer.send(row);
        }
    }
}

async fn find(
    engine: &Engine,
    digests: impl ExactSizeIterator<Item = &str>,
) -> Result<HashMap<String, Row>, DbError> {
    let fits = QUERIES.iter().find(|(size, _)| *size >= digests.len());
    let (size, sql) = fits.ok_or(DbError::Shape)?;
    // No digest is empty.
    let padded =
        digests.map(Bind::from).chain(std::iter::repeat_with(|| Bind::from(""))).take(*size);
    let rows = engine.query(sql, padded).await?;
    rows.into_iter().map(|mut row| Ok((row.text()?, row))).collect()
}

//! Notes: rows of the audit log about what changed no host. Each is on disk before whoever caused
//! it is answered; those that come together share a transaction, since each transaction waits for
//! the disk.

use super::{
    Actor, AuditResult, DbError, Store,
    audit::{self, Entry},
    engine::Engine,
    retry::until_over,
    together::{Ask, Together},
};
use crate::time::Timestamp;

/// How many notes share one transaction at most.
const MANY: usize = 256;

/// What is written down although no host changed.
#[derive(Clone, Debug)]
pub struct Note<'a> {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: &'a Actor,
    /// The host that it is about, or nothing.
    pub host: &'a str,
    /// What.
    pub event: &'a str,
    /// More.
    pub detail: &'a str,
    /// How it ended.
    pub result: AuditResult,
}

impl<'a> Note<'a> {
    fn kept(&self) -> Kept {
        Kept {
            at: self.at,
            actor: self.actor.clone(),
            texts: [self.host, self.event, self.detail].map(ToOwned::to_owned),
            result: self.result,
        }
    }

    pub(super) fn entry(&self) -> Entry<'a> {
        Entry {
            at: self.at,
            actor: self.actor,
            host: self.host,
            event: self.event,
            was: "",
            became: "",
            detail: self.detail,
            result: self.result,
        }
    }
}

/// A note that waits.
#[derive(Debug)]
pub(super) struct Kept {
    at: Timestamp,
    actor: Actor,
    /// The host, the event and the detail.
    texts: [String; 3],
    result: AuditResult,
}

impl Kept {
    fn note(&self) -> Note<'_> {
        let [host, event, detail] = &self.texts;
        Note { at: self.at, actor: &self.actor, host, event, detail, result: self.result }
    }
}

/// Notes that are written together.
pub(super) type Notes = Together<Kept, ()>;

/// Starts the one writer: the chain has one end.
pub(super) fn start(engine: &Engine) -> Notes {
    let engine = engine.clone();
    Together::start(1, MANY, move |batch| write_and_tell(engine.clone(), batch))
}

async fn write_and_tell(engine: Engine, batch: Vec<Ask<Kept, ()>>) {
    let notes: Vec<_> = batch.iter().map(|ask| ask.question.note()).collect();
    if write(&engine, &notes).await.is_ok() {
        for ask in batch {
            // Whoever caused it may be gone.
            let _ = ask.answer.send(());
        }
    }
}

async fn write(engine: &Engine, notes: &[Note<'_>]) -> Result<(), DbError> {
    let entries: Vec<_> = notes.iter().map(Note::entry).collect();
    let mut tx = engine.begin().await?;
    audit::lock(&mut tx).await?;
    audit::append_all(&mut tx, &entries).await?;
    tx.commit().await
}

impl Store {
    /// Writes down what changed no host: a sign-in, a denial, a download.
    pub async fn note(&self, note: &Note<'_>) -> Result<(), DbError> {
        match self.notes.ask(note.kept()).await {
            Ok(()) => Ok(()),
            Err(()) => until_over!(write(&self.engine, std::slice::from_ref(note))),
        }
    }
}

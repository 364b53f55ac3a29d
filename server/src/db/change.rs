//! The change of a host's state: one transaction, guarded by the generation that was seen.

use super::{
    Actor, AuditResult, DbError, Store,
    attempts::Outcome,
    audit::{self, Entry},
    guard::{self, ArmGuard, Guarded},
    hosts::state_columns,
    log::BootRow,
    retry::Retry,
};
use crate::{
    machine::{AttemptId, State},
    secret::Digest,
    time::Timestamp,
};
use bootmint_image_factory::host::HostName;

/// An attempt that a change begins.
#[derive(Clone, Debug)]
pub struct NewAttempt {
    /// Its name.
    pub id: AttemptId,
    /// The digest of its installer's secret.
    pub secret: Digest,
    /// The OS profile that it installs.
    pub profile: String,
    /// Which version of it; 0 is the folder's.
    pub version: i64,
    /// Until when its answer files are released.
    pub due: Timestamp,
}

/// A change of one host.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// The host.
    pub host: &'a HostName,
    /// The generation that the decision rests on.
    pub generation: i64,
    /// The state that it saw.
    pub was: State,
    /// The state that follows.
    pub becomes: State,
    /// What happened.
    pub event: &'static str,
    /// Who caused it.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// The attempt that begins.
    pub begins: Option<NewAttempt>,
    /// How the attempts end that were open until now; those that go on are not named.
    pub ends: Option<Outcome>,
    /// What is added to the audit row, such as an installer's message.
    pub note: String,
    /// The boot that caused it.
    pub boot: Option<BootRow>,
}

/// Whether a change was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is durable.
    Done,
    /// The host had changed meanwhile: nothing was done, decide again.
    Stale,
    /// The guard of an arming did not let it pass: nothing was done.
    Guarded(Guarded),
}

impl Store {
    /// Makes a change, with its audit row, in one transaction.
    pub async fn commit(&self, change: &Change<'_>) -> Result<Committed, DbError> {
        self.commit_guarded(change, None).await
    }

    /// Makes a change that must pass a guard in the same transaction: an arming.
    pub async fn commit_guarded(
        &self,
        change: &Change<'_>,
        guard: Option<&ArmGuard>,
    ) -> Result<Committed, DbError> {
        // Once a connection broke off in a commit, the change may be what made itself stale.
        let mut unsure = false;
        let mut retry = Retry::default();
        let done = loop {
            let result = self.try_commit(change, guard).await;
            unsure |= matches!(result, Err(DbError::Broken(_)));
            let Some(pause) = retry.pause(&result) else { break result? };
            tokio::time::sleep(pause).await;
        };
        // A guard that was passed uses up what let it pass, so it may refuse the second try too.
        if done != Committed::Done && unsure && self.is_made(change).await? {
            return Ok(Committed::Done);
        }
        Ok(done)
    }

    /// Whether a host stands as `change` makes it, one generation after the one that it saw.
    async fn is_made(&self, change: &Change<'_>) -> Result<bool, DbError> {
        let Some(host) = self.host(change.host).await? else { return Ok(false) };
        if host.generation != change.generation.saturating_add(1) || host.state != change.becomes {
            return Ok(false);
        }
        match &change.begins {
            None => Ok(true),
            Some(new) => Ok(self.attempt_by_secret(&new.secret).await?.is_some()),
        }
    }

    async fn try_commit(
        &self,
        change: &Change<'_>,
        guard: Option<&ArmGuard>,
    ) -> Result<Committed, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        if let Some(guard) = guard
            && let Some(guarded) = guard::check(&mut tx, change, guard).await?
        {
            return Ok(Committed::Guarded(guarded));
        }
        let host = change.host.as_str();
        let [state, attempt, tries, due] = state_columns(&change.becomes);
        let changed = tx
            .execute(
                "UPDATE hosts SET state = $1, attempt = $2, tries = $3, due = $4, changed = $5, \
                 generation = generation + 1 WHERE name = $6 AND generation = $7",
                [
                    state,
                    attempt,
                    tries,
                    due,
                    change.at.as_unix().into(),
                    host.into(),
                    change.generation.into(),
                ],
            )
            .await?;
        if changed != 1 {
            return Ok(Committed::Stale);
        }
        if let Some(outcome) = change.ends {
            super::attempts::end(&mut tx, host, outcome, change.at).await?;
        }
        if let Some(new) = &change.begins {
            super::attempts::begin(&mut tx, host, new, change.at).await?;
        }
        if let Some(boot) = &change.boot {
            super::log::insert_boot(&mut tx, boot).await?;
        }
        let attempt = change.begins.as_ref().map(|new| new.id);
        let attempt = attempt.or(change.becomes.attempt()).or(change.was.attempt());
        let detail = match (attempt, change.note.as_str()) {
            (None, note) => note.to_owned(),
            (Some(id), "") => format!("attempt {id}"),
            (Some(id), note) => format!("attempt {id}: {note}"),
        };
        let entry = Entry {
            at: change.at,
            actor: &change.actor,
            host,
            event: change.event,
            was: change.was.name(),
            became: change.becomes.name(),
            detail: &detail,
            result: AuditResult::Done,
        };
        audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok(Committed::Done)
    }
}

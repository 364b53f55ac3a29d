//! Hosts of a feed: added, or changed where they are there already.
//!
//! What a host was armed for is over when its record changes, and who comes by an identifier of a
//! host that was in use is not new: nobody makes a machine install by editing records alone.

use super::{
    Actor, AuditResult, DbError, Store, Tx, at_most_one,
    audit::{self, Entry},
    hosts::{read_state, state_columns},
    ids::{asset, is_former, remember, replace_ids},
    retry::until_over,
};
use crate::{
    machine::{Event, Policy, State, step},
    record,
    secret::Digest,
    time::Timestamp,
};
use bootmint_image_factory::host::{Host, HostName};

/// The longest list of changed fields in an audit row, in bytes.
const MAX_DETAIL: usize = 2000;

/// A host that is to be added or changed.
#[derive(Clone, Debug)]
pub struct Wanted<'h> {
    /// The host.
    pub host: &'h Host,
    /// Its token, if it brings one; else the one for the case that it has none yet. Without any, the
    /// one that it has stays.
    pub token: Option<KeptToken>,
    /// The generation that whoever decided on this saw; none if there was no such host.
    pub seen: Option<i64>,
}

/// What is kept of a host's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptToken {
    /// Its digest, by which the host is known.
    pub digest: Digest,
    /// The token, sealed; nothing where it follows from the token key. In a [`Wanted`] also where
    /// the seal that is there stays.
    pub sealed: Option<String>,
}

/// What an import did, by the names of the hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Hosts that are new.
    pub added: Vec<HostName>,
    /// Hosts whose record or token changed; what they were armed for is over.
    pub updated: Vec<HostName>,
    /// How many hosts were there already as they are.
    pub unchanged: usize,
}

impl Store {
    /// Adds hosts, and updates those that are there: all of them or, on error, none. It is an
    /// error if one that would change is not as it was seen.
    pub async fn import(
        &self,
        hosts: &[Wanted<'_>],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Imported, DbError> {
        until_over!(self.try_import(hosts, actor, now, Keep::All))
    }

    /// Tells what [`Store::import`] would do, and takes it back.
    pub async fn try_import_only(
        &self,
        hosts: &[Wanted<'_>],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Imported, DbError> {
        until_over!(self.try_import(hosts, actor, now, Keep::Nothing))
    }

    async fn try_import(
        &self,
        hosts: &[Wanted<'_>],
        actor: &Actor,
        now: Timestamp,
        keep: Keep,
    ) -> Result<Imported, DbError> {
        let mut done = Imported::default();
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        let (mut changed, mut moved) = (Vec::new(), Vec::new());
        for wanted in hosts {
            match look(&mut tx, wanted).await? {
                None => done.unchanged = done.unchanged.saturating_add(1),
                Some(incoming) if incoming.is_as_seen() => changed.push(incoming),
                Some(incoming) => moved.push(incoming.host.name.clone()),
            }
        }
        if !moved.is_empty() {
            return Err(DbError::Moved(moved));
        }
        // First all let go of what they had: two may have swapped it.
        for incoming in &changed {
            let_go(&mut tx, incoming).await?;
        }
        for incoming in &changed {
            settle(&mut tx, incoming, actor, now).await?;
            let list = if incoming.old.is_some() { &mut done.updated } else { &mut done.added };
            list.push(incoming.host.name.clone());
        }
        if keep == Keep::All {
            tx.commit().await?;
        }
        Ok(done)
    }
}

/// What an import leaves behind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    All,
    Nothing,
}

/// A host that is new or changes.
struct Incoming<'h> {
    host: &'h Host,
    spec: String,
    token: Option<String>,
    /// The token, sealed.
    sealed: Option<String>,
    /// The generation that was seen when this was decided.
    seen: Option<i64>,
    old: Option<Old>,
}

impl Incoming<'_> {
    /// Whether the host is what it was when this was decided.
    fn is_as_seen(&self) -> bool {
        self.seen == self.old.as_ref().map(|old| old.generation)
    }
}

/// A host as it was.
struct Old {
    spec: String,
    token: Option<String>,
    sealed: Option<String>,
    generation: i64,
    state: State,
}

/// Adds or changes one host.
pub(super) async fn import_one(
    tx: &mut Tx,
    wanted: &Wanted<'_>,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), DbError> {
    if let Some(incoming) = look(tx, wanted).await? {
        let_go(tx, &incoming).await?;
        settle(tx, &incoming, actor, now).await?;
    }
    Ok(())
}

/// What is to be done for a host, if anything is.
async fn look<'h>(tx: &mut Tx, wanted: &Wanted<'h>) -> Result<Option<Incoming<'h>>, DbError> {
    let Wanted { host, token, seen } = wanted;
    let token = token.as_ref();
    let mut incoming = Incoming {
        host,
        spec: record::write(host)?,
        token: token.map(|token| token.digest.as_str().to_owned()),
        sealed: token.and_then(|token| token.sealed.clone()),
        seen: *seen,
        old: None,
    };
    let sql = "SELECT spec, token_digest, token_sealed, generation, state, attempt, tries, due \
               FROM hosts WHERE name = $1";
    let Some(mut row) = at_most_one(tx.query(sql, [host.name.as_str().into()]).await?) else {
        return Ok(Some(incoming));
    };
    let old = Old {
        spec: row.text()?,
        token: row.maybe_text()?,
        sealed: row.maybe_text()?,
        generation: row.int()?,
        state: read_state(&mut row)?,
    };
    if (host.token.is_none() || token.is_none()) && old.token.is_some() {
        // Its image holds the one that it has.
        incoming.token.clone_from(&old.token);
        incoming.sealed.clone_from(&old.sealed);
    }
    if incoming.token == old.token && incoming.sealed.is_none() {
        incoming.sealed.clone_from(&old.sealed);
    }
    let same =
        old.spec == incoming.spec && old.token == incoming.token && old.sealed == incoming.sealed;
    incoming.old = Some(old);
    Ok((!same).then_some(incoming))
}

/// Takes from a host what it is known by, before it gets that of its new record.
async fn let_go(tx: &mut Tx, incoming: &Incoming<'_>) -> Result<(), DbError> {
    let (name, Some(old)) = (&incoming.host.name, &incoming.old) else { return Ok(()) };
    if old.state != State::New {
        remember(tx, name).await?;
    }
    tx.execute("DELETE FROM host_ids WHERE host = $1", [name.as_str().into()]).await?;
    if old.token != incoming.token {
        let sql = "UPDATE hosts SET token_digest = NULL WHERE name = $1";
        tx.execute(sql, [name.as_str().into()]).await?;
    }
    Ok(())
}

async fn settle(
    tx: &mut Tx,
    incoming: &Incoming<'_>,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), DbError> {
    let Incoming { host, token, .. } = incoming;
    let name = host.name.as_str();
    let sql = "SELECT name FROM hosts WHERE token_digest = $1 AND name <> $2";
    if !tx.query(sql, [token.clone().into(), name.into()]).await?.is_empty() {
        return Err(DbError::Taken { host: name.to_owned(), what: "token" });
    }
    let (event, was, becomes, detail) = match &incoming.old {
        None => {
            let (state, detail) = if is_former(tx, incoming.host, incoming.token.as_deref()).await?
            {
                (State::Installed, "known from before: its disk stays until it is armed".to_owned())
            } else {
                (State::New, String::new())
            };
            insert(tx, incoming, &state, now).await?;
            ("import", "", state, detail)
        }
        Some(old) => {
            let state = match old.state {
                State::New if is_former(tx, incoming.host, incoming.token.as_deref()).await? => {
                    State::Installed
                }
                // Refused by no state, and no policy has a part in it.
                state => step(state, Event::Edit, &Policy::default(), now)
                    .map_or(state, |(next, _)| next),
            };
            let detail = what_changed(tx, incoming, old, &state).await?;
            update(tx, incoming, old, &state, now).await?;
            ("update", old.state.name(), state, detail)
        }
    };
    replace_ids(tx, host).await?;
    let entry = Entry {
        at: now,
        actor,
        host: name,
        event,
        was,
        became: becomes.name(),
        detail: &detail,
        result: AuditResult::Done,
    };
    audit::append(tx, &entry).await
}

/// Each field before and after, and what that ends; for the audit log.
async fn what_changed(
    tx: &mut Tx,
    incoming: &Incoming<'_>,
    old: &Old,
    becomes: &State,
) -> Result<String, DbError> {
    let mut told = record::changes(&old.spec, &incoming.spec);
    if old.token != incoming.token {
        told.push("another token".to_owned());
    } else if old.sealed != incoming.sealed {
        told.push("its token is kept sealed".to_owned());
    }
    let mut detail = in_short(&told);
    let sql = "DELETE FROM arm_requests WHERE host = $1";
    let asked = tx.execute(sql, [incoming.host.name.as_str().into()]).await? > 0;
    if asked || (matches!(old.state, State::Armed { .. }) && old.state != *becomes) {
        detail.push_str(" (what it was to be armed for is over: look at it, and arm it again)");
    }
    Ok(detail)
}

/// What is told of the fields of a record, up to some length.
pub(super) fn in_short(fields: &[String]) -> String {
    let mut detail = fields.join("; ");
    if detail.len() > MAX_DETAIL {
        let end = (0..=MAX_DETAIL).rev().find(|end| detail.is_char_boundary(*end));
        detail.truncate(end.unwrap_or(0));
        detail.push_str(" ...");
    }
    detail
}

async fn insert(
    tx: &mut Tx,
    incoming: &Incoming<'_>,
    state: &State,
    now: Timestamp,
) -> Result<(), DbError> {
    let Incoming { host, spec, token, sealed, .. } = incoming;
    let binds = [
        host.name.as_str().into(),
        spec.as_str().into(),
        token.clone().into(),
        state.name().into(),
        now.as_unix().into(),
        asset(host).into(),
        sealed.clone().into(),
    ];
    let sql = "INSERT INTO hosts (name, spec, token_digest, state, generation, created, changed, \
               asset, token_sealed) VALUES ($1, $2, $3, $4, 1, $5, $5, $6, $7)";
    tx.execute(sql, binds).await.map(drop)
}

async fn update(
    tx: &mut Tx,
    incoming: &Incoming<'_>,
    old: &Old,
    state: &State,
    now: Timestamp,
) -> Result<(), DbError> {
    let Incoming { host, spec, token, sealed, .. } = incoming;
    let [state, attempt, tries, due] = state_columns(state);
    let binds = [
        spec.as_str().into(),
        token.clone().into(),
        now.as_unix().into(),
        asset(host).into(),
        state,
        attempt,
        tries,
        due,
        sealed.clone().into(),
        host.name.as_str().into(),
        old.generation.into(),
    ];
    let sql = "UPDATE hosts SET spec = $1, token_digest = $2, generation = generation + 1, \
               changed = $3, asset = $4, state = $5, attempt = $6, tries = $7, due = $8, \
               token_sealed = $9 WHERE name = $10 AND generation = $11";
    // A boot may have changed the host since it was looked at, where reads take no locks.
    match tx.execute(sql, binds).await? {
        1 => Ok(()),
        _ => Err(DbError::Moved(vec![host.name.clone()])),
    }
}

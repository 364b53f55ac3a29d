//! One host made, changed or removed by a person who saw a generation of it.

use super::{
    Actor, AuditResult, Committed, DbError, Store, Tx, at_most_one,
    audit::{self, Entry},
    ids::remember,
    import::{KeptToken, Wanted, import_one, in_short},
    retry::until_over,
};
use crate::{record, seal::Place, time::Timestamp};
use bootmint_image_factory::host::{Host, HostName};

impl Store {
    /// Adds a host that is not there.
    pub async fn add_host(
        &self,
        host: &Host,
        token: KeptToken,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        if generation_of(&mut tx, &host.name).await?.is_some() {
            return Err(DbError::Taken { host: host.name.to_string(), what: "name" });
        }
        let wanted = Wanted { host, token: Some(token), seen: None };
        import_one(&mut tx, &wanted, actor, now).await?;
        tx.commit().await
    }

    /// Changes the record of a host that is at `generation`; without a new token it keeps its own.
    pub async fn replace_host(
        &self,
        host: &Host,
        token: Option<KeptToken>,
        generation: i64,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Committed, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        if generation_of(&mut tx, &host.name).await? != Some(generation) {
            return Ok(Committed::Stale);
        }
        let wanted = Wanted { host, token, seen: Some(generation) };
        match import_one(&mut tx, &wanted, actor, now).await {
            Err(DbError::Moved(_)) => return Ok(Committed::Stale),
            done => done?,
        }
        tx.commit().await?;
        Ok(Committed::Done)
    }

    /// Removes a host that is at `generation`, with its attempts and secrets. Its boots and audit
    /// rows stay, and the last of these tells what it was; should it come again, it is not new if it
    /// was not.
    pub async fn remove_host(
        &self,
        name: &HostName,
        generation: i64,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Committed, DbError> {
        until_over!(self.try_remove_host(name, generation, actor, now))
    }

    async fn try_remove_host(
        &self,
        name: &HostName,
        generation: i64,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Committed, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        if generation_of(&mut tx, name).await? != Some(generation) {
            return Ok(Committed::Stale);
        }
        let host = name.as_str();
        let sql = "SELECT spec, state FROM hosts WHERE name = $1";
        let mut row = at_most_one(tx.query(sql, [host.into()]).await?).ok_or(DbError::Shape)?;
        let (spec, was) = (row.text()?, row.text()?);
        if was != "new" {
            remember(&mut tx, name).await?;
        }
        for sql in [
            "DELETE FROM answers WHERE attempt IN (SELECT id FROM attempts WHERE host = $1)",
            "DELETE FROM attempts WHERE host = $1",
            "DELETE FROM host_ids WHERE host = $1",
            "DELETE FROM arm_requests WHERE host = $1",
        ] {
            tx.execute(sql, [host.into()]).await?;
        }
        let place = Place::Host(name.clone()).to_string();
        tx.execute("DELETE FROM secrets WHERE place = $1", [place.into()]).await?;
        // A boot may have changed the host since it was looked at, where reads take no locks.
        let sql = "DELETE FROM hosts WHERE name = $1 AND generation = $2";
        if tx.execute(sql, [host.into(), generation.into()]).await? != 1 {
            return Ok(Committed::Stale);
        }
        let entry = Entry {
            at: now,
            actor,
            host,
            event: "remove",
            was: &was,
            became: "",
            detail: &in_short(&record::changes(&spec, "{}")),
            result: AuditResult::Done,
        };
        audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok(Committed::Done)
    }

    /// How many hosts there are in each state.
    pub async fn count_states(&self) -> Result<Vec<(String, i64)>, DbError> {
        let sql = "SELECT state, COUNT(*) FROM hosts GROUP BY state";
        let rows = self.engine.query(sql, []).await?;
        rows.into_iter().map(|mut row| Ok((row.text()?, row.int()?))).collect()
    }
}

/// The generation of a host that is there.
async fn generation_of(tx: &mut Tx, name: &HostName) -> Result<Option<i64>, DbError> {
    let sql = "SELECT generation FROM hosts WHERE name = $1";
    at_most_one(tx.query(sql, [name.as_str().into()]).await?).map(|mut row| row.int()).transpose()
}

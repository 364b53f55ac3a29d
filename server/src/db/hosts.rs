//! Hosts: look-up.

use super::{
    DbError, KeptToken, Store, at_most_one,
    engine::{Bind, Row},
    lookup::columns,
};
use crate::{
    machine::{AttemptId, State},
    record,
    secret::Digest,
    time::Timestamp,
};
use bootmint_image_factory::host::{Host, HostName, Mac, Text, Uuid};

/// A host as the database holds it.
#[derive(Clone, Debug)]
pub struct StoredHost {
    /// What the feed said, without the token.
    pub host: Host,
    /// Where it stands.
    pub state: State,
    /// Counts its changes; a change applies only to the generation that it saw.
    pub generation: i64,
    /// When it was imported first.
    pub created: Timestamp,
    /// When it changed last.
    pub changed: Timestamp,
}

/// A host's token as the database holds it where it does not follow from the token key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedToken {
    /// Whose it is.
    pub host: HostName,
    /// The sealed token.
    pub sealed: String,
}

/// The columns of [`StoredHost`], in the order in which [`read`] takes them.
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), " FROM hosts h ", $rest)
    };
}

fn read(row: Row) -> Result<StoredHost, DbError> {
    read_with(row, record::read)
}

fn read_with(
    mut row: Row,
    host: impl FnOnce(&str, &str) -> Result<Host, record::Damaged>,
) -> Result<StoredHost, DbError> {
    let (name, spec) = (row.text()?, row.text()?);
    Ok(StoredHost {
        host: host(&name, &spec)?,
        state: read_state(&mut row)?,
        generation: row.int()?,
        created: Timestamp::from_unix(row.int()?),
        changed: Timestamp::from_unix(row.int()?),
    })
}

pub(super) fn read_state(row: &mut Row) -> Result<State, DbError> {
    let name = row.text()?;
    let attempt: Option<AttemptId> =
        row.maybe_text()?.map(|text| text.parse().map_err(|_| DbError::Shape)).transpose()?;
    let tries: Option<u8> =
        row.maybe_int()?.map(|n| u8::try_from(n).map_err(|_| DbError::Shape)).transpose()?;
    let due = row.maybe_int()?.map(Timestamp::from_unix);
    match (name.as_str(), attempt, tries, due) {
        ("new", None, None, None) => Ok(State::New),
        ("armed", None, None, Some(until)) => Ok(State::Armed { until }),
        ("installing", Some(attempt), Some(tries), Some(deadline)) => {
            Ok(State::Installing { attempt, tries, deadline })
        }
        ("installed", None, None, None) => Ok(State::Installed),
        ("failed", Some(attempt), Some(tries), None) => Ok(State::Failed { attempt, tries }),
        ("stalled", Some(attempt), Some(tries), None) => Ok(State::Stalled { attempt, tries }),
        ("held", None, None, None) => Ok(State::Held),
        _ => Err(DbError::Shape),
    }
}

/// The columns of a state: its name, attempt, tries and due time.
pub(super) fn state_columns(state: &State) -> [Bind; 4] {
    let tries = match *state {
        State::Installing { tries, .. }
        | State::Failed { tries, .. }
        | State::Stalled { tries, .. } => Some(i64::from(tries)),
        State::New | State::Armed { .. } | State::Installed | State::Held => None,
    };
    [
        state.name().into(),
        state.attempt().map(|id| id.to_string()).into(),
        tries.into(),
        state.due().map(Timestamp::as_unix).into(),
    ]
}

impl Store {
    /// The host of that name.
    pub async fn host(&self, name: &HostName) -> Result<Option<StoredHost>, DbError> {
        let rows = self.engine.query(select!("WHERE h.name = $1"), [name.as_str().into()]).await?;
        at_most_one(rows).map(read).transpose()
    }

    /// The host whose token has that digest.
    pub async fn host_by_token(&self, digest: &Digest) -> Result<Option<StoredHost>, DbError> {
        if let Ok(found) = self.lookups.ask(digest.clone()).await {
            return found
                .map(|row| read_with(row, |name, spec| self.parsed.read(name, spec)))
                .transpose();
        }
        let sql = select!("WHERE h.token_digest = $1");
        let rows = self.engine.query(sql, [digest.as_str().into()]).await?;
        at_most_one(rows).map(read).transpose()
    }

    /// The one host that has this MAC address or, if none has it, this UUID. What is known by
    /// neither, or as two hosts, is no host.
    pub async fn host_by_ids(
        &self,
        mac: Option<Mac>,
        uuid: Option<Uuid>,
    ) -> Result<Option<StoredHost>, DbError> {
        let text = |id: Option<String>| id.unwrap_or_default();
        let sql = select!(
            "WHERE h.name IN (SELECT i.host FROM host_ids i \
             WHERE (i.kind = 'mac' AND i.value = $1) OR (i.kind = 'uuid' AND i.value = $2))"
        );
        let binds = [
            text(mac.map(|mac| mac.to_string())).into(),
            text(uuid.map(|uuid| uuid.to_string())).into(),
        ];
        let mut rows = self.engine.query(sql, binds).await?;
        match (rows.pop(), rows.is_empty()) {
            (Some(row), true) => read(row).map(Some),
            _ => Ok(None),
        }
    }

    /// The one host that has this asset tag. What several have is no host's.
    pub async fn host_by_asset(&self, asset: &Text) -> Result<Option<StoredHost>, DbError> {
        let sql = select!("WHERE h.asset = $1 LIMIT 2");
        let mut rows = self.engine.query(sql, [asset.as_str().into()]).await?;
        match (rows.pop(), rows.is_empty()) {
            (Some(row), true) => read(row).map(Some),
            _ => Ok(None),
        }
    }

    /// Up to `limit` hosts in the order of their names, from behind `after`.
    pub async fn hosts(
        &self,
        after: Option<&HostName>,
        limit: i64,
    ) -> Result<Vec<StoredHost>, DbError> {
        let sql = select!("WHERE h.name > $1 ORDER BY h.name LIMIT $2");
        let after = after.map(|name| name.as_str()).unwrap_or_default();
        let rows = self.engine.query(sql, [after.into(), limit.into()]).await?;
        rows.into_iter().map(read).collect()
    }

    /// Up to `limit` hosts whose state's time is over at `now`, the longest overdue first.
    pub async fn due(&self, now: Timestamp, limit: i64) -> Result<Vec<StoredHost>, DbError> {
        let sql = select!("WHERE h.due <= $1 ORDER BY h.due LIMIT $2");
        let rows = self.engine.query(sql, [now.as_unix().into(), limit.into()]).await?;
        rows.into_iter().map(read).collect()
    }

    /// What is kept of the token of a host.
    pub async fn kept_token(&self, name: &HostName) -> Result<Option<KeptToken>, DbError> {
        let sql = "SELECT token_digest, token_sealed FROM hosts WHERE name = $1";
        let rows = self.engine.query(sql, [name.as_str().into()]).await?;
        let Some(mut row) = at_most_one(rows) else { return Ok(None) };
        let (digest, sealed) = (row.maybe_text()?.map(Digest::stored), row.maybe_text()?);
        Ok(digest.map(|digest| KeptToken { digest, sealed }))
    }

    /// All sealed tokens, by the names of their hosts.
    pub async fn sealed_tokens(&self) -> Result<Vec<SealedToken>, DbError> {
        let sql = "SELECT name, token_sealed FROM hosts WHERE token_sealed IS NOT NULL \
                   ORDER BY name";
        let rows = self.engine.query(sql, []).await?;
        rows.into_iter()
            .map(|mut row| {
                let host = row.text()?.parse().map_err(|_| DbError::Shape)?;
                Ok(SealedToken { host, sealed: row.text()? })
            })
            .collect()
    }
}

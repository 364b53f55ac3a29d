//! Attempts to install a host, and what of their answer files was released.

use super::{DbError, NewAttempt, Note, Store, Tx, at_most_one, audit, retry::until_over};
use crate::{machine::AttemptId, secret::Digest, time::Timestamp};
use bootmint_image_factory::host::HostName;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The installer reported that it finished, or the policy does not wait for that.
    Done,
    /// The installer reported that it failed.
    Failed,
    /// Something else took its place, or a person stopped it.
    Superseded,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
        }
    }

    fn find(name: &str) -> Option<Self> {
        [Self::Done, Self::Failed, Self::Superseded].into_iter().find(|one| one.name() == name)
    }
}

/// An attempt to install a host.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its name.
    pub id: AttemptId,
    /// The host.
    pub host: HostName,
    /// The OS profile that it installs.
    pub profile: String,
    /// Which version of it; 0 is the folder's.
    pub version: i64,
    /// When it began.
    pub started: Timestamp,
    /// Until when its answer files are released if it does not report.
    pub due: Timestamp,
    /// How it ended; none while it goes on, or has only stalled.
    pub outcome: Option<Outcome>,
}

impl Store {
    /// The attempt whose installer has the secret of that digest.
    pub async fn attempt_by_secret(&self, digest: &Digest) -> Result<Option<Attempt>, DbError> {
        let sql = "SELECT id, host, profile, profile_version, started, due, outcome FROM attempts \
                   WHERE secret_digest = $1";
        let rows = self.engine.query(sql, [digest.as_str().into()]).await?;
        at_most_one(rows)
            .map(|mut row| {
                Ok(Attempt {
                    id: row.text()?.parse().map_err(|_| DbError::Shape)?,
                    host: row.text()?.parse().map_err(|_| DbError::Shape)?,
                    profile: row.text()?,
                    version: row.int()?,
                    started: Timestamp::from_unix(row.int()?),
                    due: Timestamp::from_unix(row.int()?),
                    outcome: row
                        .maybe_text()?
                        .map(|name| Outcome::find(&name).ok_or(DbError::Shape))
                        .transpose()?,
                })
            })
            .transpose()
    }

    /// Counts one more reading of an answer file, if that makes `most` at most, and writes `note`
    /// down with it. Says whether.
    pub async fn release_answer(
        &self,
        attempt: AttemptId,
        name: &str,
        most: i64,
        note: &Note<'_>,
    ) -> Result<bool, DbError> {
        let id = attempt.to_string();
        // If the connection breaks off in the commit, the reading may count twice: never less.
        until_over!(self.try_release(&id, name, most, note))
    }

    async fn try_release(
        &self,
        id: &str,
        name: &str,
        most: i64,
        note: &Note<'_>,
    ) -> Result<bool, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        let sql = "SELECT read_count FROM answers WHERE attempt = $1 AND name = $2";
        let found = at_most_one(tx.query(sql, [id.into(), name.into()]).await?);
        let reads = found.map(|mut row| row.int()).transpose()?;
        if reads.unwrap_or(0) >= most {
            return Ok(false);
        }
        let sql = match reads {
            None => "INSERT INTO answers (attempt, name, read_count) VALUES ($1, $2, 1)",
            Some(_) => {
                "UPDATE answers SET read_count = read_count + 1 WHERE attempt = $1 AND name = $2"
            }
        };
        tx.execute(sql, [id.into(), name.into()]).await?;
        audit::append(&mut tx, &note.entry()).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Writes down that an attempt begins.
pub(super) async fn begin(
    tx: &mut Tx,
    host: &str,
    new: &NewAttempt,
    at: Timestamp,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO attempts (id, host, secret_digest, profile, profile_version, started, due) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            new.id.to_string().into(),
            host.into(),
            new.secret.as_str().into(),
            new.profile.as_str().into(),
            new.version.into(),
            at.as_unix().into(),
            new.due.as_unix().into(),
        ],
    )
    .await
    .map(drop)
}

/// Writes down how the open attempts of a host ended.
pub(super) async fn end(
    tx: &mut Tx,
    host: &str,
    outcome: Outcome,
    at: Timestamp,
) -> Result<(), DbError> {
    tx.execute(
        "UPDATE attempts SET ended = $1, outcome = $2 WHERE host = $3 AND outcome IS NULL",
        [at.as_unix().into(), outcome.name().into(), host.into()],
    )
    .await
    .map(drop)
}

//! OS profiles that were published: the newest versions, and those that installers go by.

use super::{
    Actor, AuditResult, DbError, Store, at_most_one,
    audit::{self, Entry},
    engine::Row,
    retry::{Retry, until_over},
};
use crate::time::Timestamp;
use bootmint_image_factory::host::Name;

/// A version of a profile, without its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileVersion {
    /// The profile.
    pub profile: Name,
    /// Its number, from 1; each is one more than the one before.
    pub version: i64,
    /// When it was published.
    pub at: Timestamp,
    /// Who did that.
    pub author: String,
    /// Why, in their words.
    pub reason: String,
    /// Where its texts come from, such as `written`.
    pub origin: String,
    /// The digest of its files; nothing if it goes back to a folder that has none.
    pub digest: String,
}

/// The newest version of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// The profile.
    pub profile: Name,
    /// The version's number.
    pub version: i64,
    /// Its files as JSON; nothing if it goes back to the folder's.
    pub files: String,
}

/// A version that is to be published.
#[derive(Clone, Debug)]
pub struct NewVersion<'a> {
    /// The profile.
    pub profile: &'a Name,
    /// The newest version that its author saw; 0 if there was none.
    pub base: i64,
    /// How many versions of all profiles were published when it was checked.
    pub all: i64,
    /// Where its texts come from.
    pub origin: &'a str,
    /// The digest of the files before.
    pub before: &'a str,
    /// The digest of its files.
    pub digest: &'a str,
    /// Its files as JSON; nothing if it goes back to the folder's.
    pub files: &'a str,
    /// Who publishes it, and why.
    pub actor: &'a Actor,
    /// When.
    pub at: Timestamp,
}

/// Whether a version was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// As this version.
    Done(i64),
    /// The profile has a newer version than its author saw; this is its number.
    Stale(i64),
    /// Another profile was published meanwhile: check again.
    Moved,
}

/// The columns of [`ProfileVersion`].
macro_rules! columns {
    () => {
        "profile, version, at, author, reason, origin, digest"
    };
}

/// The newest number of every profile.
const NUMBERS: &str = "SELECT profile, MAX(version) FROM profile_versions GROUP BY profile";

fn numbers(rows: Vec<Row>) -> Result<Vec<(String, i64)>, DbError> {
    rows.into_iter().map(|mut row| Ok((row.text()?, row.int()?))).collect()
}

/// How many versions these profiles had.
fn count(rows: Vec<Row>) -> Result<i64, DbError> {
    let numbers = numbers(rows)?;
    Ok(numbers.iter().fold(0_i64, |sum, (_, newest)| sum.saturating_add(*newest)))
}

fn read(mut row: Row) -> Result<ProfileVersion, DbError> {
    Ok(ProfileVersion {
        profile: row.text()?.parse().map_err(|_| DbError::Shape)?,
        version: row.int()?,
        at: Timestamp::from_unix(row.int()?),
        author: row.text()?,
        reason: row.text()?,
        origin: row.text()?,
        digest: row.text()?,
    })
}

impl Store {
    /// How many versions of all profiles were published. That only grows, so that another number
    /// means that something was published.
    pub async fn count_profile_versions(&self) -> Result<i64, DbError> {
        count(self.engine.query(NUMBERS, []).await?)
    }

    /// Forgets versions but the newest `keep` of each profile, and those that attempts of hosts go
    /// by; returns how many.
    pub async fn forget_profile_versions(
        &self,
        keep: i64,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64, DbError> {
        let mut forgotten = 0_u64;
        for (profile, newest) in numbers(self.engine.query(NUMBERS, []).await?)? {
            let last = newest.saturating_sub(keep);
            if last > 0 {
                let gone = until_over!(self.try_forget_versions(&profile, last, actor, now))?;
                forgotten = forgotten.saturating_add(gone);
            }
        }
        Ok(forgotten)
    }

    async fn try_forget_versions(
        &self,
        profile: &str,
        last: i64,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        let sql = "DELETE FROM profile_versions WHERE profile = $1 AND version <= $2 \
                   AND NOT EXISTS (SELECT 1 FROM attempts a JOIN hosts h ON h.attempt = a.id \
                   WHERE a.profile = profile_versions.profile \
                   AND a.profile_version = profile_versions.version)";
        let gone = tx.execute(sql, [profile.into(), last.into()]).await?;
        if gone == 0 {
            return Ok(0);
        }
        let detail = format!("profile {profile}: {gone} versions up to {last}");
        let entry = Entry {
            at: now,
            actor,
            host: "",
            event: "forget-profile-versions",
            was: "",
            became: "",
            detail: &detail,
            result: AuditResult::Done,
        };
        audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok(gone)
    }

    /// The newest version of every profile that has one.
    pub async fn newest_profiles(&self) -> Result<Vec<Newest>, DbError> {
        let sql = "SELECT v.profile, v.version, v.files FROM profile_versions v WHERE v.version = \
                   (SELECT MAX(w.version) FROM profile_versions w WHERE w.profile = v.profile) \
                   ORDER BY v.profile";
        let rows = self.engine.query(sql, []).await?;
        let newest = |mut row: Row| {
            let profile = row.text()?.parse().map_err(|_| DbError::Shape)?;
            Ok(Newest { profile, version: row.int()?, files: row.text()? })
        };
        rows.into_iter().map(newest).collect()
    }

    /// The versions of a profile before number `before`, the newest first, `limit` at most.
    pub async fn profile_versions(
        &self,
        profile: &Name,
        before: i64,
        limit: i64,
    ) -> Result<Vec<ProfileVersion>, DbError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM profile_versions WHERE profile = $1 AND version < $2 ORDER BY version DESC \
             LIMIT $3"
        );
        let binds = [profile.as_str().into(), before.into(), limit.into()];
        self.engine.query(sql, binds).await?.into_iter().map(read).collect()
    }

    /// A version with its files as JSON.
    pub async fn profile_version(
        &self,
        profile: &Name,
        version: i64,
    ) -> Result<Option<(ProfileVersion, String)>, DbError> {
        let before = version.saturating_add(1);
        let Some(found) = at_most_one(self.profile_versions(profile, before, 1).await?)
            .filter(|v| v.version == version)
        else {
            return Ok(None);
        };
        let sql = "SELECT files FROM profile_versions WHERE profile = $1 AND version = $2";
        let rows = self.engine.query(sql, [profile.as_str().into(), version.into()]).await?;
        let files = at_most_one(rows).ok_or(DbError::Shape)?.text()?;
        Ok(Some((found, files)))
    }

    /// Publishes a version, with its audit row, unless something was published meanwhile.
    pub async fn publish_profile(&self, new: &NewVersion<'_>) -> Result<Published, DbError> {
        // Once a connection broke off in a commit, the version may be there already.
        let mut unsure = false;
        let mut retry = Retry::default();
        let done = loop {
            let result = self.try_publish(new).await;
            unsure |= matches!(result, Err(DbError::Broken(_)));
            let Some(pause) = retry.pause(&result) else { break result? };
            tokio::time::sleep(pause).await;
        };
        if unsure && !matches!(done, Published::Done(_)) {
            let version = new.base.saturating_add(1);
            let found = self.profile_version(new.profile, version).await?;
            let own = |found: &ProfileVersion| {
                found.digest == new.digest
                    && found.author == new.actor.as_str()
                    && found.at == new.at
            };
            if found.is_some_and(|(found, _)| own(&found)) {
                return Ok(Published::Done(version));
            }
        }
        Ok(done)
    }

    async fn try_publish(&self, new: &NewVersion<'_>) -> Result<Published, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        let profile = new.profile.as_str();
        let sql = "SELECT COALESCE(MAX(version), 0) FROM profile_versions WHERE profile = $1";
        let rows = tx.query(sql, [profile.into()]).await?;
        let newest = at_most_one(rows).ok_or(DbError::Shape)?.int()?;
        if newest != new.base {
            return Ok(Published::Stale(newest));
        }
        if count(tx.query(NUMBERS, []).await?)? != new.all {
            return Ok(Published::Moved);
        }
        let version = newest.saturating_add(1);
        let reason = new.actor.trace().reason.as_str();
        tx.execute(
            "INSERT INTO profile_versions (profile, version, at, author, reason, origin, digest, \
             files) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            [
                profile.into(),
                version.into(),
                new.at.as_unix().into(),
                new.actor.as_str().into(),
                reason.into(),
                new.origin.into(),
                new.digest.into(),
                new.files.into(),
            ],
        )
        .await?;
        let named =
            |digest: &str| if digest.is_empty() { "nothing".to_owned() } else { digest.to_owned() };
        let detail = format!(
            "profile {profile} version {version} ({}): {} to {}",
            new.origin,
            named(new.before),
            named(new.digest)
        );
        let entry = Entry {
            at: new.at,
            actor: new.actor,
            host: "",
            event: "publish-profile",
            was: "",
            became: "",
            detail: &detail,
            result: AuditResult::Done,
        };
        audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok(Published::Done(version))
    }
}

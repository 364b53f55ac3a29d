//! Secrets that people set, sealed by whoever calls this: the database holds no value that can be
//! read.

use super::{
    Actor, AuditResult, DbError, SealedToken, Store, Tx, at_most_one,
    audit::{self, Entry},
    engine::Row,
    retry::until_over,
};
use crate::{
    mark::{Mark, Seen},
    seal::{Place, SecretName},
    time::Timestamp,
};
use bootmint_image_factory::host::{HostName, Name};

/// What became of removing a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Done,
    /// There was none.
    Missing,
    /// It is not the one that was seen.
    Changed,
}

/// A secret as the database holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Where it counts.
    pub place: Place,
    /// Its name.
    pub name: SecretName,
    /// The sealed value.
    pub sealed: String,
    /// When it was set last.
    pub changed: Timestamp,
    /// Who set it.
    pub changed_by: String,
}

impl SealedSecret {
    /// What tells it from what was set before.
    pub fn mark(&self) -> Mark {
        let (place, changed) = (self.place.to_string(), self.changed.to_string());
        Mark::of(&[&place, self.name.as_str(), &self.sealed, &changed, &self.changed_by])
    }
}

fn read(mut row: Row) -> Result<SealedSecret, DbError> {
    Ok(SealedSecret {
        place: row.text()?.parse().map_err(|_| DbError::Shape)?,
        name: row.text()?.parse().map_err(|_| DbError::Shape)?,
        sealed: row.text()?,
        changed: Timestamp::from_unix(row.int()?),
        changed_by: row.text()?,
    })
}

impl Store {
    /// Up to `limit` secrets of a place in the order of their names, from behind `after`.
    pub async fn secrets_after(
        &self,
        place: &Place,
        after: Option<&SecretName>,
        limit: i64,
    ) -> Result<Vec<SealedSecret>, DbError> {
        let sql = "SELECT place, name, sealed, changed, changed_by FROM secrets \
                   WHERE place = $1 AND name > $2 ORDER BY name LIMIT $3";
        let after = after.map_or("", SecretName::as_str);
        let values = [place.to_string().into(), after.into(), limit.into()];
        let rows = self.engine.query(sql, values).await?;
        rows.into_iter().map(read).collect()
    }

    /// The secret of a place and a name.
    pub async fn secret(
        &self,
        place: &Place,
        name: &SecretName,
    ) -> Result<Option<SealedSecret>, DbError> {
        let sql = "SELECT place, name, sealed, changed, changed_by FROM secrets \
                   WHERE place = $1 AND name = $2";
        let key = [place.to_string().into(), name.as_str().into()];
        at_most_one(self.engine.query(sql, key).await?).map(read).transpose()
    }

    /// The secrets that count for a host of a site.
    pub async fn secrets_for(
        &self,
        host: &HostName,
        site: Option<&Name>,
    ) -> Result<Vec<SealedSecret>, DbError> {
        let sql = "SELECT place, name, sealed, changed, changed_by FROM secrets \
                   WHERE place = $1 OR place = $2 OR place = $3";
        let own = Place::Host(host.clone());
        let site = site.map_or(Place::Everywhere, |site| Place::Site(site.clone()));
        let places = [Place::Everywhere, site, own].map(|place| place.to_string().into());
        self.engine.query(sql, places).await?.into_iter().map(read).collect()
    }

    /// All secrets, by their places and names.
    pub async fn all_secrets(&self) -> Result<Vec<SealedSecret>, DbError> {
        let sql = "SELECT place, name, sealed, changed, changed_by FROM secrets \
                   ORDER BY place, name";
        self.engine.query(sql, []).await?.into_iter().map(read).collect()
    }

    /// Sets a secret, in place of the one of that name; false if that is not the one that was seen.
    pub async fn set_secret(
        &self,
        secret: &SealedSecret,
        seen: &Seen,
        actor: &Actor,
    ) -> Result<bool, DbError> {
        until_over!(self.try_set_secret(secret, seen, actor))
    }

    async fn try_set_secret(
        &self,
        secret: &SealedSecret,
        seen: &Seen,
        actor: &Actor,
    ) -> Result<bool, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        let before = standing(&mut tx, &secret.place, &secret.name).await?;
        if !seen.holds(before.as_ref()) {
            return Ok(false);
        }
        let key = || [secret.place.to_string().into(), secret.name.as_str().into()];
        tx.execute("DELETE FROM secrets WHERE place = $1 AND name = $2", key()).await?;
        let [place, name] = key();
        let sql = "INSERT INTO secrets (place, name, sealed, changed, changed_by) \
                   VALUES ($1, $2, $3, $4, $5)";
        let (sealed, at) = (secret.sealed.as_str().into(), secret.changed.as_unix().into());
        tx.execute(sql, [place, name, sealed, at, secret.changed_by.as_str().into()]).await?;
        let (place, name) = (&secret.place, &secret.name);
        audit::append(
            &mut tx,
            &entry("secret-set", place, &said(place, name), actor, secret.changed),
        )
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Removes a secret, if it is the one that was seen.
    pub async fn remove_secret(
        &self,
        (place, name): (&Place, &SecretName),
        seen: &Seen,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Removed, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        match standing(&mut tx, place, name).await? {
            None => return Ok(Removed::Missing),
            Some(mark) if !seen.holds(Some(&mark)) => return Ok(Removed::Changed),
            Some(_) => {}
        }
        let sql = "DELETE FROM secrets WHERE place = $1 AND name = $2";
        tx.execute(sql, [place.to_string().into(), name.as_str().into()]).await?;
        audit::append(&mut tx, &entry("secret-remove", place, &said(place, name), actor, now))
            .await?;
        tx.commit().await?;
        Ok(Removed::Done)
    }

    /// Puts other seals on the same secrets, and on the same tokens of hosts. False if one of them
    /// changed meanwhile: then all stay.
    pub async fn reseal(
        &self,
        secrets: &[(SealedSecret, String)],
        tokens: &[(SealedToken, String)],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        for (old, sealed) in secrets {
            let sql =
                "UPDATE secrets SET sealed = $1 WHERE place = $2 AND name = $3 AND sealed = $4";
            let binds = [
                sealed.as_str().into(),
                old.place.to_string().into(),
                old.name.as_str().into(),
                old.sealed.as_str().into(),
            ];
            if tx.execute(sql, binds).await? != 1 {
                return Ok(false);
            }
        }
        for (old, sealed) in tokens {
            let sql = "UPDATE hosts SET token_sealed = $1 WHERE name = $2 AND token_sealed = $3";
            let binds =
                [sealed.as_str().into(), old.host.as_str().into(), old.sealed.as_str().into()];
            if tx.execute(sql, binds).await? != 1 {
                return Ok(false);
            }
        }
        let detail = format!("{} secrets, {} tokens of hosts", secrets.len(), tokens.len());
        audit::append(&mut tx, &entry("secrets-reseal", &Place::Everywhere, &detail, actor, now))
            .await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// The mark of the secret of that name, if one is set there.
async fn standing(tx: &mut Tx, place: &Place, name: &SecretName) -> Result<Option<Mark>, DbError> {
    let sql = "SELECT place, name, sealed, changed, changed_by FROM secrets \
               WHERE place = $1 AND name = $2";
    let rows = tx.query(sql, [place.to_string().into(), name.as_str().into()]).await?;
    Ok(at_most_one(rows).map(read).transpose()?.map(|secret| secret.mark()))
}

fn said(place: &Place, name: &SecretName) -> String {
    match place {
        Place::Everywhere => name.to_string(),
        _ => format!("{name} at {place}"),
    }
}

fn entry<'a>(
    event: &'a str,
    place: &'a Place,
    detail: &'a str,
    actor: &'a Actor,
    at: Timestamp,
) -> Entry<'a> {
    let host = match place {
        Place::Host(name) => name.as_str(),
        _ => "",
    };
    Entry { at, actor, host, event, was: "", became: "", detail, result: AuditResult::Done }
}

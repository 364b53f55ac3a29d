//! Secrets that people set, sealed by whoever calls this: the database holds no value that can be
//! read.

use super::{
    Actor, AuditResult, DbError, SealedToken, Store,
    audit::{self, Entry},
    engine::Row,
    retry::until_over,
};
use crate::{
    seal::{Place, SecretName},
    time::Timestamp,
};
use bootmint_image_factory::host::{HostName, Name};

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

    /// Sets a secret, in place of the one of that name.
    pub async fn set_secret(&self, secret: &SealedSecret, actor: &Actor) -> Result<(), DbError> {
        until_over!(self.try_set_secret(secret, actor))
    }

    async fn try_set_secret(&self, secret: &SealedSecret, actor: &Actor) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
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
        tx.commit().await
    }

    /// Removes a secret; false if there was none.
    pub async fn remove_secret(
        &self,
        place: &Place,
        name: &SecretName,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        let sql = "DELETE FROM secrets WHERE place = $1 AND name = $2";
        if tx.execute(sql, [place.to_string().into(), name.as_str().into()]).await? == 0 {
            return Ok(false);
        }
        audit::append(&mut tx, &entry("secret-remove", place, &said(place, name), actor, now))
            .await?;
        tx.commit().await?;
        Ok(true)
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

//! Views of the fleet that people keep, each under a name of its own. They are nobody else's
//! matter, so they are not audited.

use super::{DbError, Store};
use crate::auth::UserName;

/// A view that somebody keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptView {
    /// What its owner calls it.
    pub name: String,
    /// Which hosts it shows, as the query of an address.
    pub query: String,
}

impl Store {
    /// The views that somebody keeps, by their names.
    pub async fn views(&self, owner: &UserName) -> Result<Vec<KeptView>, DbError> {
        let sql = "SELECT name, query FROM views WHERE owner = $1 ORDER BY name";
        let rows = self.engine.query(sql, [owner.as_str().into()]).await?;
        let read =
            |mut row: super::engine::Row| Ok(KeptView { name: row.text()?, query: row.text()? });
        rows.into_iter().map(read).collect()
    }

    /// Keeps a view, in place of the one of that name.
    pub async fn keep_view(&self, owner: &UserName, view: &KeptView) -> Result<(), DbError> {
        let key = || [owner.as_str().into(), view.name.as_str().into()];
        let mut tx = self.engine.begin().await?;
        tx.execute("DELETE FROM views WHERE owner = $1 AND name = $2", key()).await?;
        let [owner, name] = key();
        tx.execute(
            "INSERT INTO views (owner, name, query) VALUES ($1, $2, $3)",
            [owner, name, view.query.as_str().into()],
        )
        .await?;
        tx.commit().await
    }

    /// Forgets a view.
    pub async fn forget_view(&self, owner: &UserName, name: &str) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        tx.execute(
            "DELETE FROM views WHERE owner = $1 AND name = $2",
            [owner.as_str().into(), name.into()],
        )
        .await?;
        tx.commit().await
    }
}

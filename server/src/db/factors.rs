//! Second factors of local accounts.

use super::{DbError, Store, at_most_one};
use crate::auth::{UserName, factor::FactorNumber};

/// The second factor of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFactor {
    /// What its secret follows from.
    pub number: FactorNumber,
    /// Whether its owner has shown a code: before that it is not asked for.
    pub confirmed: bool,
    /// The step of the last code that was taken.
    pub step: i64,
}

impl Store {
    /// The factor of an account, if it has one.
    pub async fn factor(&self, owner: &UserName) -> Result<Option<StoredFactor>, DbError> {
        let sql = "SELECT number, confirmed, step FROM second_factors WHERE owner = $1";
        let rows = self.engine.query(sql, [owner.as_str().into()]).await?;
        at_most_one(rows)
            .map(|mut row| {
                Ok(StoredFactor {
                    number: FactorNumber::parse(&row.text()?).ok_or(DbError::Shape)?,
                    confirmed: row.int()? != 0,
                    step: row.int()?,
                })
            })
            .transpose()
    }

    /// Sets a factor up, in place of one that its owner has not confirmed; says whether it was.
    pub async fn offer_factor(
        &self,
        owner: &UserName,
        number: &FactorNumber,
    ) -> Result<bool, DbError> {
        let mut tx = self.engine.begin().await?;
        let sql = "DELETE FROM second_factors WHERE owner = $1 AND confirmed = 0";
        tx.execute(sql, [owner.as_str().into()]).await?;
        let sql = "SELECT step FROM second_factors WHERE owner = $1";
        if !tx.query(sql, [owner.as_str().into()]).await?.is_empty() {
            return Ok(false);
        }
        let sql = "INSERT INTO second_factors (owner, number, confirmed, step) \
                   VALUES ($1, $2, 0, 0)";
        tx.execute(sql, [owner.as_str().into(), number.as_str().into()]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Takes the code of `step`, if no code of it or of a later step was taken: of two who send
    /// the same code, one wins.
    pub async fn use_factor(
        &self,
        owner: &UserName,
        number: &FactorNumber,
        step: i64,
    ) -> Result<bool, DbError> {
        let mut tx = self.engine.begin().await?;
        let sql = "UPDATE second_factors SET step = $1 \
                   WHERE owner = $2 AND number = $3 AND step < $1";
        let binds = [step.into(), owner.as_str().into(), number.as_str().into()];
        let taken = tx.execute(sql, binds).await? > 0;
        tx.commit().await?;
        Ok(taken)
    }
}

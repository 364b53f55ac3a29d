//! Old rows of the audit chain leave for an archive: what stays begins with the digest of the last
//! one that left, and a row of it tells of the archive.

use super::{
    Actor, AuditResult, DbError, Store, at_most_one,
    audit::{self, ARCHIVED, End, Entry, archived},
};
use crate::time::Timestamp;

impl Store {
    /// The last row that was moved to an archive; number 0 if none was.
    pub async fn audit_start(&self) -> Result<End, DbError> {
        let rows = self.engine.query("SELECT seq, hash FROM audit_start WHERE id = 1", []).await?;
        let mut row = at_most_one(rows).ok_or(DbError::Shape)?;
        Ok(End { seq: row.int()?, hash: row.text()? })
    }

    /// Removes the rows behind `from` up to `to`, which are in an archive that `detail` names. False
    /// if others were faster, or the row `to` has another digest: then nothing is changed.
    pub async fn forget_audit(
        &self,
        (from, to): (&End, &End),
        detail: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        let sql = "SELECT seq FROM audit WHERE seq = $1 AND hash = $2";
        let found = tx.query(sql, [to.seq.into(), to.hash.as_str().into()]).await?;
        let sql = "UPDATE audit_start SET seq = $1, hash = $2 WHERE id = 1 AND seq = $3";
        let binds = [to.seq.into(), to.hash.as_str().into(), from.seq.into()];
        if found.is_empty() || tx.execute(sql, binds).await? != 1 {
            return Ok(false);
        }
        tx.execute("DELETE FROM audit WHERE seq <= $1", [to.seq.into()]).await?;
        let entry = Entry {
            at: now,
            actor,
            host: "",
            event: ARCHIVED,
            was: "",
            became: "",
            detail: &format!("{}, {detail}", archived(to)),
            result: AuditResult::Done,
        };
        audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok(true)
    }
}

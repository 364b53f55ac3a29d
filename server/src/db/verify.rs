//! Checks the audit chain from its first row here to its last.

use super::{Broken, Chain, DbError, End, Store};
use crate::secret::Digest;

/// How many rows are read at a time.
const PAGE: i64 = 1000;

/// A chain that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Its last row.
    pub end: End,
    /// The row that has the digest which was looked for.
    pub found: Option<i64>,
}

impl Store {
    /// Checks the whole chain; returns the number of its last row. Rows that are appended
    /// meanwhile may or may not be among them.
    pub async fn verify_audit(&self) -> Result<Result<i64, Broken>, DbError> {
        Ok(self.verify_audit_for(None).await?.map(|whole| whole.end.seq))
    }

    /// Checks the whole chain, and looks for the row with the digest `noted`: who changed rows and
    /// computed all digests anew made another chain, which holds but does not have it.
    pub async fn verify_audit_for(
        &self,
        noted: Option<&Digest>,
    ) -> Result<Result<Whole, Broken>, DbError> {
        let mut rows =
            self.engine.query("SELECT seq, hash FROM audit_head WHERE id = 1", []).await?;
        let head = rows.first_mut().ok_or(DbError::Shape)?;
        let head = End { seq: head.int()?, hash: head.text()? };
        let start = self.audit_start().await?;
        let mut chain = Chain::after(start.clone()).looking_for(noted);
        while chain.end().seq < head.seq {
            let left = head.seq.saturating_sub(chain.end().seq);
            let page = self.audit(chain.end().seq, PAGE.min(left)).await?;
            if page.is_empty() {
                let seq = chain.end().seq.saturating_add(1);
                return Ok(Err(Broken::new(seq, "it is missing")));
            }
            for row in &page {
                if let Err(broken) = chain.push(row) {
                    return Ok(Err(broken));
                }
            }
        }
        let found = chain.found();
        Ok(chain.finish(&start).and_then(|end| match end.hash == head.hash {
            true => Ok(Whole { end, found }),
            false => Err(Broken::new(end.seq, "it is not the row that the chain ends with")),
        }))
    }
}

//! Refusals that anybody can cause who reaches the server: they are in the audit chain, but no more
//! of them than tries to sign in, so that nobody fills the disk.

use super::{AuthError, sign_in::pause};
use crate::{
    app::App,
    db::{Actor, AuditResult, Note},
    time::Timestamp,
};

/// How many of one address are written down at once; then each waits longer than the one before.
const FREE: i64 = 20;
/// How long at most, in seconds.
const MOST: u32 = 900;

impl App {
    /// Writes down that a request was refused, unless its address caused too many of late: those
    /// are in the server's log alone.
    pub(crate) async fn note_refusal(
        &self,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let trace = actor.trace();
        let subject = format!("refused source:{}", trace.source);
        let count = self.store().count_try(&subject, now, |tries| pause(tries, FREE, MOST)).await?;
        tracing::warn!(request = trace.request, source = trace.source, why, "refused");
        if count.is_some() {
            return Ok(());
        }
        let (event, result) = ("denied", AuditResult::Denied);
        let note = Note { at: now, actor, host: "", event, detail: why, result };
        Ok(self.store().note(&note).await?)
    }
}

//! The sweeper: ends what time has ended, and forgets and archives what is old. Any number of
//! replicas may run it side by side.

use super::{App, AppError};
use crate::{
    db::{Actor, Change, Committed},
    machine::{self, Event},
    time::Timestamp,
};

/// How many hosts are read at a time.
const BATCH: i64 = 100;

impl App {
    /// Ends armings and attempts whose time is over at `now`; returns how many.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, AppError> {
        let mut ended = 0_usize;
        for stored in self.store.due(now, BATCH).await? {
            let name = &stored.host.name;
            let policy = self.policy(&self.profiles(), &stored.host);
            let Ok((next, _)) = machine::step(stored.state, Event::Deadline, &policy, now) else {
                continue;
            };
            let change = Change {
                host: name,
                generation: stored.generation,
                was: stored.state,
                becomes: next,
                event: Event::Deadline.name(),
                actor: Actor::clock(),
                at: now,
                begins: None,
                ends: None,
                note: String::new(),
                boot: None,
            };
            if self.store.commit(&change).await? == Committed::Done {
                tracing::info!(host = %name, was = stored.state.name(), state = next.name(), "time is over");
                ended = ended.saturating_add(1);
            }
        }
        Ok(ended)
    }

    /// Forgets and archives what is old. What fails hinders nothing else; returns what did.
    pub async fn clean(&self, now: Timestamp) -> Vec<anyhow::Error> {
        let forgotten = self.forget(now).await.map_err(anyhow::Error::from);
        let accounts = self.forget_accounts(now).await.map_err(anyhow::Error::from);
        let archived = self.archive_by_itself(now).await.map_err(anyhow::Error::from);
        if let Ok(Some((file, done))) = &archived {
            let (first, last) = (done.first, done.end.seq);
            tracing::info!(file = %file.display(), first, last, "old rows of the audit log are archived");
        }
        [forgotten.err(), accounts.err(), archived.err()].into_iter().flatten().collect()
    }

    /// Forgets boots that are older than is wanted, and versions of profiles that are more.
    async fn forget(&self, now: Timestamp) -> Result<(), AppError> {
        self.store.forget(now.before(self.config.keep_boots)).await?;
        let (keep, clock) = (self.config.keep_profile_versions, Actor::clock());
        self.store.forget_profile_versions(keep, &clock, now).await?;
        Ok(())
    }
}

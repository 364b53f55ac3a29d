//! What installers ask and report, with the secret of their attempt.

use super::{App, AppError, RACES, facts::printable};
use crate::{
    db::{Actor, Attempt, AuditResult, Change, Committed, Note, Outcome, Trace},
    machine::{self, AttemptId, CompleteOn, Event, State},
    script::{self, Release},
    secret::{Digest, Secret},
    time::Timestamp,
};

/// The most characters of an installer's message that are kept.
const MAX_MESSAGE: usize = 200;

/// What an installer reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// It is at work.
    Heartbeat,
    /// It has finished.
    Done,
    /// It has failed.
    Fail,
}

impl App {
    /// Takes an installer's report. One that was taken before is taken again without effect,
    /// since its first answer may have been lost.
    pub async fn report(
        &self,
        id: AttemptId,
        secret: &str,
        report: Report,
        message: &str,
        from: &Trace,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let attempt = self.attempt(secret).await?;
        if attempt.id != id {
            return Err(AppError::UnknownAttempt);
        }
        let ends = match report {
            Report::Heartbeat => None,
            Report::Done => Some(Outcome::Done),
            Report::Fail => Some(Outcome::Failed),
        };
        if ends.is_some() && attempt.outcome == ends {
            return Ok(());
        }
        for _ in 0..RACES {
            let stored = self.stored(&attempt.host).await?;
            let profiles = self.profiles();
            let profile = self.profile_of(&profiles, &attempt).await?;
            let policy = self.policy_with(Some(&profile), &stored.host);
            if policy.complete_on == CompleteOn::Serve && stored.state == State::Installed {
                // It counted as done when it was served.
                return Ok(());
            }
            let event = match report {
                Report::Heartbeat => Event::Heartbeat { attempt: id },
                Report::Done => Event::Done { attempt: id },
                Report::Fail => Event::Fail { attempt: id },
            };
            let refused = |source| AppError::Refused { host: attempt.host.clone(), source };
            let (next, _) = machine::step(stored.state, event, &policy, now).map_err(refused)?;
            let change = Change {
                host: &attempt.host,
                generation: stored.generation,
                was: stored.state,
                becomes: next,
                event: event.name(),
                actor: Actor::machine(from),
                at: now,
                begins: None,
                ends,
                note: printable(message, MAX_MESSAGE),
                boot: None,
            };
            if self.store.commit(&change).await? == Committed::Done {
                tracing::info!(host = %attempt.host, report = event.name(), state = next.name(), "report");
                return Ok(());
            }
        }
        Err(AppError::Contended(attempt.host))
    }

    /// An answer file, for the installer of an attempt that goes on, as often as is allowed.
    pub async fn answer(
        &self,
        secret: &str,
        file: &str,
        from: &Trace,
        now: Timestamp,
    ) -> Result<String, AppError> {
        let attempt = self.attempt(secret).await?;
        let stored = self.stored(&attempt.host).await?;
        let profiles = self.profiles();
        let profile = self.profile_of(&profiles, &attempt).await?;
        let served =
            self.policy_with(Some(&profile), &stored.host).complete_on == CompleteOn::Serve;
        let open = attempt.outcome.is_none()
            && match stored.state {
                State::Installing { attempt: current, deadline, .. } => {
                    current == attempt.id && now < deadline
                }
                State::Installed => served && now < attempt.due,
                _ => false,
            };
        if !open {
            return Err(AppError::Closed);
        }
        let secret = Secret::sent(secret);
        let secrets = self.secrets_of(&stored.host).await?;
        let release = Release { attempt: attempt.id, secret: &secret, secrets: &secrets };
        let text = script::answer(&profile, file, &stored.host, &release)?;
        let note = Note {
            at: now,
            actor: &Actor::machine(from),
            host: attempt.host.as_str(),
            event: "answer",
            detail: &format!("{file} for attempt {}", attempt.id),
            result: AuditResult::Done,
        };
        let most = self.config.answer_reads;
        if !self.store.release_answer(attempt.id, file, most, &note).await? {
            return Err(AppError::Released);
        }
        tracing::info!(host = %attempt.host, file, "answer file released");
        Ok(text)
    }

    async fn attempt(&self, secret: &str) -> Result<Attempt, AppError> {
        let digest = Digest::of(secret.as_bytes());
        self.store.attempt_by_secret(&digest).await?.ok_or(AppError::UnknownAttempt)
    }
}

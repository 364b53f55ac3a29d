//! What people order, and what they look at before.

use super::{App, AppError, RACES};
use crate::{
    db::{Actor, Change, Committed, Outcome, StoredHost},
    machine::{self, AttemptId, Event, State},
    script::{self, Release},
    secret::Secret,
    time::Timestamp,
};
use bootmint_image_factory::host::{Host, HostName};

/// An order of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Allows one install. Its disk will be wiped, so the host's name must be typed again.
    Arm {
        /// What was typed.
        confirm: String,
    },
    /// Takes that back.
    Disarm,
    /// Stops everything.
    Hold,
    /// Lets the host go on: it boots its disk.
    Release,
}

/// Something that a host would be sent.
#[derive(Clone, Debug)]
pub struct Text {
    /// What it is.
    pub title: String,
    /// The text.
    pub text: String,
}

impl App {
    /// The host of that name.
    pub async fn stored(&self, name: &HostName) -> Result<StoredHost, AppError> {
        let found = self.store.host(name).await?;
        found.ok_or_else(|| AppError::UnknownHost(name.clone()))
    }

    /// Carries out an order; returns the host's new state.
    pub async fn order(
        &self,
        name: &HostName,
        order: &Order,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<State, AppError> {
        for _ in 0..RACES {
            let stored = self.stored(name).await?;
            let event = match order {
                Order::Arm { confirm } => {
                    if confirm != name.as_str() {
                        let typed = confirm.clone();
                        return Err(AppError::Unconfirmed { host: name.clone(), typed });
                    }
                    // What cannot be rendered is said now, not when the machine asks.
                    self.preview(&stored.host)?;
                    Event::Arm
                }
                Order::Disarm => Event::Disarm,
                Order::Hold => Event::Hold,
                Order::Release => Event::Release,
            };
            let policy = self.policy(&stored.host);
            let (next, _) = machine::step(stored.state, event, &policy, now)
                .map_err(|source| AppError::Refused { host: name.clone(), source })?;
            let change = Change {
                host: name,
                generation: stored.generation,
                was: stored.state,
                becomes: next,
                event: event.name(),
                actor: actor.clone(),
                at: now,
                begins: None,
                ends: Some(Outcome::Superseded),
                note: String::new(),
                boot: None,
            };
            if self.store.commit(&change).await? == Committed::Done {
                return Ok(next);
            }
        }
        Err(AppError::Contended(name.clone()))
    }

    /// Every text that `host` would be sent: ordinarily, held, and for an install. Secrets are
    /// left in what is rendered, but no attempt is begun.
    pub fn preview(&self, host: &Host) -> Result<Vec<Text>, AppError> {
        let profile = self.os(host)?;
        let (attempt, secret) = (AttemptId::from_bits(0), Secret::placeholder());
        let release = Release { attempt, secret: &secret, secrets: &self.config.secrets };
        let text = |title: String, text: &str| Text { title, text: text.to_owned() };
        let mut texts = vec![
            text("ordinary boot".to_owned(), self.ordinary(host)?.as_str()),
            text("held".to_owned(), script::hold(host, self.config.hold).as_str()),
            text(
                format!("install of {}", profile.name()),
                script::run(profile, host, &release)?.as_str(),
            ),
        ];
        for file in profile.answers() {
            let answer = script::answer(profile, file, host, &release)?;
            texts.push(text(format!("answer file {file}"), &answer));
        }
        Ok(texts)
    }
}

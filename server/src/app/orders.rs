//! What people order, and what they look at before.

use super::{App, AppError, OS, RACES};
use crate::{
    config::{ApprovalPolicy, Secrets},
    db::{Actor, Change, Committed, Outcome, StoredHost},
    machine::{self, AttemptId, Event, State},
    script::{self, Profile, Profiles, Release},
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
    /// Agrees to an arming that another person has asked for, where one is not enough.
    Approve {
        /// The host's name, typed again.
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

    /// Carries out an order of somebody who saw the host at the generation `seen`, if they say so;
    /// returns the host's new state.
    pub async fn order(
        &self,
        name: &HostName,
        order: &Order,
        seen: Option<i64>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<State, AppError> {
        for _ in 0..RACES {
            let stored = self.stored(name).await?;
            if seen.is_some_and(|seen| seen != stored.generation) {
                return Err(AppError::Moved(name.clone()));
            }
            let event = match order {
                Order::Arm { confirm } | Order::Approve { confirm } => {
                    if confirm != name.as_str() {
                        let typed = confirm.clone();
                        return Err(AppError::Unconfirmed { host: name.clone(), typed });
                    }
                    // What cannot be rendered is said now, not when the machine asks.
                    self.preview(&stored.host).await?;
                    Event::Arm
                }
                Order::Disarm => {
                    let withdrawn =
                        self.store.withdraw_arm(name, &stored.state, actor, now).await?;
                    if withdrawn && !matches!(stored.state, State::Armed { .. }) {
                        return Ok(stored.state);
                    }
                    Event::Disarm
                }
                Order::Hold => Event::Hold,
                Order::Release => Event::Release,
            };
            let policy = self.policy(&self.profiles(), &stored.host);
            let (next, _) = machine::step(stored.state, event, &policy, now)
                .map_err(|source| AppError::Refused { host: name.clone(), source })?;
            let guard = match (order, self.config.guard.approval) {
                (Order::Arm { .. }, ApprovalPolicy::SecondPerson) => {
                    return Err(self.request_arm(&stored, actor, now).await);
                }
                (Order::Arm { .. } | Order::Approve { .. }, _) => Some(self.arm_guard(now)),
                (Order::Disarm | Order::Hold | Order::Release, _) => None,
            };
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
            match self.store.commit_guarded(&change, guard.as_ref()).await? {
                Committed::Done => return Ok(next),
                Committed::Stale => {}
                Committed::Guarded(why) => return Err(Self::guarded(&stored.host, why)),
            }
        }
        Err(AppError::Contended(name.clone()))
    }

    /// What is wrong with the texts that `host` would be sent, if its profile were `profile`: its
    /// own, where none is given.
    pub async fn lint(&self, host: &Host, profile: Option<&Profile>) -> Result<(), AppError> {
        let own;
        let host = match profile {
            None => host,
            Some(profile) => {
                own = with_var(host, OS, profile)?;
                &own
            }
        };
        self.preview(host).await.map(drop)
    }

    /// Every text that `host` would be sent: ordinarily, held, and for an install. Secrets are
    /// left in what is rendered, but no attempt is begun.
    pub async fn preview(&self, host: &Host) -> Result<Vec<Text>, AppError> {
        self.preview_with(&self.profiles(), host, &self.secrets_of(host).await?)
    }

    /// The same with every secret hidden.
    pub async fn preview_without_secrets(&self, host: &Host) -> Result<Vec<Text>, AppError> {
        self.preview_with(&self.profiles(), host, &self.hidden_secrets_of(host).await?)
    }

    /// The same, if `profiles` were all profiles.
    pub(super) fn preview_with(
        &self,
        profiles: &Profiles,
        host: &Host,
        secrets: &Secrets,
    ) -> Result<Vec<Text>, AppError> {
        let profile = self.os(profiles, host)?;
        self.check_disk(host, profile)?;
        let (attempt, secret) = (AttemptId::from_bits(0), Secret::placeholder());
        let release = Release { attempt, secret: &secret, secrets };
        let scripts = [
            ("ordinary boot".to_owned(), self.ordinary(profiles, host, secrets)?),
            ("held".to_owned(), script::hold(host, self.config.hold)),
            (format!("install of {}", profile.name()), script::run(profile, host, &release)?),
        ];
        let mut texts = Vec::new();
        for (title, script) in scripts {
            script::check_script(&script).map_err(|why| AppError::NoScript {
                host: host.name.clone(),
                what: title.clone(),
                why,
            })?;
            texts.push(Text { title, text: script.as_str().to_owned() });
        }
        for file in profile.answers() {
            let answer = script::answer(profile, file, host, &release)?;
            script::check_answer(profile, file, host, &answer)?;
            texts.push(Text { title: format!("answer file {file}"), text: answer });
        }
        Ok(texts)
    }
}

/// The host, if its variable `name` named `profile`.
pub(super) fn with_var(host: &Host, name: &str, profile: &Profile) -> Result<Host, AppError> {
    let mut host = host.clone();
    let wrong = |_| AppError::NoProfile(host.name.clone());
    let name = name.parse().map_err(wrong)?;
    let value = profile.name().as_str().parse().map_err(wrong)?;
    host.vars.insert(name, value);
    Ok(host)
}

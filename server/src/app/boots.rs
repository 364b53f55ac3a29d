//! A boot: who asks, what is decided, what is answered.

use super::{App, AppError, BOOT, Facts, RACES, variable};
use crate::{
    config::{AssetLookup, Secrets, Tokenless},
    db::{Actor, BootRow, Change, Committed, NewAttempt, Outcome, StoredHost, Trace},
    machine::{self, Action, AttemptId, Event, MenuInstall, Policy, State},
    script::{self, Kind, LOCAL, Profile, Profiles, Release, Script},
    secret::{self, Digest, Secret},
    time::Timestamp,
};
use bootmint_image_factory::host::Host;

/// What a machine shows to be known.
#[derive(Clone, Debug)]
pub enum Proof {
    /// The digest of the token that it came with.
    Token(Digest),
    /// Nothing: only its facts.
    Nothing,
}

/// What was decided for a boot.
struct Decision {
    script: Script,
    action: &'static str,
    begins: Option<NewAttempt>,
}

impl App {
    /// Answers a machine that asks what to do.
    pub async fn boot(
        &self,
        proof: &Proof,
        facts: &Facts,
        from: &Trace,
        now: Timestamp,
    ) -> Result<Script, AppError> {
        self.boot_chosen(proof, facts, None, from, now).await
    }

    /// Likewise, where a person at its menu chose the profile `choice`.
    pub async fn boot_chosen(
        &self,
        proof: &Proof,
        facts: &Facts,
        choice: Option<&str>,
        from: &Trace,
        now: Timestamp,
    ) -> Result<Script, AppError> {
        for _ in 0..RACES {
            let Some(host) = self.find(proof, facts).await? else {
                return self.unknown(facts, &from.source, now).await;
            };
            let boot = |action| BootRow {
                at: now,
                host: host.host.name.clone(),
                action,
                peer: from.source.clone(),
                facts: facts.to_json(),
            };
            if let Some(script) = self.answer_boot(&host, choice, boot, from, now).await? {
                return Ok(match proof {
                    Proof::Token(_) => script,
                    Proof::Nothing => script::without_ticket(&script, &host.host, facts.nic()),
                });
            }
        }
        match self.find(proof, facts).await? {
            Some(host) => Err(AppError::Contended(host.host.name)),
            None => self.unknown(facts, &from.source, now).await,
        }
    }

    async fn find(&self, proof: &Proof, facts: &Facts) -> Result<Option<StoredHost>, AppError> {
        match proof {
            Proof::Token(digest) => Ok(self.store.host_by_token(digest).await?),
            Proof::Nothing => self.find_by_facts(facts).await,
        }
    }

    /// The host that a machine says it is, as far as such words count.
    async fn find_by_facts(&self, facts: &Facts) -> Result<Option<StoredHost>, AppError> {
        let by_ids = match self.config.tokenless {
            Tokenless::Identify => self.store.host_by_ids(facts.mac(), facts.uuid()).await?,
            Tokenless::Discover => None,
        };
        let by_asset = match (self.config.asset_lookup, facts.asset()) {
            (AssetLookup::Allowed, Some(asset)) => self.store.host_by_asset(&asset).await?,
            _ => None,
        };
        match (by_ids, by_asset) {
            (Some(one), Some(other)) if one.host.name != other.host.name => {
                let (one, other) = (one.host.name, other.host.name);
                tracing::warn!(%one, %other, "a machine that is two hosts is none");
                Ok(None)
            }
            (one, other) => Ok(one.or(other)),
        }
    }

    /// A machine that is no host: it is remembered, and boots its disk even if that fails.
    async fn unknown(&self, facts: &Facts, peer: &str, now: Timestamp) -> Result<Script, AppError> {
        let id = Digest::of(facts.identity(peer).as_bytes());
        match self.store.record_discovered(&id, now, peer, &facts.to_json()).await {
            Ok(true) => tracing::info!(peer, mac = facts.get("mac"), "unknown machine"),
            Ok(false) => tracing::warn!(peer, "unknown machine; too many to remember it"),
            Err(error) => tracing::warn!(peer, %error, "unknown machine not remembered"),
        }
        Ok(script::local(None))
    }

    /// Decides once; none if the host had changed meanwhile.
    async fn answer_boot(
        &self,
        stored: &StoredHost,
        choice: Option<&str>,
        boot: impl Fn(&'static str) -> BootRow,
        from: &Trace,
        now: Timestamp,
    ) -> Result<Option<Script>, AppError> {
        let host = &stored.host;
        let profiles = self.profiles();
        let profiles = profiles.as_ref();
        // What an armed host installs was decided when it was armed.
        let choice = choice.filter(|_| !matches!(stored.state, State::Armed { .. }));
        let chosen = choice.and_then(|choice| self.chosen(profiles, host, choice));
        let policy = match choice {
            Some(_) => self.policy_of_choice(profiles, host, chosen),
            None => self.policy(profiles, host),
        };
        let event = |attempt| match choice {
            Some(_) => Event::Choose { attempt },
            None => Event::Boot { attempt },
        };
        let step = |attempt| {
            machine::step(stored.state, event(attempt), &policy, now)
                .map_err(|source| AppError::Refused { host: host.name.clone(), source })
        };
        // Most boots begin nothing, and need no random bytes.
        let (mut next, mut action) = step(AttemptId::from_bits(0))?;
        if matches!(action, Action::Install { .. }) {
            (next, action) = step(secret::new_attempt()?)?;
        }
        let event = event(AttemptId::from_bits(0));
        let plain = !matches!(action, Action::Install { .. })
            && chosen.is_none()
            && !host.vars.keys().any(|name| name.as_str() == BOOT);
        // What boots the disk holds none: the many boots ask the database for nothing more.
        let secrets = if plain { Secrets::default() } else { self.secrets_of(host).await? };
        let decision = self.decide(profiles, host, action, chosen, &secrets)?;
        let boot = boot(decision.action);
        if next == stored.state {
            self.store.record_boot(boot);
        } else {
            let change = Change {
                host: &host.name,
                generation: stored.generation,
                was: stored.state,
                becomes: next,
                event: event.name(),
                actor: Actor::machine(from),
                at: now,
                ends: decision.begins.is_some().then_some(Outcome::Superseded),
                begins: decision.begins,
                note: String::new(),
                boot: Some(boot),
            };
            if self.store.commit(&change).await? != Committed::Done {
                return Ok(None);
            }
        }
        self.metrics.boot(decision.action);
        tracing::info!(host = %host.name, action = decision.action, state = next.name(), "boot");
        Ok(Some(decision.script))
    }

    /// Renders what `action` needs: all of it, before anything is changed.
    fn decide(
        &self,
        profiles: &Profiles,
        host: &Host,
        action: Action,
        chosen: Option<&Profile>,
        secrets: &Secrets,
    ) -> Result<Decision, AppError> {
        match action {
            Action::Local if let Some(profile) = chosen => Ok(Decision {
                script: match profile.kind() {
                    Kind::Install(_) => script::unarmed(host, profile),
                    _ => self.run(profiles, host, profile, secrets)?,
                },
                action: "choice",
                begins: None,
            }),
            // Of the state machine every boot is told something; if it were not, this is safe.
            Action::Local | Action::Nothing => Ok(Decision {
                script: self.ordinary(profiles, host, secrets)?,
                action: "local",
                begins: None,
            }),
            Action::Hold => Ok(Decision {
                script: script::hold(host, self.config.hold),
                action: "hold",
                begins: None,
            }),
            Action::Install { attempt, deadline } => {
                let profile = match chosen {
                    Some(profile) => profile,
                    None => self.os(profiles, host)?,
                };
                self.check_disk(host, profile)?;
                let secret = Secret::random()?;
                let release = Release { attempt, secret: &secret, secrets };
                let script = script::run(profile, host, &release)?;
                for file in profile.answers() {
                    script::answer(profile, file, host, &release)?;
                }
                let begins = NewAttempt {
                    id: attempt,
                    secret: Digest::of(secret.reveal().as_bytes()),
                    profile: profile.name().to_string(),
                    version: profile.version(),
                    due: deadline,
                };
                Ok(Decision { script, action: "install", begins: Some(begins) })
            }
        }
    }

    /// What a host boots when it does not install: its disk, or what its variable says.
    pub(super) fn ordinary(
        &self,
        profiles: &Profiles,
        host: &Host,
        secrets: &Secrets,
    ) -> Result<Script, AppError> {
        let Some(name) = variable(host, BOOT) else {
            return Ok(script::local(Some(host)));
        };
        let profile = profiles.get(name)?;
        if matches!(profile.kind(), Kind::Install(_)) {
            let profile = profile.name().to_string();
            return Err(AppError::InstallerAsBoot { host: host.name.clone(), profile });
        }
        self.run(profiles, host, profile, secrets)
    }

    /// The script of a profile that installs nothing.
    pub(super) fn run(
        &self,
        profiles: &Profiles,
        host: &Host,
        profile: &Profile,
        secrets: &Secrets,
    ) -> Result<Script, AppError> {
        if matches!(profile.kind(), Kind::Menu(_)) {
            return Ok(script::menu(profiles, profile, host)?);
        }
        let (attempt, secret) = (AttemptId::from_bits(0), Secret::placeholder());
        let release = Release { attempt, secret: &secret, secrets };
        Ok(script::run(profile, host, &release)?)
    }

    /// The policy that holds for a choice: the chosen profile's, if that may install by it. Else
    /// the host's own, which then gives no leave either.
    pub(super) fn policy_of_choice(
        &self,
        profiles: &Profiles,
        host: &Host,
        chosen: Option<&Profile>,
    ) -> Policy {
        let allows = |policy: &Policy| policy.menu_install == MenuInstall::Allowed;
        chosen
            .filter(|profile| matches!(profile.kind(), Kind::Install(_)))
            .map(|profile| self.policy_with(Some(profile), host))
            .filter(allows)
            .unwrap_or_else(|| Policy {
                menu_install: MenuInstall::Refused,
                ..self.policy(profiles, host)
            })
    }

    /// The profile that a person chose, if the host's own menu leads to it.
    fn chosen<'p>(&self, profiles: &'p Profiles, host: &Host, choice: &str) -> Option<&'p Profile> {
        let found = variable(host, BOOT)
            .and_then(|menu| profiles.get(menu).ok())
            .zip(profiles.get(choice).ok())
            .filter(|(menu, wanted)| profiles.leads_to(menu, wanted));
        if found.is_none() && choice != LOCAL {
            tracing::warn!(host = %host.name, "a choice that the host's menu does not have");
        }
        found.map(|(_, wanted)| wanted)
    }
}

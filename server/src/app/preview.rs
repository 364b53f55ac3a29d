//! What a host would be sent, for people who look before they order. Nothing of it begins an
//! attempt.

use super::{App, AppError, BOOT, OS, variable};
use crate::{
    config::Secrets,
    machine::{AttemptId, MenuInstall},
    script::{self, Kind, Profile, Profiles, Release, Script},
    secret::Secret,
};
use bootmint_image_factory::host::Host;

/// Something that a host would be sent.
#[derive(Clone, Debug)]
pub struct Text {
    /// What it is.
    pub title: String,
    /// The text.
    pub text: String,
}

impl App {
    /// What is wrong with the texts that `host` would be sent, if its profile were `profile`: its
    /// own, where none is given.
    pub async fn lint(&self, host: &Host, profile: Option<&Profile>) -> Result<(), AppError> {
        self.check_policy(host)?;
        let own;
        let host = match profile {
            None => host,
            Some(profile) => {
                own = with_var(host, OS, profile)?;
                &own
            }
        };
        let texts = self.preview_with(&self.profiles(), host, &self.secrets_of(host).await?)?;
        match self.firmware_fault(host, &texts).await? {
            Some(fault) => Err(fault.into()),
            None => Ok(()),
        }
    }

    /// Every text that `host` would be sent: ordinarily, held, for an install, and where its menu
    /// leads; and before them, for people, what its firmware lacks for that. Secrets are left in
    /// what is rendered.
    pub async fn preview(&self, host: &Host) -> Result<Vec<Text>, AppError> {
        self.texts_for_people(host, &self.secrets_of(host).await?).await
    }

    /// The same with every secret hidden.
    pub async fn preview_without_secrets(&self, host: &Host) -> Result<Vec<Text>, AppError> {
        self.texts_for_people(host, &self.hidden_secrets_of(host).await?).await
    }

    async fn texts_for_people(
        &self,
        host: &Host,
        secrets: &Secrets,
    ) -> Result<Vec<Text>, AppError> {
        let mut texts = self.preview_with(&self.profiles(), host, secrets)?;
        if let Some(fault) = self.firmware_fault(host, &texts).await? {
            let title = "what its firmware lacks".to_owned();
            texts.insert(0, Text { title, text: format!("{fault}\n") });
        }
        Ok(texts)
    }

    /// The same, if `profiles` were all profiles.
    pub(super) fn preview_with(
        &self,
        profiles: &Profiles,
        host: &Host,
        secrets: &Secrets,
    ) -> Result<Vec<Text>, AppError> {
        let mut texts = self.of_install(profiles, host, secrets)?;
        texts.extend(self.of_menu(profiles, host, secrets)?);
        Ok(texts)
    }

    /// Whether all can be rendered that an install of `host` brings. What else its menu leads to
    /// stands in no installation's way.
    pub(super) async fn try_install(&self, host: &Host) -> Result<(), AppError> {
        self.of_install(&self.profiles(), host, &self.secrets_of(host).await?).map(drop)
    }

    fn of_install(
        &self,
        profiles: &Profiles,
        host: &Host,
        secrets: &Secrets,
    ) -> Result<Vec<Text>, AppError> {
        let profile = self.os(profiles, host)?;
        let mut texts = vec![
            checked(host, "ordinary boot".to_owned(), &self.ordinary(profiles, host, secrets)?)?,
            checked(host, "held".to_owned(), &script::hold(host, self.config.hold))?,
        ];
        let title = format!("install of {}", profile.name());
        texts.extend(self.texts(profiles, host, profile, title, secrets)?);
        Ok(texts)
    }

    /// What `host` would be sent if a person chose what its menu, and those below it, show.
    fn of_menu(
        &self,
        profiles: &Profiles,
        host: &Host,
        secrets: &Secrets,
    ) -> Result<Vec<Text>, AppError> {
        let Some(first) = variable(host, BOOT) else { return Ok(Vec::new()) };
        let mut texts = Vec::new();
        // The first one is the ordinary boot.
        for entry in profiles.reached(profiles.get(first)?).into_iter().skip(1) {
            let name = entry.name();
            let policy = self.policy_of_choice(profiles, host, Some(entry));
            let installs = matches!(entry.kind(), Kind::Install(_));
            if installs && policy.menu_install == MenuInstall::Refused {
                let title = format!("menu entry {name}, as long as the host is not armed");
                texts.push(checked(host, title, &script::unarmed(host, entry))?);
            } else if self.os_of(host) != Some(name.as_str()) {
                let title = format!("menu entry {name}");
                texts.extend(self.texts(profiles, host, entry, title, secrets)?);
            }
        }
        Ok(texts)
    }

    /// The script of `profile`, with that title, and its answer files.
    fn texts(
        &self,
        profiles: &Profiles,
        host: &Host,
        profile: &Profile,
        title: String,
        secrets: &Secrets,
    ) -> Result<Vec<Text>, AppError> {
        if !matches!(profile.kind(), Kind::Install(_)) {
            return Ok(vec![checked(host, title, &self.run(profiles, host, profile, secrets)?)?]);
        }
        self.check_disk(host, profile)?;
        let (attempt, secret) = (AttemptId::from_bits(0), Secret::placeholder());
        let release = Release { attempt, secret: &secret, secrets };
        let mut texts = vec![checked(host, title, &script::run(profile, host, &release)?)?];
        for file in profile.answers() {
            let text = script::answer(profile, file, host, &release)?;
            script::check_answer(profile, file, host, &text)?;
            let title = format!("answer file {file} of {}", profile.name());
            texts.push(Text { title, text });
        }
        Ok(texts)
    }

    /// What a host would be sent if it got this profile, whatever its own is. What is not an
    /// installer is shown as its ordinary boot.
    pub(super) fn preview_chosen(
        &self,
        profiles: &Profiles,
        name: &str,
        host: &Host,
        secrets: &Secrets,
    ) -> Result<Vec<Text>, AppError> {
        let profile = profiles.get(name)?;
        if matches!(profile.kind(), Kind::Install(_)) {
            return self.of_install(profiles, &with_var(host, OS, profile)?, secrets);
        }
        self.texts(profiles, host, profile, "ordinary boot".to_owned(), secrets)
    }
}

/// A script, if it is one that iPXE takes.
fn checked(host: &Host, title: String, script: &Script) -> Result<Text, AppError> {
    match script::check_script(script) {
        Ok(()) => Ok(Text { title, text: script.as_str().to_owned() }),
        Err(why) => Err(AppError::NoScript { host: host.name.clone(), what: title, why }),
    }
}

/// The host, if its variable `name` named `profile`.
fn with_var(host: &Host, name: &str, profile: &Profile) -> Result<Host, AppError> {
    let mut host = host.clone();
    let wrong = |_| AppError::NoProfile(host.name.clone());
    let name = name.parse().map_err(wrong)?;
    let value = profile.name().as_str().parse().map_err(wrong)?;
    host.vars.insert(name, value);
    Ok(host)
}

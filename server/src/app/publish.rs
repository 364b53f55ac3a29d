//! Publishing profiles: the texts and versions that there are, and the next version.

use super::{App, AppError, profile_check::Checked};
use crate::{
    db::{Actor, NewVersion, ProfileVersion, Published},
    script::{Files, Profile, Profiles},
    time::Timestamp,
};
use bootmint_image_factory::host::Name;
use std::sync::Arc;

/// How often a version is checked anew because another profile was published meanwhile.
const TRIES: usize = 8;

/// Which texts of a profile are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Those of the folder.
    Folder,
    /// A version that was published.
    Version(i64),
    /// What hosts get now.
    Current,
}

/// Where the texts of a new version come from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// Somebody wrote them.
    Written(Files),
    /// An earlier version.
    Version(i64),
    /// The folder, which counts again from then on.
    Folder,
}

/// A version that somebody wants to publish.
#[derive(Clone, Debug)]
pub struct Publication<'a> {
    /// The profile.
    pub profile: &'a Name,
    /// The newest version that they saw; 0 if there was none.
    pub base: i64,
    /// Its texts.
    pub origin: Origin,
    /// Who they are, and why.
    pub actor: &'a Actor,
    /// Whether they may change its policy too: what begins an install.
    pub policy: PolicyChange,
}

/// Whether somebody may change when machines install, by a profile's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyChange {
    /// They may, as they may arm every host.
    Allowed,
    /// They may not.
    Refused,
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Something else failed.
    #[error(transparent)]
    App(#[from] AppError),
    /// It has faults.
    #[error("the profile has faults: nothing was published")]
    Faults(Checked),
    /// Somebody else was first.
    #[error(
        "version {newest} was published since you looked: look at what it changed, then decide"
    )]
    Stale {
        /// The newest version.
        newest: i64,
    },
    /// There is no such version or profile.
    #[error("there is no version {version} of profile \"{profile}\"")]
    NoVersion {
        /// The profile.
        profile: Name,
        /// The version.
        version: i64,
    },
    /// It is what counts already.
    #[error("that is what hosts get already: nothing was published")]
    Same,
    /// It would change when machines install.
    #[error(
        "this changes when machines install (the profile's [policy]): that takes somebody who may \
         arm every host. Leave [policy] as it is, and the rest can be published"
    )]
    Policy,
    /// It has no reason.
    #[error("say why: people who look at the versions later want to know")]
    NoReason,
}

impl From<crate::db::DbError> for PublishError {
    fn from(error: crate::db::DbError) -> Self {
        AppError::from(error).into()
    }
}

impl App {
    /// The texts of a profile; none if there are none.
    pub async fn profile_files(
        &self,
        profile: &Name,
        source: Source,
    ) -> Result<Option<Files>, AppError> {
        let of = |profiles: &Profiles| profiles.get(profile.as_str()).ok().map(Profile::files);
        match source {
            Source::Folder => Ok(of(&self.base)),
            Source::Current => Ok(of(&self.profiles())),
            Source::Version(version) => {
                let found = self.store.profile_version(profile, version).await?;
                // A version that went back to the folder has no texts of its own.
                Ok(found.and_then(|(_, files)| match files.is_empty() {
                    true => of(&self.base),
                    false => Files::from_json(&files),
                }))
            }
        }
    }

    /// The newest version of a profile, if it was ever published.
    pub async fn newest_version(&self, profile: &Name) -> Result<Option<ProfileVersion>, AppError> {
        let newest = self.store.profile_versions(profile, i64::MAX, 1).await?;
        Ok(newest.into_iter().next())
    }

    /// Publishes a version, if nothing is wrong with it and nobody was faster; its number.
    pub async fn publish_profile(
        self: &Arc<Self>,
        wanted: &Publication<'_>,
        now: Timestamp,
    ) -> Result<i64, PublishError> {
        if wanted.actor.trace().reason.trim().is_empty() {
            return Err(PublishError::NoReason);
        }
        let _one = self.checks.lock().await;
        for _ in 0..TRIES {
            self.refresh_profiles().await?;
            let newest = self.newest_version(wanted.profile).await?;
            let newest = newest.map_or(0, |newest| newest.version);
            if newest != wanted.base {
                return Err(PublishError::Stale { newest });
            }
            match self.try_publish(wanted, now).await? {
                Published::Done(version) => {
                    self.refresh_profiles().await?;
                    let actor = wanted.actor.as_str();
                    tracing::info!(profile = %wanted.profile, version, actor, "profile published");
                    return Ok(version);
                }
                Published::Stale(newest) => return Err(PublishError::Stale { newest }),
                Published::Moved => {}
            }
        }
        Err(AppError::ProfilesContended.into())
    }

    async fn try_publish(
        self: &Arc<Self>,
        wanted: &Publication<'_>,
        now: Timestamp,
    ) -> Result<Published, PublishError> {
        let name = wanted.profile;
        let (files, origin) = match &wanted.origin {
            Origin::Written(files) => (Some(files.clone()), "written".to_owned()),
            Origin::Folder => (None, "folder".to_owned()),
            Origin::Version(version) => {
                let none = || PublishError::NoVersion { profile: name.clone(), version: *version };
                let found = self.store.profile_version(name, *version).await?;
                let (_, files) = found.ok_or_else(none)?;
                // One that went back to the folder does so again.
                let files = (!files.is_empty()).then(|| Files::from_json(&files)).flatten();
                (files, format!("version {version}"))
            }
        };
        let json = files.as_ref().map(Files::to_json).unwrap_or_default();
        let trial = self.trial(name, files).map_err(PublishError::Faults)?;
        let now_of = trial.current.get(name.as_str()).ok();
        let (before, shadowed) = match now_of {
            Some(profile) => (profile.files().digest().as_str().to_owned(), profile.version() > 0),
            None => (String::new(), false),
        };
        let digest = trial.files.as_ref().map(|files| files.digest().as_str().to_owned());
        let digest = digest.unwrap_or_default();
        // Even with the same texts, going back to the folder changes what counts later.
        if before == digest && !(json.is_empty() && shadowed) {
            return Err(PublishError::Same);
        }
        let next = trial.next.get(name.as_str()).ok();
        if wanted.policy == PolicyChange::Refused && self.changes_policy(now_of, next) {
            return Err(PublishError::Policy);
        }
        let all = trial.current.published();
        let checked = self.check(trial).await?;
        if !checked.faults.is_empty() {
            return Err(PublishError::Faults(checked));
        }
        let new = NewVersion {
            profile: name,
            base: wanted.base,
            all,
            origin: &origin,
            before: &before,
            digest: &digest,
            files: &json,
            actor: wanted.actor,
            at: now,
        };
        Ok(self.store.publish_profile(&new).await?)
    }
}

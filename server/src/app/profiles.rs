//! The profiles as they are now: the folder's, and over them what was published.

use super::{App, AppError};
use crate::{
    db::Attempt,
    script::{Files, Profile, Profiles},
};
use std::{
    borrow::Cow,
    sync::{Arc, PoisonError},
};

impl App {
    /// All OS profiles, as they are now: what is decided with them is decided with one state of
    /// them.
    pub fn profiles(&self) -> Arc<Profiles> {
        Arc::clone(&self.profiles.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The folder's.
    pub fn base_profiles(&self) -> &Profiles {
        &self.base
    }

    /// Takes what was published meanwhile, here or by another replica. Says whether there was
    /// anything. If it cannot be used, what was before goes on.
    pub async fn refresh_profiles(&self) -> Result<bool, AppError> {
        let count = self.store.count_profile_versions().await?;
        if count == self.profiles().published() {
            return Ok(false);
        }
        let mut profiles = self.base.clone();
        for newest in self.store.newest_profiles().await? {
            // What went back to the folder has no files.
            if !newest.files.is_empty() {
                profiles.publish(&newest.profile, newest.version, &newest.files)?;
            }
        }
        profiles.check_menus()?;
        let profiles = Arc::new(profiles.counted(count));
        let mut current = self.profiles.write().unwrap_or_else(PoisonError::into_inner);
        // Of two that read at the same time, the one that read later counts.
        if current.published() < count {
            *current = profiles;
        }
        Ok(true)
    }

    /// The version of its profile that an attempt began with, whatever was published since.
    pub(super) async fn profile_of<'p>(
        &'p self,
        profiles: &'p Profiles,
        attempt: &Attempt,
    ) -> Result<Cow<'p, Profile>, AppError> {
        let current = profiles.get(&attempt.profile).ok();
        if let Some(current) = current.filter(|current| current.version() == attempt.version) {
            return Ok(Cow::Borrowed(current));
        }
        if attempt.version == 0 {
            return Ok(Cow::Borrowed(self.base.get(&attempt.profile)?));
        }
        let damaged = || crate::script::ProfileError::Damaged {
            name: attempt.profile.clone(),
            version: attempt.version,
        };
        let name = attempt.profile.parse().map_err(|_| damaged())?;
        let found = self.store.profile_version(&name, attempt.version).await?;
        let files = found.and_then(|(_, files)| Files::from_json(&files)).ok_or_else(damaged)?;
        let profile = Profile::of_files(&name, attempt.version, &files);
        Ok(Cow::Owned(profile.map_err(|_| damaged())?))
    }
}

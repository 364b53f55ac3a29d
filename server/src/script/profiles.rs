//! All profiles: the folder's, and over them those that were published.

use super::{
    Files, LOCAL,
    kind::Kind,
    profile::{Profile, ProfileError},
};
use bootmint_image_factory::host::{Invalid, Name};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// All profiles, as they are at one moment.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    folder: PathBuf,
    by_name: BTreeMap<Name, Arc<Profile>>,
    /// How many versions had been published in all.
    count: i64,
}

impl Profiles {
    /// Reads every profile in `folder`; one that is wrong is an error.
    pub fn load(folder: &Path) -> Result<Self, ProfileError> {
        let failed = |source| ProfileError::Read { path: folder.to_owned(), source };
        let mut by_name = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if !entry.path().join("profile.toml").is_file() {
                continue;
            }
            let name: Name = name.to_string_lossy().parse().map_err(|error: Invalid| {
                ProfileError::Value { path: entry.path(), what: error.to_string() }
            })?;
            by_name.insert(name.clone(), Arc::new(Profile::load(folder, &name)?));
        }
        let all = Self { folder: folder.to_owned(), by_name, count: 0 };
        all.check_menus()?;
        Ok(all)
    }

    /// Whether every menu shows profiles that are there.
    pub fn check_menus(&self) -> Result<(), ProfileError> {
        match self.lost_entries().next() {
            None => Ok(()),
            Some((_, name)) => self.get(name).map(drop),
        }
    }

    /// Menus, each with an entry that is no profile.
    pub fn lost_entries(&self) -> impl Iterator<Item = (&Profile, &str)> {
        self.iter()
            .flat_map(|profile| {
                let entries = match profile.kind() {
                    Kind::Menu(menu) => menu.entries.as_slice(),
                    _ => &[],
                };
                entries.iter().map(move |name| (profile, name.as_str()))
            })
            .filter(|(_, name)| *name != LOCAL && self.get(name).is_err())
    }

    /// These, with `profile` in place of the one of its name.
    #[must_use]
    pub fn with(&self, profile: Profile) -> Self {
        let mut all = self.clone();
        all.by_name.insert(profile.name().clone(), Arc::new(profile));
        all
    }

    /// These, with `from`'s profile of that name in place of the own one; with none, where it has
    /// none.
    #[must_use]
    pub fn with_that_of(&self, from: &Self, name: &Name) -> Self {
        let mut all = self.clone();
        match from.by_name.get(name) {
            Some(profile) => drop(all.by_name.insert(name.clone(), Arc::clone(profile))),
            None => drop(all.by_name.remove(name)),
        }
        all
    }

    /// These, with a published version over the one of its name.
    pub fn publish(&mut self, name: &Name, version: i64, files: &str) -> Result<(), ProfileError> {
        let damaged = || ProfileError::Damaged { name: name.to_string(), version };
        // It was whole when it was published, or it would not have been.
        let files = Files::from_json(files).ok_or_else(damaged)?;
        let profile = Profile::of_files(name, version, &files);
        let profile = profile.map_err(|mut wrong| wrong.pop().unwrap_or_else(damaged))?;
        self.by_name.insert(name.clone(), Arc::new(profile));
        Ok(())
    }

    /// The same, once `count` versions were published in all.
    #[must_use]
    pub fn counted(self, count: i64) -> Self {
        Self { count, ..self }
    }

    /// How many versions had been published in all.
    pub fn published(&self) -> i64 {
        self.count
    }

    /// The folder that they come from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The profile of that name.
    pub fn get(&self, name: &str) -> Result<&Profile, ProfileError> {
        let found = name.parse::<Name>().ok().and_then(|name| self.by_name.get(&name));
        found.map(AsRef::as_ref).ok_or_else(|| ProfileError::Missing {
            name: name.to_owned(),
            folder: self.folder.clone(),
        })
    }

    /// Whether the menu `menu` leads to the profile `wanted`, by way of other menus too.
    pub fn leads_to(&self, menu: &Profile, wanted: &Profile) -> bool {
        self.reached(menu).iter().any(|profile| profile.name() == wanted.name())
    }

    /// What a person who boots `profile` can come to, each once: itself, and what it leads to if it
    /// is a menu, in the order in which the menus show it.
    pub fn reached<'p>(&'p self, profile: &'p Profile) -> Vec<&'p Profile> {
        let (mut seen, mut found) = (BTreeSet::from([profile.name()]), vec![profile]);
        let mut next = 0;
        while let Some(profile) = found.get(next) {
            next = next.saturating_add(1);
            let Kind::Menu(menu) = profile.kind() else { continue };
            let entries = menu.entries.iter().filter_map(|name| self.get(name).ok());
            found.extend(entries.filter(|entry| seen.insert(entry.name())));
        }
        found
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.by_name.values().map(AsRef::as_ref)
    }
}

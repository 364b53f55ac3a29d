//! Groups that others keep, and what their members may do here: the same in `[directory]` and
//! `[oidc]`.

use super::{Grant, Grants};
use serde::Deserialize;
use std::fmt;

/// The most groups that are read.
const MAX_GROUPS: usize = 64;

/// A group, and what its members may do here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GroupGrants {
    /// What the group is called there.
    pub(super) group: String,
    /// What it grants.
    pub(super) grants: Vec<Grant>,
}

impl GroupGrants {
    /// The group, and what it grants, for people.
    pub(super) fn told(&self) -> (String, String) {
        let grants: Vec<_> = self.grants.iter().map(ToString::to_string).collect();
        (self.group.clone(), grants.join(", "))
    }
}

impl fmt::Display for GroupGrants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (group, grants) = self.told();
        write!(f, "{group}: {grants}")
    }
}

/// A group as it stands in the configuration.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawGroup {
    group: String,
    grants: Vec<String>,
}

/// The key below the section that is wrong, and how.
pub(super) type Wrong = (&'static str, String);

/// Checks the groups of a section; `name` says what a group may be called.
pub(super) fn check(
    raw: Vec<RawGroup>,
    name: impl Fn(String) -> Result<String, String>,
) -> Result<Vec<GroupGrants>, Wrong> {
    if !(1..=MAX_GROUPS).contains(&raw.len()) {
        let what = format!("name 1 to {MAX_GROUPS}: who is in none of them may not sign in");
        return Err(("groups", what));
    }
    let one = |raw: RawGroup| {
        let grants: Result<Vec<Grant>, _> = raw.grants.iter().map(|grant| grant.parse()).collect();
        let grants = grants.map_err(|error| ("groups.grants", error.to_string()))?;
        if grants.is_empty() {
            return Err(("groups.grants", format!("\"{}\" grants nothing", raw.group)));
        }
        let group = name(raw.group).map_err(|what| ("groups.group", what))?;
        Ok(GroupGrants { group, grants })
    };
    let groups: Vec<GroupGrants> = raw.into_iter().map(one).collect::<Result<_, _>>()?;
    let all = groups.iter().flat_map(|group| group.grants.iter().cloned()).collect();
    // Somebody may be in all of them.
    Grants::new(all).map_err(|error| ("groups.grants", format!("together: {error}")))?;
    Ok(groups)
}

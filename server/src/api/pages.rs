//! Lists page by page: which part is wanted, and what leads to the next one.

use super::problem::Problem;
use crate::time::Timestamp;
use serde::Deserialize;
use std::{fmt::Display, str::FromStr};

/// The most that a page holds.
const MAX: i64 = 1000;

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    /// The `next` of the page before.
    #[serde(default)]
    pub(crate) after: Option<String>,
    #[serde(default)]
    pub(crate) limit: Option<i64>,
}

impl Page {
    /// How many are wanted at most.
    pub(crate) fn limit(&self) -> i64 {
        self.limit.unwrap_or(100).clamp(1, MAX)
    }

    /// What it goes on behind, in a list by name; nothing at the beginning.
    pub(super) fn after_name<N: FromStr<Err: Display>>(&self) -> Result<Option<N>, Problem> {
        let after = self.after.as_deref().map(str::parse).transpose();
        after.map_err(|error| Problem::bad(format!("after: {error}")))
    }

    /// What it goes on behind, in a list by time: the time and the id of a row.
    pub(super) fn after_time<I: FromStr>(&self) -> Result<Option<(Timestamp, I)>, Problem> {
        let parse = |text: &str| {
            let (at, id) = text.split_once('-')?;
            Some((Timestamp::from_unix(at.parse().ok()?), id.parse().ok()?))
        };
        let wrong = || Problem::bad("after: take the `next` of the page before");
        self.after.as_deref().map(|text| parse(text).ok_or_else(wrong)).transpose()
    }

    /// The last of what was `found`, if there may be more behind it.
    pub(super) fn last<'a, T>(&self, found: &'a [T]) -> Option<&'a T> {
        let full = i64::try_from(found.len()).is_ok_and(|found| found >= self.limit());
        found.last().filter(|_| full)
    }

    /// What this page holds of a list that is in memory, by name, and the `next` of it.
    pub(super) fn of<T>(
        &self,
        all: impl Iterator<Item = T>,
        name: impl Fn(&T) -> &str,
    ) -> (Vec<T>, Option<String>) {
        let limit = usize::try_from(self.limit()).unwrap_or(usize::MAX);
        let behind = |one: &T| self.after.as_deref().is_none_or(|after| name(one) > after);
        let items: Vec<T> = all.filter(behind).take(limit).collect();
        let next = self.last(&items).map(|last| name(last).to_owned());
        (items, next)
    }
}

/// The `next` of a list by time.
pub(super) fn by_time(at: Timestamp, id: impl Display) -> String {
    format!("{}-{id}", at.as_unix())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_memory_is_read_page_by_page_to_its_end() {
        let all = ["a", "b", "c", "d"];
        let mut page = Page { after: None, limit: Some(2) };
        let mut seen: Vec<&&str> = Vec::new();
        loop {
            let (items, next) = page.of(all.iter(), |one| one);
            assert!(items.len() <= 2);
            seen.extend(items);
            match next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, all.iter().collect::<Vec<_>>());
        let removed = Page { after: Some("bb".into()), limit: None };
        assert_eq!(removed.of(all.iter(), |one| one), (vec![&"c", &"d"], None));
    }

    #[test]
    fn a_page_holds_one_at_least_and_a_thousand_at_most() {
        let limit = |limit| Page { after: None, limit }.limit();
        assert_eq!([None, Some(-1), Some(0), Some(7), Some(9999)].map(limit), [100, 1, 1, 7, 1000]);
    }
}

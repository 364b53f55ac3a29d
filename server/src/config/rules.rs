//! Rules that propose an OS profile for a machine that nobody knows, by what it says of itself.
//! They install nothing: a person reads the proposal.

use crate::app::FACTS;
use bootmint_image_factory::host::Name;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawRule {
    profile: String,
    #[serde(rename = "match")]
    when: BTreeMap<String, String>,
}

/// A rule: machines whose facts match all its patterns.
#[derive(Clone, Debug)]
pub struct Rule {
    profile: Name,
    when: BTreeMap<String, String>,
}

impl RawRule {
    pub(super) fn check(self) -> Result<Rule, String> {
        if let Some(field) = self.when.keys().find(|key| !FACTS.contains(&key.as_str())) {
            return Err(format!(
                "there is no fact \"{field}\" for a rule: write one of {}",
                FACTS.join(", ")
            ));
        }
        if self.when.is_empty() {
            return Err("a rule that matches everything is none: fill its match".to_owned());
        }
        let profile = self.profile.parse().map_err(|error| format!("rule.profile: {error}"))?;
        Ok(Rule { profile, when: self.when })
    }
}

/// The profile of the first rule that matches these facts.
pub fn propose<'a>(rules: &'a [Rule], facts: &BTreeMap<String, String>) -> Option<&'a Name> {
    let matches = |rule: &&Rule| {
        rule.when
            .iter()
            .all(|(field, pattern)| facts.get(field).is_some_and(|value| glob(pattern, value)))
    };
    rules.iter().find(matches).map(|rule| &rule.profile)
}

/// Whether `text` is what `pattern` says: `*` is any text, `?` any character; case is nothing.
fn glob(pattern: &str, text: &str) -> bool {
    let fold = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
    let (pattern, text) = (fold(pattern), fold(text));
    let (mut p, mut t) = (0_usize, 0_usize);
    // Where to go on if the text after the last star was taken for too little.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p = p.saturating_add(1);
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => {
                (p, t) = (p.saturating_add(1), t.saturating_add(1));
            }
            _ => match star {
                Some((at, from)) => {
                    (p, t) = (at.saturating_add(1), from.saturating_add(1));
                    star = Some((at, t));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, matches) in [
            ("PowerEdge*", "PowerEdge R650", true),
            ("poweredge r6?0", "PowerEdge R650", true),
            ("*r650", "PowerEdge R650", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("R650", "PowerEdge R650", false),
            ("", "x", false),
            ("*", "", true),
            ("**?", "", false),
        ] {
            assert_eq!(glob(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        let rule = |profile: &str, field: &str, pattern: &str| {
            let when = [(field.to_owned(), pattern.to_owned())].into();
            RawRule { profile: profile.to_owned(), when }.check()
        };
        let rules = [
            rule("esxi", "product", "PowerEdge R7*").unwrap(),
            rule("debian", "manufacturer", "Dell*").unwrap(),
        ];
        let facts = |product: &str| {
            [("manufacturer", "Dell Inc."), ("product", product)]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into()
        };
        let proposed = |product: &str| propose(&rules, &facts(product)).map(Name::as_str);
        assert_eq!(proposed("PowerEdge R740"), Some("esxi"));
        assert_eq!(proposed("PowerEdge R640"), Some("debian"));
        assert_eq!(propose(&rules, &BTreeMap::new()), None);
        assert!(rule("debian", "colour", "red").is_err());
        assert!(RawRule { profile: "a".into(), when: BTreeMap::new() }.check().is_err());
    }
}

//! The configuration's keys in the environment: `BOOTMINT_DATABASE__URL` is `url` in `[database]`.

use super::ConfigError;

/// What every variable of ours begins with.
pub(super) const PREFIX: &str = "BOOTMINT_";
/// The sections of the configuration. A variable that begins as one and names no key is a slip,
/// which would go unseen.
const SECTIONS: [&str; 16] = [
    "BOOT",
    "CONSOLE",
    "DATABASE",
    "DIRECTORY",
    "GUARD",
    "IMAGES",
    "INSTALL",
    "LIMITS",
    "LOG",
    "OIDC",
    "PATHS",
    "POLICY",
    "SECRETS",
    "SITES",
    "SYSLOG",
    "TLS",
];

/// The variables that name keys.
pub(super) fn ours(
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<(String, String)>, ConfigError> {
    let mut found = Vec::new();
    for (variable, value) in environment {
        let Some(path) = variable.strip_prefix(PREFIX) else { continue };
        if path.contains("__") {
            found.push((variable, value));
        } else if path.split('_').next().is_some_and(|first| SECTIONS.contains(&first)) {
            return Err(ConfigError::Environment(variable));
        }
    }
    Ok(found)
}

/// Sets the key that a variable names; none if it names one below a value.
pub(super) fn overlay(table: &mut toml::Table, variable: &str, value: &str) -> Option<()> {
    let path = variable.strip_prefix(PREFIX)?.to_ascii_lowercase().replace("__", ".");
    let path = path.replace('_', "-");
    let mut parts: Vec<&str> = path.split('.').collect();
    let key = parts.pop()?;
    let mut at = table;
    for part in parts {
        let entry = at.entry(part).or_insert_with(|| toml::Table::new().into());
        at = entry.as_table_mut()?;
    }
    at.insert(key.to_owned(), read(value));
    Some(())
}

/// A value: a number, a truth value, a list or a quoted text as TOML writes them, else a text.
fn read(value: &str) -> toml::Value {
    let line = (!value.contains('\n')).then(|| format!("value = {value}"));
    let parsed = line.and_then(|line| toml::from_str::<toml::Table>(&line).ok());
    match parsed.and_then(|mut table| table.remove("value")) {
        Some(toml::Value::Float(_) | toml::Value::Datetime(_)) | None => value.into(),
        Some(parsed) => parsed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_toml_takes_it_for_else_a_text() {
        use toml::Value as V;
        for (text, expected) in [
            ("60", V::Integer(60)),
            ("true", V::Boolean(true)),
            ("\"60\"", V::String("60".into())),
            ("[\"a\", \"b\"]", V::Array(vec!["a".into(), "b".into()])),
            ("1.2", V::String("1.2".into())),
            ("2026-01-01", V::String("2026-01-01".into())),
            ("sqlite:a.db", V::String("sqlite:a.db".into())),
            ("a # b", V::String("a # b".into())),
            ("1 # b", V::Integer(1)),
            ("1\nother = 2", V::String("1\nother = 2".into())),
            ("", V::String(String::new())),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_variable_that_lacks_an_underscore_is_a_slip() {
        let of = |name: &str| ours([(name.to_owned(), "x".to_owned())]);
        assert_eq!(of("BOOTMINT_DATABASE__URL").unwrap().len(), 1);
        for other in ["BOOTMINT_CONFIG", "BOOTMINT_FEED_TOKEN", "BOOTMINT_CA", "PATH"] {
            assert!(of(other).unwrap().is_empty(), "{other}");
        }
        let error = of("BOOTMINT_DATABASE_URL").unwrap_err().to_string();
        assert!(error.contains("BOOTMINT_DATABASE_URL names no key"), "{error}");
    }
}

//! The languages of templates: what a value may hold in each, how one is quoted where the
//! language has quotes, and whether a rendered text is of the language at all.

use minijinja::{
    Error, ErrorKind, Value,
    value::{Object, ObjectRepr},
};
use std::{fmt, sync::Arc};

/// The signs that a word may hold besides letters and digits.
const WORD_SIGNS: &str = "._-:/@+,=()[]%!?*~^";
/// The signs that mean nothing to any reader: a shell, YAML, JSON or a command of Windows.
const INERT_SIGNS: &str = "._-:/@+,=";

/// The language of a template, which decides what a value may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Language {
    /// Words of an iPXE command: each value is part of one of them.
    #[serde(skip)]
    Words,
    /// debconf preseeding (debian-installer): each value is part of one line.
    Preseed,
    /// Kickstart, and what else is made of shell words: `| sh` quotes.
    Kickstart,
    /// YAML: `| json` quotes.
    Yaml,
    /// JSON: `| json` quotes.
    Json,
    /// XML: every value is escaped.
    Xml,
    /// Lines of plain text: each value is part of one word.
    Text,
}

impl Language {
    const ALL: [Self; 7] = [
        Self::Words,
        Self::Preseed,
        Self::Kickstart,
        Self::Yaml,
        Self::Json,
        Self::Xml,
        Self::Text,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Preseed => "preseed",
            Self::Kickstart => "kickstart",
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Text => "text",
        }
    }

    pub(super) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }

    /// A value as it is written into a text.
    pub(super) fn write(self, value: &Value) -> Result<String, Error> {
        if let Some(quoted) = value.downcast_object_ref::<Quoted>() {
            return match self.quotes() == Some(quoted.with) {
                true => Ok(quoted.text.clone()),
                false => Err(refused(format!("{} has other quotes: {}", self.name(), self.help()))),
            };
        }
        let text = value.to_string();
        let bad = match self {
            Self::Words => text.chars().find(|&c| !plain(c, WORD_SIGNS)),
            // A backslash at a line's end joins lines; quotes end a command's argument.
            Self::Preseed => text.chars().find(|&c| c.is_control() || "\\'\"`".contains(c)),
            Self::Kickstart | Self::Yaml | Self::Json | Self::Text => {
                text.chars().find(|&c| !plain(c, INERT_SIGNS))
            }
            Self::Xml => text.chars().find(|c| c.is_control()),
        };
        if let Some(bad) = bad {
            let (name, help) = (self.name(), self.help());
            return Err(refused(format!(
                "a value holds {bad:?}, which {name} would not take for text: {help}"
            )));
        }
        Ok(if self == Self::Xml { xml(&text) } else { text })
    }

    fn quotes(self) -> Option<Quotes> {
        match self {
            Self::Kickstart => Some(Quotes::Shell),
            Self::Yaml | Self::Json => Some(Quotes::Json),
            Self::Words | Self::Preseed | Self::Xml | Self::Text => None,
        }
    }

    fn help(self) -> &'static str {
        match self.quotes() {
            Some(Quotes::Shell) => "write {{ value | sh }}",
            Some(Quotes::Json) => "write {{ value | json }}",
            None => "choose another value",
        }
    }

    /// What makes a rendered text one of this language; an error says where it is not.
    pub(super) fn check(self, text: &str) -> Result<(), String> {
        match self {
            Self::Json => match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
            Self::Yaml => match saphyr_parser::Parser::new_from_str(text).find_map(Result::err) {
                None => Ok(()),
                Some(error) => Err(error.to_string()),
            },
            Self::Xml => match roxmltree::Document::parse(text) {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
            Self::Words | Self::Preseed | Self::Kickstart | Self::Text => Ok(()),
        }
    }
}

fn plain(c: char, signs: &str) -> bool {
    c.is_ascii_alphanumeric() || signs.contains(c)
}

fn refused(why: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}

fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    Shell,
    Json,
}

/// A value that a filter has quoted; it goes into languages that have these quotes only.
#[derive(Debug)]
struct Quoted {
    with: Quotes,
    text: String,
}

impl Object for Quoted {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    /// What a template joins to other text, to quote that whole.
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `{{ value | sh }}`: one word of a shell, in single quotes.
pub(super) fn sh(value: &Value) -> Result<Value, Error> {
    let text = defined(value)?.to_string();
    if text.chars().any(char::is_control) {
        return Err(refused("a value holds a control character, which | sh refuses".to_owned()));
    }
    let text = format!("'{}'", text.replace('\'', r"'\''"));
    Ok(Value::from_object(Quoted { with: Quotes::Shell, text }))
}

/// `{{ value | json }}`: a JSON value, which is one of YAML too.
pub(super) fn json(value: &Value) -> Result<Value, Error> {
    let value = defined(value)?;
    let text = match value.downcast_object_ref::<Quoted>() {
        Some(quoted) => serde_json::to_string(&quoted.text),
        None => serde_json::to_string(value),
    };
    let text = text.map_err(|error| refused(format!("a value is none of JSON: {error}")))?;
    // Two signs end a line in YAML and JavaScript but not in JSON.
    let text = text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let text = text.replace('\u{85}', "\\u0085").replace('\u{7f}', "\\u007f");
    Ok(Value::from_object(Quoted { with: Quotes::Json, text }))
}

fn defined(value: &Value) -> Result<&Value, Error> {
    match value.is_undefined() || value.is_none() {
        true => Err(refused("a value is not set for this host: guard it with {% if %}".to_owned())),
        false => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_language_knows_its_own_text() {
        assert!(Language::Json.check(r#"{"a": [1, "x"]}"#).is_ok());
        assert!(Language::Json.check(r#"{"a": }"#).is_err());
        assert!(Language::Yaml.check("a: [1, 'x']\nb:\n  - c\n").is_ok());
        assert!(Language::Yaml.check("a: 'x\n").is_err());
        assert!(Language::Yaml.check("a: b: c\n").is_err());
        assert!(Language::Xml.check("<a><b c='d'/></a>").is_ok());
        assert!(Language::Xml.check("<a><b></a>").is_err());
    }

    #[test]
    fn quotes_of_another_language_are_refused() {
        let quoted = sh(&Value::from("a b")).unwrap();
        assert_eq!(Language::Kickstart.write(&quoted).unwrap(), "'a b'");
        for other in [Language::Yaml, Language::Json, Language::Xml, Language::Preseed] {
            assert!(other.write(&quoted).is_err(), "{other:?}");
        }
        let both = json(&quoted).unwrap();
        assert_eq!(Language::Yaml.write(&both).unwrap(), "\"'a b'\"");
        assert!(sh(&Value::UNDEFINED).is_err() && json(&Value::from(())).is_err());
        assert!(sh(&Value::from("a\nb")).is_err());
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back_as_it_was(text in "\\PC{0,60}|[ -~\\n\\t\u{85}\u{2028}]{0,60}") {
            let quoted = json(&Value::from(text.as_str())).unwrap();
            let written = Language::Yaml.write(&quoted).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text.clone());
            let breaks = ['\n', '\u{85}', '\u{2028}'];
            prop_assert!(!written.contains(breaks));
            let written = format!("a: {written}\nb: c\n");
            prop_assert!(Language::Yaml.check(&written).is_ok(), "{}", written);
        }

        #[test]
        fn xml_values_stay_values(text in "[ -~]{0,60}") {
            let written = Language::Xml.write(&Value::from(text.as_str())).unwrap();
            let document = format!("<a b=\"{written}\">{written}</a>");
            let document = roxmltree::Document::parse(&document).unwrap();
            prop_assert_eq!(document.root_element().text().unwrap_or(""), text.as_str());
            prop_assert_eq!(document.root_element().attribute("b"), Some(text.as_str()));
        }

        #[test]
        fn a_shell_word_is_one_word(text in "[ -~]{0,60}") {
            let quoted = sh(&Value::from(text.as_str())).unwrap();
            let written = Language::Kickstart.write(&quoted).unwrap();
            let script = format!("printf %s {written}");
            #[allow(clippy::disallowed_methods, reason = "a real shell reads what we quote")]
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }
}

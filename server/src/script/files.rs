//! The files of a profile as texts: a closed set of names, limited sizes, and one digest.

use crate::secret::Digest;
use bootmint_image_factory::host::Name;
use std::collections::BTreeMap;

/// The file that every profile has.
pub const PROFILE_FILE: &str = "profile.toml";
/// The most files that a profile has, when it comes by the console or the interface.
pub const MAX_FILES: usize = 16;
/// The largest of them, in bytes.
pub const MAX_TEXT: usize = 256 << 10;
/// All of them together, in bytes.
pub const MAX_ALL: usize = 1 << 20;

/// The files of a profile, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<String, String>);

/// Why texts are no files of a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFiles {
    /// A name is none.
    #[error("{0}")]
    Name(String),
    /// Two files have the same name.
    #[error("there are two files \"{0}\": give one of them another name")]
    Twice(String),
    /// Too many.
    #[error("there are more than {MAX_FILES} files: a profile has no more")]
    Many,
    /// One is too large.
    #[error(
        "\"{0}\" has more than {MAX_TEXT} bytes: what is that long belongs to the served files"
    )]
    Large(String),
    /// All are too large.
    #[error("all files together have more than {MAX_ALL} bytes")]
    LargeAll,
    /// One holds what no text holds.
    #[error("\"{file}\" line {line}: holds {sign:?}, which no text file does: remove it")]
    Sign {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// What it holds.
        sign: char,
    },
}

impl NoFiles {
    /// The file and the line that are to blame, where it is one.
    pub fn place(&self) -> (&str, Option<usize>) {
        match self {
            Self::Twice(file) | Self::Large(file) => (file, None),
            Self::Sign { file, line, .. } => (file, Some(*line)),
            Self::Name(_) | Self::Many | Self::LargeAll => ("", None),
        }
    }
}

impl Files {
    /// Files that somebody sent.
    pub fn new(sent: impl IntoIterator<Item = (String, String)>) -> Result<Self, NoFiles> {
        let mut files = BTreeMap::new();
        let mut all = 0_usize;
        for (name, text) in sent {
            let name: Name =
                name.parse().map_err(|error| NoFiles::Name(format!("a file's {error}")))?;
            let name = name.to_string();
            all = all.saturating_add(text.len());
            if text.len() > MAX_TEXT {
                return Err(NoFiles::Large(name));
            }
            if all > MAX_ALL {
                return Err(NoFiles::LargeAll);
            }
            check_signs(&name, &text)?;
            if files.len() >= MAX_FILES {
                return Err(NoFiles::Many);
            }
            if files.contains_key(&name) {
                return Err(NoFiles::Twice(name));
            }
            files.insert(name, text);
        }
        Ok(Self(files))
    }

    /// Those of a folder, which its owner answers for.
    pub(super) fn of_folder(files: BTreeMap<String, String>) -> Self {
        Self(files)
    }

    /// As the database has them.
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// The same again: their canonical form, of which the digest is made.
    pub fn to_json(&self) -> String {
        // Text by text can always be written.
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// The digest of all of them.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_json().as_bytes())
    }

    /// The text of a file.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Names and texts, `profile.toml` first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let first = self.0.get_key_value(PROFILE_FILE).into_iter();
        let rest = self.0.iter().filter(|(name, _)| *name != PROFILE_FILE);
        first.chain(rest).map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Text of lines and tabs alone: not every database keeps more, nor do people see it.
fn check_signs(file: &str, text: &str) -> Result<(), NoFiles> {
    let hidden = |c: char| {
        (c.is_control() && !"\n\t\r".contains(c))
            // What makes text look like another one.
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
            || c == '\u{feff}'
    };
    for (number, line) in (1..).zip(text.split('\n')) {
        if let Some(sign) = line.chars().find(|&c| hidden(c)) {
            return Err(NoFiles::Sign { file: file.to_owned(), line: number, sign });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Result<Files, NoFiles> {
        Files::new(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())))
    }

    #[test]
    fn names_are_a_closed_set() {
        assert!(of(&[("profile.toml", ""), ("ks.cfg", "a\n")]).is_ok());
        for bad in
            ["", "../x", "a/b", "/etc/passwd", ".hidden", "a b", "a\nb", "<b>", "A", "..", "ä"]
        {
            assert!(matches!(of(&[(bad, "")]), Err(NoFiles::Name(_))), "{bad:?}");
        }
        assert_eq!(of(&[("a", ""), ("a", "")]), Err(NoFiles::Twice("a".into())));
    }

    #[test]
    fn sizes_are_limited_to_the_byte() {
        let text = "x".repeat(MAX_TEXT);
        assert!(of(&[("a", &text)]).is_ok());
        assert_eq!(of(&[("a", &format!("{text}x"))]), Err(NoFiles::Large("a".into())));
        assert!(of(&[("a", &text), ("b", &text), ("c", &text), ("d", &text)]).is_ok());
        let over = [("a", &*text), ("b", &text), ("c", &text), ("d", &text), ("e", "x")];
        assert_eq!(of(&over), Err(NoFiles::LargeAll));
        let names: Vec<_> = (0..=MAX_FILES).map(|number| format!("f{number}")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
        assert!(of(&many[..MAX_FILES]).is_ok());
        assert_eq!(of(&many), Err(NoFiles::Many));
    }

    #[test]
    fn what_no_text_file_holds_is_refused_with_its_line() {
        for bad in ['\0', '\u{1b}', '\u{7f}', '\u{202e}', '\u{2066}', '\u{feff}'] {
            let sign = NoFiles::Sign { file: "a".into(), line: 2, sign: bad };
            assert_eq!(of(&[("a", &format!("x\ny{bad}\n"))]), Err(sign));
        }
        assert!(of(&[("a", "tab\there\r\nand ä 日本\n")]).is_ok());
    }

    #[test]
    fn what_is_written_reads_back_with_the_same_digest() {
        let files = of(&[("ks.cfg", "a\"\\\n"), ("profile.toml", "x"), ("a", "")]).unwrap();
        let back = Files::from_json(&files.to_json()).unwrap();
        assert_eq!((&back, back.digest()), (&files, files.digest()));
        assert_eq!(
            files.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            ["profile.toml", "a", "ks.cfg"]
        );
        assert_ne!(
            of(&[("a", "b"), ("c", "")]).unwrap().digest(),
            of(&[("a", ""), ("c", "b")]).unwrap().digest()
        );
        assert_eq!(Files::from_json("[]"), None);
    }
}

//! What is wrong with a profile, for people who can mend it: which file, which line, and why.

use super::{
    Files, NoFiles, PROFILE_FILE, Profile, ProfileError, ScriptError, template::TemplateError,
};
use bootmint_image_factory::host::Name;
use std::path::Path;

/// Something that is wrong with a file of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileFault {
    /// The file; none if it is all of them.
    pub file: String,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// The column, from 1, where it is known.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl ProfileFault {
    /// One of `profile.toml` as a whole.
    pub fn of_profile(message: impl Into<String>) -> Self {
        let (file, message) = (PROFILE_FILE.to_owned(), message.into());
        Self { file, line: None, column: None, message }
    }

    /// One of texts that are no files of a profile.
    pub fn of_files(error: &NoFiles) -> Self {
        let (file, line) = error.place();
        Self { file: file.to_owned(), line, column: None, message: error.to_string() }
    }

    /// One of a text that cannot be rendered.
    pub fn of_script(error: &ScriptError, files: &Files) -> Self {
        match error {
            ScriptError::Template { what, source, .. } => of_template(what, source, files),
            ScriptError::TooLong { .. } => Self {
                line: line_of_key(files, "arguments"),
                ..Self::of_profile(error.to_string())
            },
            ScriptError::IsMenu(_) | ScriptError::NoAnswer { .. } => {
                Self::of_profile(error.to_string())
            }
        }
    }
}

/// The profile that `files` make, or everything that is wrong with them.
pub fn check(name: &Name, files: &Files) -> Result<Profile, Vec<ProfileFault>> {
    Profile::of_files(name, 0, files)
        .map_err(|wrong| wrong.iter().map(|error| of_error(error, files)).collect())
}

fn of_error(error: &ProfileError, files: &Files) -> ProfileFault {
    let of = |path: &Path, message: String| ProfileFault {
        file: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        line: None,
        column: None,
        message,
    };
    match error {
        ProfileError::Toml { path, source } => {
            let text = files.get(PROFILE_FILE).unwrap_or_default();
            let at = source.span().map(|span| place(text, span.start));
            ProfileFault {
                line: at.map(|(line, _)| line),
                column: at.map(|(_, column)| column),
                ..of(path, source.message().to_owned())
            }
        }
        ProfileError::Value { path, what } => {
            // What is said begins with the key that it is about.
            let key = what.split_once(':').map(|(key, _)| key);
            let line = key.and_then(|key| line_of_key(files, key));
            ProfileFault { line, ..of(path, what.clone()) }
        }
        ProfileError::Template { path, what, source } => match what.as_str() {
            "the file" => {
                let file = of(path, source.message());
                ProfileFault { line: source.line(), ..file }
            }
            key => of_template(key, source, files),
        },
        ProfileError::NotThere(path) => {
            of(path, "profile.toml names this file: add it, or take its name out".to_owned())
        }
        ProfileError::Unnamed(path) => {
            let what = "install.answers in profile.toml does not name this file: name it with its \
                        language, or remove it";
            of(path, what.to_owned())
        }
        ProfileError::Missing { .. }
        | ProfileError::Damaged { .. }
        | ProfileError::Read { .. }
        | ProfileError::Large(_) => ProfileFault::of_profile(error.to_string()),
    }
}

/// `what` is a file, or a key of `profile.toml`.
fn of_template(what: &str, error: &TemplateError, files: &Files) -> ProfileFault {
    if files.get(what).is_some() {
        let (file, line, message) = (what.to_owned(), error.line(), error.message());
        return ProfileFault { file, line, column: None, message };
    }
    let start = line_of_key(files, what);
    // A text of several lines begins on the line after its key, which is its first.
    let below = error.line().map_or(0, |line| line.saturating_sub(1));
    ProfileFault {
        line: start.map(|start| start.saturating_add(below)),
        ..ProfileFault::of_profile(format!("{what}: {}", error.message()))
    }
}

/// Line and column of a byte.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count());
    (line, column.saturating_add(1))
}

/// The line on which `profile.toml` sets a key, which may stand with its section.
fn line_of_key(files: &Files, key: &str) -> Option<usize> {
    let key = key.rsplit('.').next()?;
    let sets = |line: &str| {
        let rest = line.trim_start().strip_prefix(key).map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with('=')) || line.trim() == format!("[{key}]")
    };
    let at = files.get(PROFILE_FILE)?.lines().position(sets)?;
    Some(at.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: &[(&str, &str)]) -> Vec<(String, Option<usize>, String)> {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let files = Files::new(files).unwrap();
        let wrong = check(&"p".parse().unwrap(), &files).err().unwrap_or_default();
        wrong.into_iter().map(|fault| (fault.file, fault.line, fault.message)).collect()
    }

    #[test]
    fn all_faults_are_told_with_their_lines() {
        let profile = "title = \"x\\ny\"\n[install]\nkernel = \"../k\"\n\
                       arguments = \"{{ host.\"\nanswers = { \"a.cfg\" = \"preseed\", \
                       \"b.cfg\" = \"yaml\", \"c.cfg\" = \"text\" }\n";
        let found = faults(&[
            ("profile.toml", profile),
            ("a.cfg", "fine\n{% if %}\n"),
            ("b.cfg", "{{ 'a' }}\n"),
            ("stray", ""),
        ]);
        let places: Vec<_> = found.iter().map(|(file, line, _)| (file.as_str(), *line)).collect();
        assert_eq!(
            places,
            [
                ("profile.toml", Some(1)),
                ("profile.toml", None),
                ("profile.toml", Some(4)),
                ("a.cfg", Some(2)),
                ("c.cfg", None),
                ("stray", None),
            ],
            "{found:#?}"
        );
    }

    #[test]
    fn a_fault_of_the_syntax_has_line_and_column() {
        let files = [("profile.toml".to_owned(), "title = \"x\"\n[shell\n".to_owned())];
        let wrong = check(&"p".parse().unwrap(), &Files::new(files).unwrap()).unwrap_err();
        assert_eq!((wrong[0].line, wrong[0].column), (Some(2), Some(7)), "{wrong:?}");
        let wrong = faults(&[("profile.toml", "title = \"x\"\n[shell]\ncolour = 1\n")]);
        assert_eq!(wrong[0].1, Some(3), "{wrong:?}");
        assert_eq!(faults(&[])[0].0, "profile.toml");
        assert_eq!(faults(&[("profile.toml", "title = \"x\"\n[shell]\n")]), []);
    }
}

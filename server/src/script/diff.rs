//! What differs between two versions of a profile, file by file, as `diff -u` writes it.

use super::Files;
use similar::{ChangeTag, TextDiff};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// How many lines around a change are shown.
const AROUND: usize = 3;
/// How long it is looked for the shortest way to write it; then a longer one is taken.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a line of a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Where the lines below it stand.
    Place,
    /// It is in both.
    Same,
    /// It is in the older one only.
    Removed,
    /// It is in the newer one only.
    Added,
}

impl Sign {
    /// The character before the line.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Place => "",
            Self::Same => " ",
            Self::Removed => "-",
            Self::Added => "+",
        }
    }
}

/// What differs in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDiff {
    /// The file.
    pub file: String,
    /// `changed`, `added` or `removed`.
    pub what: &'static str,
    /// The lines, without their ends.
    pub lines: Vec<(Sign, String)>,
}

impl FileDiff {
    /// It as one text.
    pub fn text(&self) -> String {
        let old = if self.what == "added" { "/dev/null" } else { &self.file };
        let new = if self.what == "removed" { "/dev/null" } else { &self.file };
        let mut text = format!("--- {old}\n+++ {new}\n");
        for (sign, line) in &self.lines {
            text.push_str(sign.mark());
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// What differs from `old` to `new`; nothing if they are the same.
pub fn diff(old: &Files, new: &Files) -> Vec<FileDiff> {
    let names: BTreeSet<&str> = old.iter().chain(new.iter()).map(|(name, _)| name).collect();
    let until = Instant::now().checked_add(PATIENCE);
    let differ = names.into_iter().filter(|name| old.get(name) != new.get(name));
    let of = |name: &str| {
        let what = match (old.get(name), new.get(name)) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        let texts = (old.get(name).unwrap_or_default(), new.get(name).unwrap_or_default());
        FileDiff { file: name.to_owned(), what, lines: lines(texts.0, texts.1, until) }
    };
    differ.map(of).collect()
}

fn lines(old: &str, new: &str, until: Option<Instant>) -> Vec<(Sign, String)> {
    let mut config = TextDiff::configure();
    if let Some(until) = until {
        config.deadline(until);
    }
    let diff = config.diff_lines(old, new);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(AROUND).iter_hunks() {
        lines.push((Sign::Place, hunk.header().to_string().trim_end().to_owned()));
        for change in hunk.iter_changes() {
            let sign = match change.tag() {
                ChangeTag::Equal => Sign::Same,
                ChangeTag::Delete => Sign::Removed,
                ChangeTag::Insert => Sign::Added,
            };
            let text = change.value();
            let line = text.strip_suffix('\n').unwrap_or(text);
            // A line that ends otherwise would look the same.
            let line = match line.strip_suffix('\r') {
                Some(line) => format!("{line}\u{240d}"),
                None => line.to_owned(),
            };
            lines.push((sign, line));
            if !text.ends_with('\n') {
                lines.push((Sign::Place, "\\ No newline at the end of the file".to_owned()));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> Files {
        Files::new(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())))
            .unwrap()
    }

    #[test]
    fn a_difference_names_files_and_lines() {
        let old = files(&[("a", "1\n2\n3\n4\n5\n6\n7\n8\n9\n"), ("gone", "x\n"), ("same", "y\n")]);
        let new = files(&[("a", "1\n2\n3\n4\nfive\n6\n7\n8\n9"), ("new", "z\n"), ("same", "y\n")]);
        let found = diff(&old, &new);
        let what: Vec<_> = found.iter().map(|one| (one.file.as_str(), one.what)).collect();
        assert_eq!(what, [("a", "changed"), ("gone", "removed"), ("new", "added")]);
        assert_eq!(
            found[0].text(),
            "--- a\n+++ a\n@@ -2,8 +2,8 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n-9\n+9\n\
             \\ No newline at the end of the file\n"
        );
        assert!(found[1].text().starts_with("--- gone\n+++ /dev/null\n@@ "));
        assert_eq!(diff(&old, &old), []);
    }

    #[test]
    fn the_end_of_a_line_is_a_difference_that_is_seen() {
        let found = diff(&files(&[("a", "x\n")]), &files(&[("a", "x\r\n")]));
        assert_eq!(
            found[0].lines[1..],
            [(Sign::Removed, "x".into()), (Sign::Added, "x\u{240d}".into())]
        );
    }

    #[test]
    fn texts_that_share_nothing_come_to_an_end() {
        let many =
            |word: &str| (0..40_000).map(|n| format!("{word}{}\n", n % 7)).collect::<String>();
        let (old, new) = (files(&[("a", &many("a"))]), files(&[("a", &many("b"))]));
        assert_eq!(diff(&old, &new)[0].lines.len(), 80_001);
    }
}

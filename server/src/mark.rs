//! What somebody saw of an account, a token or a secret that they change: nobody undoes what they
//! did not see.

use crate::secret::Digest;

/// How many hexadecimal digits a mark has.
const LENGTH: usize = 32;

/// Tells what is stored from what was stored before: it follows from all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(String);

impl Mark {
    /// The mark of what these texts say together.
    pub(crate) fn of(parts: &[&str]) -> Self {
        let text = parts.iter().fold("mark\n".to_owned(), |text, part| {
            text + &part.len().to_string() + ":" + part + "\n"
        });
        let digest = Digest::of(text.as_bytes());
        Self(digest.as_str().chars().take(LENGTH).collect())
    }

    /// The mark that somebody sent, if it looks like one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (text.len() == LENGTH && digits).then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a change rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Whatever there is.
    Anything,
    /// There was none.
    Nothing,
    /// It had this mark.
    This(Mark),
}

impl Seen {
    /// Whether it is still so; `now` is the mark that it has, if it is there.
    pub fn holds(&self, now: Option<&Mark>) -> bool {
        match self {
            Self::Anything => true,
            Self::Nothing => now.is_none(),
            Self::This(mark) => now == Some(mark),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_texts_apart_however_they_are_cut() {
        let marks =
            [["ab", "c"], ["a", "bc"], ["abc", ""], ["", "abc"]].map(|parts| Mark::of(&parts));
        for (at, mark) in marks.iter().enumerate() {
            assert_eq!(Mark::parse(mark.as_str()).as_ref(), Some(mark));
            assert!(marks.iter().skip(at + 1).all(|other| other != mark));
        }
        for bad in ["", "abc", &"A".repeat(32), &"a".repeat(33)] {
            assert_eq!(Mark::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_change_rests_on_what_was_seen() {
        let (one, other) = (Mark::of(&["1"]), Mark::of(&["2"]));
        let this = Seen::This(one.clone());
        assert!(this.holds(Some(&one)) && !this.holds(Some(&other)) && !this.holds(None));
        assert!(Seen::Nothing.holds(None) && !Seen::Nothing.holds(Some(&one)));
        assert!(Seen::Anything.holds(None) && Seen::Anything.holds(Some(&one)));
    }
}

//! Which keys of a session count, and when the next one is due.
//!
//! A new key is offered with an answer, and counts from the first request that shows it: an answer
//! that never arrives shuts nobody out. From then on the one before counts for a moment, for
//! requests that were under way. Any other key of the session was copied, or is shown by somebody
//! who was left behind by the one who has a copy.

use crate::{
    secret::Digest,
    time::{Seconds, Timestamp},
};

/// How long a key counts before another one is offered.
pub const TURN: Seconds = Seconds::new(15 * 60);
/// How long a key counts after the next one came, and how long an offer stands.
pub const GRACE: Seconds = Seconds::new(30);

/// The keys of a session, as digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turns {
    /// The one that counts.
    pub turn: Digest,
    /// Since when.
    pub turned: Timestamp,
    /// The one that was offered to follow it.
    pub coming: Option<Digest>,
    /// When.
    pub offered: Timestamp,
    /// The one before.
    pub former: Option<Digest>,
}

/// What a key is that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The one that counts.
    Counts,
    /// The same, and another one is to be offered.
    Due,
    /// The one that was offered: it takes the place of the one that counted.
    Coming,
    /// The one before, a moment after it was followed.
    Late,
    /// None of these any more.
    Spent,
}

impl Turns {
    /// Those of a session that begins.
    pub fn begin(turn: Digest, now: Timestamp) -> Self {
        Self { turn, turned: now, coming: None, offered: Timestamp::default(), former: None }
    }

    /// What the key with that digest is at `now`.
    pub(super) fn shown(&self, turn: &Digest, now: Timestamp) -> Shown {
        let is = |key: &Option<Digest>| key.as_ref() == Some(turn);
        if self.turn == *turn {
            let open = self.coming.is_none() || now >= self.offered.after(GRACE);
            return if open && now >= self.turned.after(TURN) { Shown::Due } else { Shown::Counts };
        }
        if is(&self.coming) {
            Shown::Coming
        } else if is(&self.former) && now < self.turned.after(GRACE) {
            Shown::Late
        } else {
            Shown::Spent
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_counts_until_its_follower_comes_and_a_moment_longer() {
        let [a, b, c, x] = [b"a", b"b", b"c", b"x"].map(|key| Digest::of(key));
        let start = Timestamp::from_unix(1_000_000);
        let at = |seconds| start.after(Seconds::new(seconds));
        let first = Turns::begin(a.clone(), start);
        assert_eq!(first.shown(&a, at(899)), Shown::Counts);
        assert_eq!(first.shown(&a, at(900)), Shown::Due);
        assert_eq!(first.shown(&x, start), Shown::Spent);
        // Offered, and not taken up: it is no loss.
        let offered = Turns { coming: Some(b.clone()), offered: at(900), ..first };
        assert_eq!(offered.shown(&a, at(929)), Shown::Counts, "one is under way");
        assert_eq!(offered.shown(&a, at(930)), Shown::Due, "it did not arrive");
        assert_eq!(offered.shown(&b, at(5000)), Shown::Coming);
        let next = Turns { former: Some(a.clone()), ..Turns::begin(b.clone(), at(1000)) };
        assert_eq!(next.shown(&a, at(1029)), Shown::Late);
        assert_eq!(next.shown(&a, at(1030)), Shown::Spent);
        assert_eq!(next.shown(&b, at(1030)), Shown::Counts);
        let third = Turns { former: Some(b), ..Turns::begin(c, at(2000)) };
        assert_eq!(third.shown(&a, at(2000)), Shown::Spent, "not even for a moment");
    }
}

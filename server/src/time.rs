//! Points in time, as the state machine and the database hold them.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime};
use std::{fmt, str::FromStr};

/// Seconds since 1970-01-01 00:00:00 UTC.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A span of time in whole seconds, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(transparent)]
pub struct Seconds(std::num::NonZeroU32);

impl Seconds {
    /// `seconds`, or one second if that is zero.
    pub const fn new(seconds: u32) -> Self {
        match std::num::NonZeroU32::new(seconds) {
            Some(seconds) => Self(seconds),
            None => Self(std::num::NonZeroU32::MIN),
        }
    }

    /// How many.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl Timestamp {
    /// The end of time.
    pub const END: Self = Self(i64::MAX);

    /// That many seconds after 1970 began.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970 began.
    pub const fn as_unix(self) -> i64 {
        self.0
    }

    /// This time, `span` later; the end of time stays where it is.
    #[must_use]
    pub const fn after(self, span: Seconds) -> Self {
        Self(self.0.saturating_add(span.get() as i64))
    }

    /// This time, `span` earlier.
    #[must_use]
    pub const fn before(self, span: Seconds) -> Self {
        Self(self.0.saturating_sub(span.get() as i64))
    }

    /// This time, so many days later.
    #[must_use]
    pub const fn after_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days.saturating_mul(86_400)))
    }

    /// Its year, month and day in UTC.
    pub fn date(self) -> (i32, u8, u8) {
        let (year, month, day) = civil(self.0.div_euclid(86_400));
        let small = |n| u8::try_from(n).unwrap_or(1);
        (i32::try_from(year).unwrap_or(i32::MAX), small(month), small(day))
    }

    /// The present, from the system's clock.
    #[allow(clippy::disallowed_methods, reason = "the server lives in time; only this reads it")]
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self(since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX)))
    }
}

/// A text that is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no time in UTC: write 2026-01-31T12:00:00Z, 2026-01-31T12:00 or 2026-01-31")]
pub struct NoTime(String);

impl FromStr for Timestamp {
    type Err = NoTime;

    /// A day's beginning, or a time of it, in UTC.
    fn from_str(text: &str) -> Result<Self, NoTime> {
        let wrong = || NoTime(text.chars().take(40).collect());
        let plain = text.strip_suffix('Z').unwrap_or(text);
        let midnight = || {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            Some(day.and_time(NaiveTime::MIN))
        };
        let found = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
            .into_iter()
            .find_map(|form| NaiveDateTime::parse_from_str(plain, form).ok())
            .or_else(midnight);
        let found = found.ok_or_else(wrong)?.and_utc();
        // What has no four digits is not written as it was read.
        if !(0..=9999).contains(&found.year()) {
            return Err(wrong());
        }
        Ok(Self(found.timestamp()))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC: `2026-01-31T12:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
    }
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
///
/// Counts in years that begin in March, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp::from_unix(seconds).to_string(), text);
        }
    }

    #[test]
    fn a_time_reads_back_and_what_is_none_is_refused() {
        for seconds in [0, 951_782_400, 1_709_251_199] {
            let time = Timestamp::from_unix(seconds);
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        let day = Timestamp::from_unix(1_769_817_600);
        for text in ["2026-01-31", "2026-01-31T00:00", "2026-01-31T00:00:00"] {
            assert_eq!(text.parse(), Ok(day), "{text}");
        }
        for bad in ["", "today", "2026-02-30", "2026-01-31Z", "2026-01-31T25:00", "31.1.2026"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
        assert!("-2026-01-31".parse::<Timestamp>().is_err());
    }

    #[test]
    fn the_end_of_time_is_no_overflow() {
        let end = Timestamp::from_unix(i64::MAX);
        assert_eq!(end.after(Seconds::new(1)), end);
        let _ = (end.to_string(), Timestamp::from_unix(i64::MIN).to_string());
        assert_eq!(Seconds::new(0).get(), 1);
    }
}

//! One range of bytes, as `Range` asks for it.

/// What of an image is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// All of it.
    Whole,
    /// From the first to before the second; never empty.
    Part(u64, u64),
    /// Nothing that is there.
    Outside,
}

impl Range {
    /// Reads a `Range` header for an image of `size` bytes. What is no single range of bytes asks
    /// for all, as the standard allows.
    pub fn parse(header: Option<&str>, size: u64) -> Self {
        let Some(ranges) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else {
            return Self::Whole;
        };
        let Some((first, last)) = ranges.split_once('-') else { return Self::Whole };
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse().unwrap_or(u64::MAX))
        };
        match (first, number(first), last, number(last)) {
            ("", None, _, Some(0)) => Self::Outside,
            ("", None, _, Some(tail)) => Self::Part(size.saturating_sub(tail), size).checked(size),
            (_, Some(first), "", None) => Self::Part(first, size).checked(size),
            (_, Some(first), _, Some(last)) if first <= last => {
                Self::Part(first, last.saturating_add(1).min(size)).checked(size)
            }
            _ => Self::Whole,
        }
    }

    fn checked(self, size: u64) -> Self {
        match self {
            Self::Part(start, end) if start >= end || start >= size => Self::Outside,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_what_the_standard_says() {
        for (text, expected) in [
            ("bytes=0-0", Range::Part(0, 1)),
            ("bytes=90-", Range::Part(90, 100)),
            ("bytes=-10", Range::Part(90, 100)),
            ("bytes=-1000", Range::Part(0, 100)),
            ("bytes=50-1000", Range::Part(50, 100)),
            ("bytes=100-", Range::Outside),
            ("bytes=-0", Range::Outside),
            ("bytes=5-2", Range::Whole),
            ("bytes=0-1,5-6", Range::Whole),
            ("lines=1-2", Range::Whole),
            ("bytes=+1-2", Range::Whole),
            ("bytes=99999999999999999999999-", Range::Outside),
        ] {
            assert_eq!(Range::parse(Some(text), 100), expected, "{text}");
        }
        assert_eq!(Range::parse(None, 100), Range::Whole);
    }

    proptest! {
        #[test]
        fn a_part_lies_inside(text in "bytes=[0-9]{0,20}-[0-9]{0,20}", size in 0u64..1000) {
            if let Range::Part(start, end) = Range::parse(Some(&text), size) {
                prop_assert!(start < end && end <= size);
            }
        }
    }
}

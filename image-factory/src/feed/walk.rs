//! Walks through JSON whose syntax is known to be right, and finds where its values stand, with
//! one value in memory at a time.

use std::io::BufRead;

/// A walk, standing before or behind a value.
pub(super) struct Walk<R> {
    from: R,
    at: u32,
}

impl<R: BufRead> Walk<R> {
    /// Starts at the first byte of `from`, which is byte `at` of the source.
    pub(super) fn new(from: R, at: u32) -> Self {
        Self { from, at }
    }

    /// Enters the array or object that comes next, and tells its first byte.
    pub(super) fn enter(&mut self) -> Option<(u32, u8)> {
        let next = self.next()?;
        self.bump();
        Some(next)
    }

    /// The next value's place and first byte; none at the end of the array or object.
    pub(super) fn next(&mut self) -> Option<(u32, u8)> {
        loop {
            match self.peek()? {
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' => self.bump(),
                b']' | b'}' => return None,
                byte => return Some((self.at, byte)),
            }
        }
    }

    /// Goes behind the value that [`Walk::next`] found, and gives each of its bytes to `keep`.
    pub(super) fn value(&mut self, mut keep: impl FnMut(u8)) {
        let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
        while let Some(byte) = self.peek() {
            if depth == 0
                && !quoted
                && matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n')
            {
                return; // a number or word ended before it
            }
            keep(byte);
            self.bump();
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if quoted => continue,
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                _ => continue,
            }
            if depth == 0 && !quoted {
                return;
            }
        }
    }

    fn peek(&mut self) -> Option<u8> {
        // A source that cannot be read remembers that itself; the walk just ends.
        self.from.fill_buf().ok()?.first().copied()
    }

    fn bump(&mut self) {
        self.from.consume(1);
        self.at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn items(text: &str) -> Vec<String> {
        let mut walk = Walk::new(text.as_bytes(), 0);
        walk.enter();
        let mut items = Vec::new();
        while let Some((at, _)) = walk.next() {
            let mut item = Vec::new();
            walk.value(|byte| item.push(byte));
            let item = String::from_utf8(item).unwrap();
            assert!(text[at as usize..].starts_with(&item));
            items.push(item);
        }
        items
    }

    #[test]
    fn values_of_all_kinds_are_told_apart() {
        let text = r#" [ 1,-2.5e3 ,true,null , "a\"],\\" ,{"x":[1,{"]":"}"}]},[], "" ] x"#;
        let wanted =
            ["1", "-2.5e3", "true", "null", r#""a\"],\\""#, r#"{"x":[1,{"]":"}"}]}"#, "[]", "\"\""];
        assert_eq!(items(text), wanted);
        assert_eq!(items(r#"{"a":1, "b" : "c"}"#), ["\"a\"", "1", "\"b\"", "\"c\""]);
        assert_eq!(items("[]"), <[&str; 0]>::default());
    }

    proptest! {
        #[test]
        fn any_list_of_texts_comes_back(texts in proptest::collection::vec(".{0,20}", 0..9)) {
            let written = serde_json::to_string(&texts).unwrap();
            let read: Vec<String> =
                items(&written).iter().map(|item| serde_json::from_str(item).unwrap()).collect();
            prop_assert_eq!(read, texts);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in "[\\[\\]{}\",:\\\\ a1]{0,40}") {
            let mut walk = Walk::new(bytes.as_bytes(), 0);
            walk.enter();
            while walk.next().is_some() {
                walk.value(|_| ());
            }
        }
    }
}

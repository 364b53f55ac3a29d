//! Reads whose keys a keytab holds (format 5.2, as MIT krb5, Samba and `ktpass` write it), so that
//! what is missing is said before anybody needs it. The keys themselves stay where they are.

use std::fmt;

/// How many bytes of a keytab are read at most.
pub(super) const MAX: usize = 1 << 20;
/// How a keytab begins.
const MAGIC: [u8; 2] = [5, 2];

/// Whose key it is: `HTTP/bootmint.example.net@AD.EXAMPLE.ORG`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Principal {
    pub(super) parts: Vec<String>,
    pub(super) realm: String,
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.parts.join("/"), self.realm)
    }
}

/// Those whose keys are in `bytes`, each once; nothing if these are no keytab.
pub(super) fn principals(bytes: &[u8]) -> Option<Vec<Principal>> {
    let mut rest = bytes.strip_prefix(&MAGIC)?;
    let mut found = Vec::new();
    while let Some((size, after)) = rest.split_first_chunk() {
        let size = i32::from_be_bytes(*size);
        // What follows a 0 is nothing; what was removed is a hole of that size.
        if size == 0 {
            break;
        }
        let length = usize::try_from(size.unsigned_abs()).ok()?;
        let (entry, next) = after.split_at_checked(length)?;
        if size > 0 {
            found.push(principal(entry)?);
        }
        rest = next;
    }
    found.sort();
    found.dedup();
    Some(found)
}

fn principal(mut entry: &[u8]) -> Option<Principal> {
    let count = number(&mut entry)?;
    let realm = text(&mut entry)?;
    let parts = (0..count).map(|_| text(&mut entry)).collect::<Option<_>>()?;
    Some(Principal { parts, realm })
}

fn number(bytes: &mut &[u8]) -> Option<u16> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u16::from_be_bytes(*number))
}

fn text(bytes: &mut &[u8]) -> Option<String> {
    let length = number(bytes)?;
    let (text, rest) = bytes.split_at_checked(length.into())?;
    *bytes = rest;
    let text = std::str::from_utf8(text).ok()?;
    Some(text.chars().map(|c| if c.is_control() { '?' } else { c }).collect())
}

#[cfg(test)]
pub(in crate::auth) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A keytab with a key of each.
    pub(in crate::auth) fn keytab(of: &[(&[&str], &str)]) -> Vec<u8> {
        let counted = |text: &str| {
            let length = u16::try_from(text.len()).unwrap().to_be_bytes();
            [&length, text.as_bytes()].concat()
        };
        let mut bytes = MAGIC.to_vec();
        for (parts, realm) in of {
            let mut entry = u16::try_from(parts.len()).unwrap().to_be_bytes().to_vec();
            entry.extend(counted(realm));
            parts.iter().for_each(|part| entry.extend(counted(part)));
            // Type of the name, time, number, type of the key, the key.
            entry.extend([0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 18, 0, 32]);
            entry.extend([7; 32]);
            bytes.extend(i32::try_from(entry.len()).unwrap().to_be_bytes());
            bytes.extend(entry);
        }
        bytes
    }

    #[test]
    fn a_keytab_says_whose_keys_it_holds() {
        let (web, host): (&[&str], &[&str]) = (&["HTTP", "a.test"], &["A$"]);
        let mut bytes = keytab(&[(web, "AD.TEST"), (host, "AD.TEST"), (web, "AD.TEST")]);
        // A hole, and what is behind the end.
        bytes.extend([0xff, 0xff, 0xff, 0xfe, 1, 2, 0, 0, 0, 0, 9]);
        let found: Vec<_> = principals(&bytes).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found, ["A$@AD.TEST", "HTTP/a.test@AD.TEST"]);
        assert_eq!(principals(&MAGIC), Some(Vec::new()));
        for bad in [&b"-----BEGIN"[..], &[5, 1, 0, 0], &[5], &bytes[..20], &[5, 2, 0, 0, 0, 9, 0]] {
            assert_eq!(principals(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_confuse_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut keytab = MAGIC.to_vec();
            keytab.extend(bytes);
            let _ = principals(&keytab);
        }
    }
}

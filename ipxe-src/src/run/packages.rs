//! Which package has which program, on Debian and on Fedora.

use std::fmt;

/// The packages that have a program or header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packages {
    /// Debian's, Ubuntu's.
    pub debian: &'static str,
    /// Fedora's, RHEL's.
    pub fedora: &'static str,
}

impl fmt::Display for Packages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { debian, fedora } = self;
        write!(f, "{debian} (Debian, Ubuntu: apt-get install {debian}) ")?;
        write!(f, "or {fedora} (Fedora: dnf install {fedora})")
    }
}

const TABLE: &[(&str, &str, &str)] = &[
    ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu", "gcc-aarch64-linux-gnu"),
    ("ar", "binutils", "binutils"),
    ("as", "binutils", "binutils"),
    ("cc", "gcc", "gcc"),
    ("cert-to-efi-sig-list", "efitools", "efitools"),
    ("dpkg-deb", "dpkg", "dpkg"),
    ("gcc", "gcc", "gcc"),
    ("git", "git", "git"),
    ("gzip", "gzip", "gzip"),
    ("ld", "binutils", "binutils"),
    ("lzma.h", "liblzma-dev", "xz-devel"),
    ("make", "make", "make"),
    ("minisign", "minisign", "minisign"),
    ("objcopy", "binutils", "binutils"),
    ("openssl", "openssl", "openssl"),
    ("perl", "perl", "perl"),
    ("qemu-img", "qemu-utils", "qemu-img"),
    ("sbsign", "sbsigntool", "sbsigntools"),
    ("sbverify", "sbsigntool", "sbsigntools"),
    ("sign-efi-sig-list", "efitools", "efitools"),
    ("ssh-keygen", "openssh-client", "openssh"),
    ("x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu", "gcc-x86_64-linux-gnu"),
];

/// The packages that have `program` (a program's or header's name), where they are known.
pub fn packages(program: &str) -> Option<Packages> {
    let found = TABLE.binary_search_by_key(&program, |(name, ..)| name).ok()?;
    TABLE.get(found).map(|&(_, debian, fedora)| Packages { debian, fedora })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_every_entry_is_found() {
        for (name, debian, _) in TABLE {
            assert_eq!(packages(name).unwrap().debian, *debian);
        }
        assert_eq!(packages("no-such-program"), None);
    }
}

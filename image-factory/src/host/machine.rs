//! What identifies the machine itself: its SMBIOS UUID, and its serial console.

use super::invalid::{Invalid, serialize_as_text};
use std::{fmt, str::FromStr};

/// A machine's SMBIOS UUID; neither all zero nor all one, which firmware uses for "unset".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

impl FromStr for Uuid {
    type Err = Invalid;

    fn from_str(value: &str) -> Result<Self, Invalid> {
        const HELP: &str = "write it like 4c4c4544-0050-3510-8043-b4c04f4d3132";
        let bad = |problem: &str| Invalid::new("uuid", value, problem, HELP);
        let bytes = uuid_bytes(value).ok_or_else(|| bad("is no UUID"))?;
        if bytes == [0; 16] || bytes == [0xff; 16] {
            return Err(bad("is what firmware reports when it has none"));
        }
        Ok(Self(bytes))
    }
}

fn uuid_bytes(value: &str) -> Option<[u8; 16]> {
    let mut parts = value.split('-');
    let mut digits = String::with_capacity(32);
    for length in [8, 4, 4, 4, 12] {
        let part = parts.next()?;
        let good = part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit());
        good.then(|| digits.push_str(part))?;
    }
    if parts.next().is_some() {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

impl fmt::Display for Uuid {
    /// Lower case with hyphens, as iPXE's `${uuid}` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let hyphen = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{hyphen}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serialize_as_text!(Uuid);

/// A serial console: `ttyS0,115200`, 8 data bits, no parity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SerialConsole {
    port: u8,
    baud: u32,
}

/// The line speeds that UARTs offer.
const BAUDS: [u32; 7] = [9600, 19200, 38400, 57600, 115_200, 230_400, 460_800];

impl SerialConsole {
    /// The port's number: 0 for ttyS0 or COM1, at most 3.
    pub fn port(self) -> u8 {
        self.port
    }

    /// Bits per second.
    pub fn baud(self) -> u32 {
        self.baud
    }
}

impl FromStr for SerialConsole {
    type Err = Invalid;

    fn from_str(value: &str) -> Result<Self, Invalid> {
        let parse = || {
            let (port, baud) = value.strip_prefix("ttyS")?.split_once(',')?;
            let port = ["0", "1", "2", "3"].into_iter().position(|known| known == port)?;
            let baud = BAUDS.into_iter().find(|known| known.to_string() == baud)?;
            Some(Self { port: u8::try_from(port).ok()?, baud })
        };
        parse().ok_or_else(|| {
            let help = format!("write it like ttyS0,115200: ttyS0 to ttyS3, at {BAUDS:?}");
            Invalid::new("console", value, "is no serial console", help)
        })
    }
}

impl fmt::Display for SerialConsole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ttyS{},{}", self.port, self.baud)
    }
}

impl fmt::Debug for SerialConsole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serialize_as_text!(SerialConsole);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn consoles_have_a_port_and_a_speed() {
        let console: SerialConsole = "ttyS1,115200".parse().unwrap();
        assert_eq!((console.port(), console.baud()), (1, 115_200));
        for bad in
            ["ttyS0", "ttyS4,9600", "tty0,9600", "ttyS0,9601", "ttyS0,115200n8", "", "ttyS00,9600"]
        {
            assert!(bad.parse::<SerialConsole>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_uuid_that_means_unset_is_refused() {
        for bad in [
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "4c4c4544005035108043b4c04f4d3132",
            "4c4c4544-0050-3510-8043-b4c04f4d313",
            "{}",
            "4c4c4544-0050-3510-8043-b4c04f4d3132-",
        ] {
            assert!(bad.parse::<Uuid>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bytes: [u8; 16]) {
            let uuid = Uuid(bytes);
            prop_assume!(bytes != [0; 16] && bytes != [0xff; 16]);
            prop_assert_eq!(uuid.to_string().to_uppercase().parse(), Ok(uuid));
        }
    }
}

//! The names of interfaces.

use std::{fmt, str::FromStr};

/// The name that iPXE gives an interface: `net1`, or `net1-7` with a VLAN. It can hold nothing else,
/// so that it may enter a script although a machine said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NicName {
    number: u8,
    vlan: Option<u16>,
}

/// A text that is no interface's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interfaces are named net0 to net255, with -VLAN behind it where they have one")]
pub struct NoNic;

impl FromStr for NicName {
    type Err = NoNic;

    fn from_str(text: &str) -> Result<Self, NoNic> {
        let rest = text.strip_prefix("net").ok_or(NoNic)?;
        let (number, vlan) = match rest.split_once('-') {
            Some((number, vlan)) => (number, Some(vlan.parse().map_err(|_| NoNic)?)),
            None => (rest, None),
        };
        let nic = Self { number: number.parse().map_err(|_| NoNic)?, vlan };
        // A number can be written in more than one way, of which iPXE knows one.
        if nic.to_string() == text { Ok(nic) } else { Err(NoNic) }
    }
}

impl fmt::Display for NicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "net{}", self.number)?;
        self.vlan.map_or(Ok(()), |vlan| write!(f, "-{vlan}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_has_one_name_and_nothing_else_is_one() {
        for good in ["net0", "net12", "net1-4094"] {
            assert_eq!(good.parse::<NicName>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "net",
            "netX",
            "net-1",
            "net01",
            "net+1",
            "net1-",
            "net1-07",
            "net1-1-1",
            "net1 ",
            "net256",
            "eth0",
            "net1\nsh",
            "net1||",
            "${net0/mac}",
            "netnet1",
        ] {
            assert_eq!(bad.parse::<NicName>(), Err(NoNic), "{bad:?}");
        }
    }
}

//! Network identity: MAC addresses, PCI locations, VLANs, static addresses.

use super::invalid::{Invalid, serialize_as_text};
use serde::Serialize;
use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    num::NonZeroU16,
    str::FromStr,
};

/// An Ethernet address; unicast and not zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac([u8; 6]);

impl Mac {
    /// The six bytes, in the order in which they are written.
    pub fn bytes(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for Mac {
    type Err = Invalid;

    /// Reads `52:54:00:12:34:56`, `52-54-00-12-34-56`, `5254.0012.3456` or `525400123456`.
    fn from_str(value: &str) -> Result<Self, Invalid> {
        const HELP: &str = "write it like 52:54:00:12:34:56";
        let bad = |problem: &str| Invalid::new("mac", value, problem, HELP);
        let mac = mac_bytes(value).ok_or_else(|| bad("is no MAC address"))?;
        if mac == [0; 6] {
            return Err(bad("is all zero"));
        }
        if mac[0] & 1 != 0 {
            return Err(bad("is a multicast address"));
        }
        Ok(Self(mac))
    }
}

/// The six bytes of a MAC address in any of its four spellings.
fn mac_bytes(value: &str) -> Option<[u8; 6]> {
    let (every, separator) = match value.len() {
        12 => (12, b' '),
        14 => (4, b'.'),
        17 if value.as_bytes()[2] == b'-' => (2, b'-'),
        17 => (2, b':'),
        _ => return None,
    };
    let mut mac = [0; 6];
    let mut digits = 0;
    for (index, &byte) in value.as_bytes().iter().enumerate() {
        if index % (every + 1) == every {
            if byte != separator {
                return None;
            }
            continue;
        }
        let digit = char::from(byte).to_digit(16)?;
        let slot = mac.get_mut(digits / 2)?;
        *slot = *slot << 4 | u8::try_from(digit).ok()?;
        digits += 1;
    }
    (digits == 12).then_some(mac)
}

impl fmt::Display for Mac {
    /// Lower case with colons, as iPXE writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serialize_as_text!(Mac);

/// Where a PCI device sits: segment (domain), bus, device and function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusId {
    segment: u16,
    bus: u8,
    devfn: u8,
}

impl BusId {
    /// The location as one number, `segment << 16 | bus << 8 | device << 3 | function`: what
    /// iPXE's setting `busloc` holds for PCI devices.
    pub fn busdevfn(self) -> u32 {
        u32::from(self.segment) << 16 | u32::from(self.bus) << 8 | u32::from(self.devfn)
    }
}

impl FromStr for BusId {
    type Err = Invalid;

    /// Reads `00:03.0` or `0000:00:03.0`, in hexadecimal as lspci writes it.
    fn from_str(value: &str) -> Result<Self, Invalid> {
        let parse = || {
            let (front, function) = value.split_once('.')?;
            let (front, device) = front.rsplit_once(':')?;
            let (segment, bus) = front.split_once(':').unwrap_or(("0000", front));
            let (device, function) = (digits(device, 2)?, digits(function, 1)?);
            (device < 32 && function < 8).then_some(())?;
            Some(Self {
                segment: digits(segment, 4)?,
                bus: digits(bus, 2)?.try_into().ok()?,
                devfn: (device << 3 | function).try_into().ok()?,
            })
        };
        parse().ok_or_else(|| {
            let help = "write it as lspci does, like 0000:00:03.0 or 00:03.0";
            Invalid::new("bus", value, "is no PCI location", help)
        })
    }
}

/// Exactly `count` hexadecimal digits.
fn digits(value: &str, count: usize) -> Option<u16> {
    (value.len() == count && value.bytes().all(|b| b.is_ascii_hexdigit())).then_some(())?;
    u16::from_str_radix(value, 16).ok()
}

impl fmt::Display for BusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, bus, devfn } = self;
        write!(f, "{segment:04x}:{bus:02x}:{:02x}.{}", devfn >> 3, devfn & 7)
    }
}

impl fmt::Debug for BusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serialize_as_text!(BusId);

/// An IEEE 802.1Q VLAN identifier, 1 to 4094.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VlanId(NonZeroU16);

impl VlanId {
    /// The number.
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

impl FromStr for VlanId {
    type Err = Invalid;

    fn from_str(value: &str) -> Result<Self, Invalid> {
        let plain = value.bytes().all(|b| b.is_ascii_digit());
        match value.parse::<NonZeroU16>() {
            Ok(id) if plain && id.get() <= 4094 => Ok(Self(id)),
            _ => {
                let help = "use a VLAN's number, or leave it out for untagged";
                Err(Invalid::new("vlan", value, "is not in 1 to 4094", help))
            }
        }
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serialize_as_text!(VlanId);

/// A static IPv4 address with its subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct V4 {
    /// The host's address.
    pub address: Ipv4Addr,
    /// The subnet's prefix length, 1 to 32.
    pub prefix: u8,
    /// The default gateway, inside the subnet.
    pub gateway: Option<Ipv4Addr>,
}

impl V4 {
    /// The subnet's mask, such as 255.255.255.0.
    pub fn netmask(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0))
    }

    /// The subnet's first address.
    pub fn network(&self) -> Ipv4Addr {
        self.address & self.netmask()
    }

    /// The subnet's last address.
    pub fn broadcast(&self) -> Ipv4Addr {
        self.address | !self.netmask()
    }

    /// Whether `other` lies in the subnet.
    pub fn contains(&self, other: Ipv4Addr) -> bool {
        other & self.netmask() == self.network()
    }
}

impl fmt::Display for V4 {
    /// `address/prefix`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// A static IPv6 address with its subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct V6 {
    /// The host's address.
    pub address: Ipv6Addr,
    /// The subnet's prefix length, 1 to 128.
    pub prefix: u8,
    /// The default gateway: inside the subnet, or link-local.
    pub gateway: Option<Ipv6Addr>,
}

impl V6 {
    /// The subnet's first address.
    pub fn network(&self) -> Ipv6Addr {
        let host_bits = 128 - u32::from(self.prefix.min(128));
        Ipv6Addr::from_bits(self.address.to_bits() & u128::MAX.checked_shl(host_bits).unwrap_or(0))
    }

    /// Whether `other` lies in the subnet.
    pub fn contains(&self, other: Ipv6Addr) -> bool {
        Self { address: other, ..*self }.network() == self.network()
    }
}

impl fmt::Display for V6 {
    /// `address/prefix`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mac_has_four_spellings_and_one_form() {
        for text in ["52:54:00:AB:cd:56", "52-54-00-ab-cd-56", "5254.00ab.cd56", "525400abcd56"] {
            assert_eq!(text.parse::<Mac>().unwrap().to_string(), "52:54:00:ab:cd:56");
        }
        for bad in [
            "",
            "52:54:00:ab:cd",
            "52:54-00:ab:cd:56",
            "52:54:00:ab:cd:5g",
            "00:00:00:00:00:00",
            "01:00:5e:00:00:01",
            "52540:abcd56",
            "ä2:54:00:ab:cd:5",
            "+2:54:00:ab:cd:56",
        ] {
            assert!(bad.parse::<Mac>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bus_id_is_what_lspci_writes() {
        let bus: BusId = "00:03.1".parse().unwrap();
        assert_eq!((bus.to_string().as_str(), bus.busdevfn()), ("0000:00:03.1", 0x19));
        assert_eq!("0001:af:1f.7".parse::<BusId>().unwrap().busdevfn(), 0x0001_afff);
        for bad in ["", "3", "00:20.0", "00:03.8", "0:3.0", "00:03", "+0:03.0", "0000:0000:03.0"] {
            assert!(bad.parse::<BusId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn vlan_ids_have_limits() {
        assert_eq!("4094".parse::<VlanId>().unwrap().get(), 4094);
        for bad in ["0", "4095", "-1", "+1", "1.0", "", "x"] {
            assert!(bad.parse::<VlanId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn subnets_are_masked_right_up_to_their_ends() {
        let v4 = |prefix| V4 { address: Ipv4Addr::new(10, 1, 2, 3), prefix, gateway: None };
        assert_eq!(v4(24).netmask(), Ipv4Addr::new(255, 255, 255, 0));
        assert_eq!(v4(0).netmask(), Ipv4Addr::UNSPECIFIED);
        assert_eq!((v4(32).network(), v4(32).broadcast()), (v4(32).address, v4(32).address));
        assert_eq!(v4(22).broadcast(), Ipv4Addr::new(10, 1, 3, 255));
        let v6 = V6 { address: "2001:db8::5".parse().unwrap(), prefix: 64, gateway: None };
        assert!(v6.contains("2001:db8::1".parse().unwrap()));
        assert!(!v6.contains("2001:db8:0:1::1".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(mac: [u8; 6], segment: u16, bus: u8, devfn: u8, vlan in 1u16..4095) {
            let mac = Mac([mac[0] & 0xfe | 2, mac[1], mac[2], mac[3], mac[4], mac[5]]);
            prop_assert_eq!(mac.to_string().parse(), Ok(mac));
            let bus = BusId { segment, bus, devfn };
            prop_assert_eq!(bus.to_string().parse(), Ok(bus));
            prop_assert_eq!(vlan.to_string().parse::<VlanId>().unwrap().to_string(), vlan.to_string());
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in "\\PC{0,20}") {
            let _ = (text.parse::<Mac>(), text.parse::<BusId>(), text.parse::<VlanId>());
        }
    }
}

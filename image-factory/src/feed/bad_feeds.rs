//! Feeds that must be refused, each with every message that it must give.

use super::{
    Defaults,
    FeedFormat::{self, Csv, Json, Ndjson, Toml},
    parse,
};

#[test]
fn every_bad_feed_gives_exactly_its_messages() {
    for (format, feed, expected) in CASES {
        let faults = parse(feed.as_bytes(), *format, "f", &Defaults::default()).unwrap_err();
        let messages: Vec<String> = faults.as_slice().iter().map(ToString::to_string).collect();
        assert_eq!(&messages, expected, "{format} {feed:?}");
    }
}

#[rustfmt::skip]
const CASES: &[(FeedFormat, &str, &[&str])] = &[
    (Csv, "", &[
        "f:1:1: the feed holds no host; docs/feeds.md shows what a feed looks like",
    ]),
    (Csv, "name,address,server\n", &[
        "f:1:1: the feed holds no host; docs/feeds.md shows what a feed looks like",
    ]),
    (Csv, "address,server\n10.0.0.5/24,http://10.0.0.1\n", &[
        r#"f:1:1: there is no column "name"; the first line names the columns, separated by commas; see docs/feeds.md"#,
    ]),
    (Csv, "name;address;server\n", &[
        r#"f:1:1: column "name;address;server" is unknown; separate the columns by commas"#,
    ]),
    (Csv, "name,adress\n", &[
        r#"f:1:6: column "adress" is unknown; did you mean "address"? a variable of that name is written "var.adress""#,
    ]),
    (Csv, "name,MAC\n", &[
        r#"f:1:6: column "MAC" is unknown; did you mean "mac"?"#,
    ]),
    (Csv, "name,hostname\n", &[
        r#"f:1:6: column "hostname" is unknown; did you mean "name"? a variable of that name is written "var.hostname""#,
    ]),
    (Csv, "name,nic1_mac\n", &[
        r#"f:1:6: column "nic1_mac" is unknown; the first interface's columns have no prefix: write "mac""#,
    ]),
    (Csv, "name,nic17_mac\n", &[
        r#"f:1:6: column "nic17_mac" is unknown; a host has at most 16 interfaces"#,
    ]),
    (Csv, "name,nic2_adress\n", &[
        r#"f:1:6: column "nic2_adress" is unknown; did you mean "nic2_address"?"#,
    ]),
    (Csv, "name,nic2_speed\n", &[
        r#"f:1:6: column "nic2_speed" is unknown; an interface has mac, bus, vlan, address, gateway, address6, gateway6, dhcp"#,
    ]),
    (Csv, "name,mac,mac\n", &[
        r#"f:1:10: column "mac" stands twice; keep one of them"#,
    ]),
    (Csv, "name,,mac\n", &[
        "f:1:6: a column has no name; name it or take it away",
    ]),
    (Csv, "name,Rack Row\n", &[
        r#"f:1:6: column "Rack Row" contains 'R'; use a-z, 0-9, '_' and '-', first a letter"#,
    ]),
    (Csv, "name,size\n", &[
        r#"f:1:6: column "size" is unknown; did you mean "site"? a variable of that name is written "var.size""#,
    ]),
    (Csv, "name,9lives\n", &[
        r#"f:1:6: column "9lives" does not start with a letter; use a-z, 0-9, '_' and '-', first a letter"#,
    ]),
    (Csv, "name,rack.row\n", &[
        r#"f:1:6: column "rack.row" contains '.'; use a-z, 0-9, '_' and '-', first a letter"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,http://10.0.0.1\n", &[
        r#"f:2:16: host "a": the line has 4 fields, the header has 5; quote values that contain commas, and keep empty fields' commas"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,,http://10.0.0.1,extra\n", &[
        r#"f:2:33: host "a": the line has 6 fields, the header has 5; quote values that contain commas, and keep empty fields' commas"#,
    ]),
    (Csv, "name,address,server\na,\"10.0.0.5/24,http://10.0.0.1\nb,10.0.0.6/24,http://10.0.0.1\n", &[
        r#"f:2:3: host "a": the line has 2 fields, the header has 3; a field goes on in the next line: is a closing quote missing?"#,
    ]),
    (Csv, "name,mac,address,gateway,server\n,,10.0.0.5/24,,http://10.0.0.1\n", &[
        "f:2:1: the host has no name; give it one",
    ]),
    (Csv, "name,mac,address,gateway,server\nweb_01,,10.0.0.5/24,,http://10.0.0.1\n", &[
        r#"f:2:1: name "web_01" contains '_'; use letters, digits, '-' and '.'"#,
    ]),
    (Csv, "name,mac,address,gateway,server\n-web,,10.0.0.5/24,,http://10.0.0.1\n", &[
        r#"f:2:1: name "-web" has a label that starts with '-'; see RFC 1123 for what a name may be"#,
    ]),
    (Csv, "name,mac,address,gateway,server\n../../etc/passwd,,10.0.0.5/24,,http://10.0.0.1\n", &[
        r#"f:2:1: name "../../etc/passwd" contains '/'; use letters, digits, '-' and '.'"#,
    ]),
    (Csv, "name,mac,address,gateway,server\nwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww,,10.0.0.5/24,,http://10.0.0.1\n", &[
        r#"f:2:1: name "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww..." has a label of more than 63 characters; see RFC 1123 for what a name may be"#,
    ]),
    (Csv, "name,mac,address,gateway,server\n10.0.0.5,,10.0.0.5/24,,http://10.0.0.1\n", &[
        r#"f:2:1: name "10.0.0.5" looks like an address; give it a name"#,
    ]),
    (Csv, "name,mac,address,gateway,server\n\"a\nreboot\",,10.0.0.5/24,,http://10.0.0.1\n", &[
        r#"f:2:1: name "a\nreboot" contains a line break; use letters, digits, '-' and '.'"#,
    ]),
    (Csv, "name,mac,address,gateway,server\n${net0/mac},,10.0.0.5/24,,http://10.0.0.1\n", &[
        r#"f:2:1: name "${net0/mac}" contains '$'; use letters, digits, '-' and '.'"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,,http://10.0.0.1\nA,,10.0.0.6/24,,http://10.0.0.1\n", &[
        r#"f:3:1: host "a": name "a" is also that of host "a" at f:2:1; every host needs its own"#,
    ]),
    (Csv, "name,mac,address,gateway,server\nbä,,10.0.0.5/24,,http://10.0.0.1\n", &[
        r#"f:2:1: name "bä" contains 'ä'; use letters, digits, '-' and '.'"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,52:54:00:12:34,10.0.0.5/24,,http://10.0.0.1\n", &[
        r#"f:2:3: host "a": mac "52:54:00:12:34" is no MAC address; write it like 52:54:00:12:34:56"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,01:00:5e:00:00:01,10.0.0.5/24,,http://10.0.0.1\n", &[
        r#"f:2:3: host "a": mac "01:00:5e:00:00:01" is a multicast address; write it like 52:54:00:12:34:56"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,00:00:00:00:00:00,10.0.0.5/24,,http://10.0.0.1\n", &[
        r#"f:2:3: host "a": mac "00:00:00:00:00:00" is all zero; write it like 52:54:00:12:34:56"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,52:54:00:12:34:56,10.0.0.5/24,,http://10.0.0.1\nb,52-54-00-12-34-56,10.0.0.6/24,,http://10.0.0.1\n", &[
        r#"f:3:3: host "b": mac 52:54:00:12:34:56 is also that of host "a" at f:2:3; every host needs its own"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5,,http://10.0.0.1\n", &[
        r#"f:2:4: host "a": address "10.0.0.5" has no prefix length; write it like 10.0.0.5/24"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/33,,http://10.0.0.1\n", &[
        r#"f:2:4: host "a": address "10.0.0.5/33" has a prefix that is not in 1 to 32; write the prefix length after the slash, such as 24"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/0,,http://10.0.0.1\n", &[
        r#"f:2:4: host "a": address "10.0.0.5/0" has a prefix that is not in 1 to 32; write the prefix length after the slash, such as 24"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/255.0.255.0,,http://10.0.0.1\n", &[
        r#"f:2:4: host "a": address "10.0.0.5/255.0.255.0" has a prefix that is not in 1 to 32; write the prefix length after the slash, such as 24"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.256/24,,http://10.0.0.1\n", &[
        r#"f:2:4: host "a": address "10.0.0.256/24" is no IPv4 address; write it like 10.0.0.5/24"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.0/24,,http://10.0.0.1\n", &[
        r#"f:2:4: host "a": address 10.0.0.0/24 is its subnet's network address; use 10.0.0.1 to 10.0.0.254"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.255/24,,http://10.0.0.1\n", &[
        r#"f:2:4: host "a": address 10.0.0.255/24 is its subnet's broadcast address; use 10.0.0.1 to 10.0.0.254"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,127.0.0.1/8,,http://10.0.0.1\n", &[
        r#"f:2:4: host "a": address 127.0.0.1/8 is a loopback address; use a unicast address of the host's network"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,224.0.0.5/24,,http://10.0.0.1\n", &[
        r#"f:2:4: host "a": address 224.0.0.5/24 is a multicast address; use a unicast address of the host's network"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,0.0.0.0/24,,http://10.0.0.1\n", &[
        r#"f:2:4: host "a": address 0.0.0.0/24 is an unspecified address; use a unicast address of the host's network"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,240.0.0.1/24,,http://10.0.0.1\n", &[
        r#"f:2:4: host "a": address 240.0.0.1/24 is a reserved address; use a unicast address of the host's network"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,2001:db8::5/64,,http://10.0.0.1\n", &[
        r#"f:2:4: host "a": address "2001:db8::5/64" is no IPv4 address; IPv6 addresses go into address6"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,10.0.1.1,http://10.0.0.1\n", &[
        r#"f:2:16: host "a": gateway 10.0.1.1 is outside 10.0.0.5/24; use an address of 10.0.0.0/24"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,10.0.0.5,http://10.0.0.1\n", &[
        r#"f:2:16: host "a": gateway 10.0.0.5 is the host's own address; use the router's address"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,10.0.0.255,http://10.0.0.1\n", &[
        r#"f:2:16: host "a": gateway 10.0.0.255 is the broadcast address of its subnet; use 10.0.0.1 to 10.0.0.254"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,10.0.0.0,http://10.0.0.1\n", &[
        r#"f:2:16: host "a": gateway 10.0.0.0 is the network address of its subnet; use 10.0.0.1 to 10.0.0.254"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,224.0.0.1,http://10.0.0.1\n", &[
        r#"f:2:16: host "a": gateway 224.0.0.1 is a multicast address; use the router's address"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,10.0.0.1/24,http://10.0.0.1\n", &[
        r#"f:2:16: host "a": gateway "10.0.0.1/24" is no IPv4 address; write an address like 10.0.0.1, without a prefix"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,,10.0.0.1,http://10.0.0.1\n", &[
        r#"f:2:5: host "a": gateway 10.0.0.1 has no address; give the interface an address, or take the gateway away"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,,http://10.0.0.1\nb,,10.0.0.5/24,,http://10.0.0.1\n", &[
        r#"f:3:4: host "b": address 10.0.0.5 is also that of host "a" at f:2:4; every host needs its own"#,
    ]),
    (Csv, "name,address,server,gateway\na,10.0.0.1/31,http://10.0.0.1,10.0.0.3\n", &[
        r#"f:2:31: host "a": gateway 10.0.0.3 is outside 10.0.0.1/31; use an address of 10.0.0.0/31"#,
    ]),
    (Csv, "name,address,server,dhcp\na,10.0.0.5/24,http://10.0.0.1,yes\n", &[
        r#"f:2:3: host "a": the interface has dhcp and an address; take one of the two away"#,
    ]),
    (Csv, "name,address,server,dhcp\na,10.0.0.5/24,http://10.0.0.1,maybe\n", &[
        r#"f:2:31: host "a": dhcp "maybe" is neither true nor false; write true or false"#,
    ]),
    (Csv, "name,mac,server\na,52:54:00:12:34:56,http://10.0.0.1\n", &[
        r#"f:2:3: host "a": the interface has neither an address nor dhcp; give it an address or address6, or set dhcp to true"#,
    ]),
    (Csv, "name,server\na,http://10.0.0.1\n", &[
        r#"f:2:1: host "a": the host has no network interface; give it an address, or set dhcp to true"#,
    ]),
    (Csv, "name,server,dhcp\na,http://10.0.0.1,no\n", &[
        r#"f:2:19: host "a": the interface has neither an address nor dhcp; give it an address or address6, or set dhcp to true"#,
    ]),
    (Csv, "name,address6,gateway6,server\na,2001:db8::5,,http://[2001:db8::1]\n", &[
        r#"f:2:3: host "a": address6 "2001:db8::5" has no prefix length; write it like 2001:db8::5/64"#,
    ]),
    (Csv, "name,address6,gateway6,server\na,2001:db8::5/129,,http://[2001:db8::1]\n", &[
        r#"f:2:3: host "a": address6 "2001:db8::5/129" has a prefix that is not in 1 to 128; write the prefix length after the slash, such as 64"#,
    ]),
    (Csv, "name,address6,gateway6,server\na,fe80::5/64,,http://[2001:db8::1]\n", &[
        r#"f:2:3: host "a": address6 fe80::5/64 is a link-local address; use a global or unique local address of the host's network"#,
    ]),
    (Csv, "name,address6,gateway6,server\na,2001:db8::/64,,http://[2001:db8::1]\n", &[
        r#"f:2:3: host "a": address6 2001:db8::/64 is its subnet's router anycast address; use a global or unique local address of the host's network"#,
    ]),
    (Csv, "name,address6,gateway6,server\na,ff02::1/64,,http://[2001:db8::1]\n", &[
        r#"f:2:3: host "a": address6 ff02::1/64 is a multicast address; use a global or unique local address of the host's network"#,
    ]),
    (Csv, "name,address6,gateway6,server\na,::1/128,,http://[2001:db8::1]\n", &[
        r#"f:2:3: host "a": address6 ::1/128 is the loopback address; use a global or unique local address of the host's network"#,
    ]),
    (Csv, "name,address6,gateway6,server\na,::ffff:10.0.0.1/96,,http://[2001:db8::1]\n", &[
        r#"f:2:3: host "a": address6 ::ffff:10.0.0.1/96 is an IPv4 address in disguise; use a global or unique local address of the host's network"#,
    ]),
    (Csv, "name,address6,gateway6,server\na,10.0.0.5/24,,http://[2001:db8::1]\n", &[
        r#"f:2:3: host "a": address6 "10.0.0.5/24" is no IPv6 address; IPv4 addresses go into address"#,
    ]),
    (Csv, "name,address6,gateway6,server\na,2001:db8::5/64,2001:db8:1::1,http://[2001:db8::1]\n", &[
        r#"f:2:18: host "a": gateway6 2001:db8:1::1 is outside 2001:db8::5/64; use an address of 2001:db8::/64 or fe80::/10"#,
    ]),
    (Csv, "name,address6,gateway6,server\na,2001:db8::5/64,2001:db8::5,http://[2001:db8::1]\n", &[
        r#"f:2:18: host "a": gateway6 2001:db8::5 is the host's own address; use the router's address"#,
    ]),
    (Csv, "name,address6,gateway6,server\na,2001:db8::5/64,ff02::1,http://[2001:db8::1]\n", &[
        r#"f:2:18: host "a": gateway6 ff02::1 is a multicast address; use the router's address"#,
    ]),
    (Csv, "name,address6,gateway6,server\na,,fe80::1,http://[2001:db8::1]\n", &[
        r#"f:2:4: host "a": gateway6 fe80::1 has no address6; give the interface an address6, or take the gateway away"#,
    ]),
    (Csv, "name,address,server,vlan\na,10.0.0.5/24,http://10.0.0.1,0\n", &[
        r#"f:2:31: host "a": vlan "0" is not in 1 to 4094; use a VLAN's number, or leave it out for untagged"#,
    ]),
    (Csv, "name,address,server,vlan\na,10.0.0.5/24,http://10.0.0.1,4095\n", &[
        r#"f:2:31: host "a": vlan "4095" is not in 1 to 4094; use a VLAN's number, or leave it out for untagged"#,
    ]),
    (Csv, "name,address,server,vlan\na,10.0.0.5/24,http://10.0.0.1,ten\n", &[
        r#"f:2:31: host "a": vlan "ten" is not in 1 to 4094; use a VLAN's number, or leave it out for untagged"#,
    ]),
    (Csv, "name,address,server,bus\na,10.0.0.5/24,http://10.0.0.1,3\n", &[
        r#"f:2:31: host "a": bus "3" is no PCI location; write it as lspci does, like 0000:00:03.0 or 00:03.0"#,
    ]),
    (Csv, "name,address,server,console\na,10.0.0.5/24,http://10.0.0.1,ttyS0\n", &[
        r#"f:2:31: host "a": console "ttyS0" is no serial console; write it like ttyS0,115200: ttyS0 to ttyS3, at [9600, 19200, 38400, 57600, 115200, 230400, 460800]"#,
    ]),
    (Csv, "name,address,server,uuid\na,10.0.0.5/24,http://10.0.0.1,none\n", &[
        r#"f:2:31: host "a": uuid "none" is no UUID; write it like 4c4c4544-0050-3510-8043-b4c04f4d3132"#,
    ]),
    (Csv, "name,address,server,uuid\na,10.0.0.5/24,http://10.0.0.1,00000000-0000-0000-0000-000000000000\n", &[
        r#"f:2:31: host "a": uuid "00000000-0000-0000-0000-000000000000" is what firmware reports when it has none; write it like 4c4c4544-0050-3510-8043-b4c04f4d3132"#,
    ]),
    (Csv, "name,address,server,token\na,10.0.0.5/24,http://10.0.0.1,short\n", &[
        r#"f:2:31: host "a": token has 5 characters; use 16 to 128 letters, digits, '_' and '-', best of all random ones"#,
    ]),
    (Csv, "name,address,server,token\na,10.0.0.5/24,http://10.0.0.1,0123456789abcdef$\n", &[
        r#"f:2:31: host "a": token contains '$'; use 16 to 128 letters, digits, '_' and '-', best of all random ones"#,
    ]),
    (Csv, "name,address,server,profile\na,10.0.0.5/24,http://10.0.0.1,Default\n", &[
        r#"f:2:31: host "a": profile "Default" contains 'D'; use a-z, 0-9, '.', '_' and '-', first a letter or digit"#,
    ]),
    (Csv, "name,address,server,site\na,10.0.0.5/24,http://10.0.0.1,../x\n", &[
        r#"f:2:31: host "a": site "../x" contains '/'; use a-z, 0-9, '.', '_' and '-', first a letter or digit"#,
    ]),
    (Csv, "name,address,server,formats\na,10.0.0.5/24,http://10.0.0.1,iso vdi\n", &[
        r#"f:2:35: host "a": unknown format "vdi": use one of iso, usb, vhd, floppy, efi, lkrn"#,
    ]),
    (Csv, "name,address,server,formats\na,10.0.0.5/24,http://10.0.0.1,iso;usb iso\n", &[
        r#"f:2:39: host "a": format iso stands twice; keep one of them"#,
    ]),
    (Csv, "name,address,server,asset\na,10.0.0.5/24,http://10.0.0.1,a;b\n", &[
        r#"f:2:31: host "a": asset "a;b" contains ';'; use letters, digits, spaces and ._-:/@+,=()[]%!?*~^"#,
    ]),
    (Csv, "name,address,server,serial\na,10.0.0.5/24,http://10.0.0.1,${serial}\n", &[
        r#"f:2:31: host "a": serial "${serial}" contains '$'; use letters, digits, spaces and ._-:/@+,=()[]%!?*~^"#,
    ]),
    (Csv, "name,address,server,rack\na,10.0.0.5/24,http://10.0.0.1,row #7\n", &[
        r#"f:2:31: host "a": variable rack "row #7" contains '#'; use letters, digits, spaces and ._-:/@+,=()[]%!?*~^"#,
    ]),
    (Csv, "name,address,server,var.site2\na,10.0.0.5/24,http://10.0.0.1,a  b\n", &[
        r#"f:2:31: host "a": variable site2 "a  b" contains two spaces in a row; iPXE would not keep it as it is, so write it without"#,
    ]),
    (Csv, "name,address,server,rack\na,10.0.0.5/24,http://10.0.0.1,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n", &[
        r#"f:2:31: host "a": variable rack "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..." has 256 characters, more than 255; use letters, digits, spaces and ._-:/@+,=()[]%!?*~^"#,
    ]),
    (Csv, "name,address,server,dns\na,10.0.0.5/24,http://10.0.0.1,10.0.0.1 10.0.0.2;10.0.0.3 10.0.0.4\n", &[
        r#"f:2:58: host "a": dns has 4 servers, more than 3; leave the last ones out"#,
    ]),
    (Csv, "name,address,server,dns\na,10.0.0.5/24,http://10.0.0.1,ns1\n", &[
        r#"f:2:31: host "a": dns "ns1" is no IP address; write an address like 10.0.0.1 or 2001:db8::1"#,
    ]),
    (Csv, "name,address,server,dns\na,10.0.0.5/24,http://10.0.0.1,127.0.0.53\n", &[
        r#"f:2:31: host "a": dns "127.0.0.53" is a loopback address; use the server's own unicast address"#,
    ]),
    (Csv, "name,address,server,domain\na,10.0.0.5/24,http://10.0.0.1,example..net\n", &[
        r#"f:2:31: host "a": domain "example..net" has an empty label; see RFC 1123 for what a name may be"#,
    ]),
    (Csv, "name,address,server,dns\na,10.0.0.5/24,http://10.0.0.1,2001:db8::1\n", &[
        r#"f:2:31: host "a": no DNS server is in reach: the host has IPv4 addresses only; add an IPv4 DNS server"#,
    ]),
    (Csv, "name,address,server,uuid\na,10.0.0.5/24,http://10.0.0.1,4c4c4544-0050-3510-8043-b4c04f4d3132\nb,10.0.0.6/24,http://10.0.0.1,4C4C4544-0050-3510-8043-B4C04F4D3132\n", &[
        r#"f:3:31: host "b": uuid 4c4c4544-0050-3510-8043-b4c04f4d3132 is also that of host "a" at f:2:31; every host needs its own"#,
    ]),
    (Csv, "name,address,server,token\na,10.0.0.5/24,http://10.0.0.1,0123456789abcdef\nb,10.0.0.6/24,http://10.0.0.1,0123456789abcdef\n", &[
        r#"f:3:31: host "b": the token is also that of host "a" at f:2:31; every host needs its own"#,
    ]),
    (Csv, "name,address,server,serial\na,10.0.0.5/24,http://10.0.0.1,VM-1\nb,10.0.0.6/24,http://10.0.0.1,VM-1\n", &[
        r#"f:3:31: host "b": serial "VM-1" is also that of host "a" at f:2:31; every host needs its own"#,
    ]),
    (Csv, "name,address,server,mac,nic2_mac,nic2_address,nic2_vlan\na,10.0.0.5/24,http://10.0.0.1,52:54:00:00:00:01,,10.1.0.5/24,\n", &[
        r#"f:2:50: host "a": the interface has neither mac nor bus, and the host has several; say by mac or bus which one is meant"#,
    ]),
    (Csv, "name,address,server,mac,nic2_mac,nic2_address,nic2_vlan\na,10.0.0.5/24,http://10.0.0.1,52:54:00:00:00:01,52:54:00:00:00:01,10.1.0.5/24,\n", &[
        r#"f:2:49: host "a": the same interface stands twice in the host; give each its own mac or bus, or another vlan"#,
    ]),
    (Csv, "name,address,server,mac,bus,nic2_mac,nic2_bus,nic2_address,nic2_vlan\na,10.0.0.5/24,http://10.0.0.1,52:54:00:00:00:01,00:03.0,52:54:00:00:00:01,00:04.0,10.1.0.5/24,7\n", &[
        r#"f:2:57: host "a": the card 52:54:00:00:00:01 stands at the bus 0000:00:03.0 and at 0000:00:04.0; a card has one place: correct the bus or the mac"#,
    ]),
    (Csv, "name,address,server,mac,nic2_mac,nic2_address,nic2_vlan\na,10.0.0.5/24,http://10.0.0.1,52:54:00:00:00:01,52:54:00:00:00:02,10.0.0.5/24,\n", &[
        r#"f:2:67: host "a": address 10.0.0.5 is also that of host "a" at f:2:3; every host needs its own"#,
    ]),
    (Csv, "name,address,server,mac,nic2_mac,nic2_address,nic2_vlan\na,10.0.0.5/24,http://10.0.0.1,52:54:00:00:00:01,52:54:00:00:00:02,,7\n", &[
        r#"f:2:49: host "a": the interface has neither an address nor dhcp; give it an address or address6, or set dhcp to true"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,,\n", &[
        r#"f:2:1: host "a": the host has no server; set server for the host or in the defaults, or pass --server"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,,boot.example.net\n", &[
        r#"f:2:17: host "a": server "boot.example.net" has no scheme; write it like http://boot.example.net:8080 or https://[2001:db8::1]/bootmint"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,,ftp://boot\n", &[
        r#"f:2:17: host "a": server "ftp://boot" is neither http nor https; write it like http://boot.example.net:8080 or https://[2001:db8::1]/bootmint"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,,http://user:pw@boot\n", &[
        r#"f:2:17: host "a": server "http://user:pw@boot" contains '@'; write it like http://boot.example.net:8080 or https://[2001:db8::1]/bootmint"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,,http://boot:99999\n", &[
        r#"f:2:17: host "a": server "http://boot:99999" has a port that is not in 1 to 65535; write it like http://boot.example.net:8080 or https://[2001:db8::1]/bootmint"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,,http://10.0.0.1/?x\n", &[
        r#"f:2:17: host "a": server "http://10.0.0.1/?x" contains '?'; write it like http://boot.example.net:8080 or https://[2001:db8::1]/bootmint"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,,http://boot.example.net\n", &[
        r#"f:2:17: host "a": server boot.example.net is a name and the host has no DNS server; add dns, or write the server's address"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,,http://10.9.9.9\n", &[
        r#"f:2:17: host "a": server 10.9.9.9 is outside the host's subnets, without a gateway; give the host a gateway"#,
    ]),
    (Csv, "name,mac,address,gateway,server\na,,10.0.0.5/24,,http://[2001:db8::1]\n", &[
        r#"f:2:17: host "a": server 2001:db8::1 is not in reach: the host has IPv4 addresses only; add an IPv4 server, or a name"#,
    ]),
    (Csv, "\u{feff}# exported\r\nname,address,gateway,server\r\n\r\nWEB-01,10.0.0.5/24,10.0.1.1,http://10.0.0.1\r\nweb-01,10.0.0.5/24,,http://10.0.0.1 x\r\n,10.0.0.7,,\r\n", &[
        r#"f:4:20: host "web-01": gateway 10.0.1.1 is outside 10.0.0.5/24; use an address of 10.0.0.0/24"#,
        r#"f:5:1: host "web-01": name "web-01" is also that of host "web-01" at f:4:1; every host needs its own"#,
        r#"f:5:8: host "web-01": address 10.0.0.5 is also that of host "web-01" at f:4:8; every host needs its own"#,
        r#"f:5:21: host "web-01": server "http://10.0.0.1 x" contains a space; write it like http://boot.example.net:8080 or https://[2001:db8::1]/bootmint"#,
        "f:6:1: the host has no name; give it one",
        "f:6:1: the host has no server; set server for the host or in the defaults, or pass --server",
        r#"f:6:2: address "10.0.0.7" has no prefix length; write it like 10.0.0.5/24"#,
    ]),
    (Json, "", &[
        "f:1:1: JSON: EOF while parsing a value; correct the syntax here or just before",
    ]),
    (Json, "[", &[
        "f:1:1: JSON: EOF while parsing a list; correct the syntax here or just before",
    ]),
    (Json, "7", &[
        r#"f:1:1: a feed is an array or an object; write [{"name": ...}, ...] or {"defaults": {...}, "hosts": [...]}"#,
    ]),
    (Json, "[7]", &[
        "f:1:2: a host is a number; write a table",
    ]),
    (Json, r#"{"hosts": {}}"#, &[
        r#"f:1:11: hosts must be a list; write "hosts": [...]"#,
    ]),
    (Json, r#"{"defaults": {}}"#, &[
        r#"f:1:1: hosts is missing; write "hosts": [...]"#,
    ]),
    (Json, r#"{"hosts": [], "host": []}"#, &[
        r#"f:1:15: field "host" is unknown; did you mean "hosts"?"#,
    ]),
    (Json, "[]", &[
        "f:1:1: the feed holds no host; docs/feeds.md shows what a feed looks like",
    ]),
    (Json, r#"[{"name": "a", "name": "b", "address": "10.0.0.5/24", "server": "http://10.0.0.1"}]"#, &[
        r#"f:1:16: host "a": field "name" stands twice; keep one of them"#,
    ]),
    (Json, r#"[{"name": 5, "address": "10.0.0.5/24", "server": "http://10.0.0.1"}]"#, &[
        "f:1:11: name is a number; write text in quotes",
    ]),
    (Json, r#"[{"name": "a", "adress": "x", "address": "10.0.0.5/24", "server": "http://10.0.0.1"}]"#, &[
        r#"f:1:16: host "a": field "adress" is unknown; did you mean "address"?"#,
    ]),
    (Json, r#"[{"name": "a", "colour": "x", "address": "10.0.0.5/24", "server": "http://10.0.0.1"}]"#, &[
        r#"f:1:16: host "a": field "colour" is unknown; known here: name, domain, server, token, profile, site, asset, serial, uuid, console, dns, formats, mac, bus, vlan, address, gateway, address6, gateway6, dhcp, nics, vars"#,
    ]),
    (Json, r#"[{"name": "a", "gateway": "", "address": "10.0.0.5/24", "server": "http://10.0.0.1"}]"#, &[
        r#"f:1:27: host "a": gateway "" is no IPv4 address; write an address like 10.0.0.1, without a prefix"#,
    ]),
    (Json, r#"[{"name": "a", "dhcp": "yes", "server": "http://10.0.0.1"}]"#, &[
        r#"f:1:24: host "a": dhcp is text; write true or false, without quotes"#,
    ]),
    (Json, r#"[{"name": "a", "vlan": 5000, "address": "10.0.0.5/24", "server": "http://10.0.0.1"}]"#, &[
        r#"f:1:24: host "a": vlan "5000" is not in 1 to 4094; use a VLAN's number, or leave it out for untagged"#,
    ]),
    (Json, r#"[{"name": "a", "vlan": 1.5, "address": "10.0.0.5/24", "server": "http://10.0.0.1"}]"#, &[
        r#"f:1:24: host "a": vlan "1.5" is not in 1 to 4094; use a VLAN's number, or leave it out for untagged"#,
    ]),
    (Json, r#"[{"name": "a", "dns": 8, "address": "10.0.0.5/24", "server": "http://10.0.0.1"}]"#, &[
        r#"f:1:23: host "a": dns is a number; write a list of text"#,
    ]),
    (Json, r#"[{"name": "a", "formats": ["iso", 5], "address": "10.0.0.5/24", "server": "http://10.0.0.1"}]"#, &[
        r#"f:1:35: host "a": formats is a number; write text in quotes"#,
    ]),
    (Json, r#"[{"name": "a", "nics": {}, "address": "10.0.0.5/24", "server": "http://10.0.0.1"}]"#, &[
        r#"f:1:24: host "a": nics is a table; write a list of tables"#,
    ]),
    (Json, r#"[{"name": "a", "nics": [{"mac": "52:54:00:00:00:01"}], "server": "http://10.0.0.1"}]"#, &[
        r#"f:1:25: host "a": the interface has neither an address nor dhcp; give it an address or address6, or set dhcp to true"#,
    ]),
    (Json, r#"[{"name": "a", "nics": [{"ip": "x"}], "server": "http://10.0.0.1"}]"#, &[
        r#"f:1:26: host "a": field "ip" is unknown; did you mean "address"?"#,
    ]),
    (Json, r#"[{"name": "a", "nics": [{"dhcp": true}], "address": "10.0.0.5/24", "server": "http://10.0.0.1"}]"#, &[
        r#"f:1:2: host "a": the host has nics, and interface fields beside them; move mac, bus, vlan, addresses, gateways and dhcp into nics"#,
    ]),
    (Json, "[\n {\"name\": \"a\", \"vars\": {\"Mac\": \"x\", \"rack\": {}, \"row\": \"1\\n2\"}, \"address\": \"10.0.0.5/24\", \"server\": \"http://10.0.0.1\"}]", &[
        r#"f:2:25: host "a": variable "Mac" contains 'M'; use a-z, 0-9, '_' and '-', first a letter"#,
        r#"f:2:45: host "a": a variable is a table; write text, a number, true or false"#,
        r#"f:2:56: host "a": variable row "1\n2" contains a line break; use letters, digits, spaces and ._-:/@+,=()[]%!?*~^"#,
    ]),
    (Json, r#"{"defaults": {"name": "a", "address": "10.0.0.1/24", "vars": {"x": "$"}}, "hosts": [{"name": "b", "address": "10.0.0.5/24", "server": "http://10.0.0.1"}]}"#, &[
        "f:1:14: interfaces belong to one host; move them from the defaults to their hosts",
        "f:1:23: name belongs to one host; move it from the defaults to its host",
        r#"f:1:68: variable x "$" contains '$'; use letters, digits, spaces and ._-:/@+,=()[]%!?*~^"#,
    ]),
    (Json, r#"[{"name": "\ud800", "address": "10.0.0.5/24", "server": "http://10.0.0.1"}]"#, &[
        "f:1:11: name is a broken string; write text in quotes",
    ]),
    (Json, r#"[{"name": "a", "address": "10.0.0.5/24", "server": "http://10.0.0.1"},]"#, &[
        "f:1:71: JSON: expected value; correct the syntax here or just before",
    ]),
    (Json, r#"{"hosts": [{"name": "a", "address": "10.0.0.5/24", "server": "http://10.0.0.1"}], "hosts": []}"#, &[
        r#"f:1:83: field "hosts" stands twice; keep one of them"#,
    ]),
    (Ndjson, "{\"name\": \"a\", \"address\": \"10.0.0.5/24\", \"server\": \"http://10.0.0.1\"}\n\n{\"name\": \"b\", \"address\": \"10.0.0.5/24\", \"server\": \"http://10.0.0.1\"}\n", &[
        r#"f:3:26: host "b": address 10.0.0.5 is also that of host "a" at f:1:26; every host needs its own"#,
    ]),
    (Ndjson, "{\"name\": \"a\", \"address\": \"10.0.0.5/24\", \"server\": \"http://10.0.0.1\"}\n{\"name\": \n", &[
        "f:2:9: JSON: EOF while parsing a value; correct the syntax here or just before",
    ]),
    (Ndjson, "[]\n", &[
        "f:1:1: a host is a list; write a table",
    ]),
    (Toml, "", &[
        "f:1:1: the feed holds no host; docs/feeds.md shows what a feed looks like",
    ]),
    (Toml, "host = 1\n", &[
        "f:1:8: host must be a list; write [[host]]",
    ]),
    (Toml, "[host]\nname = \"a\"\n", &[
        "f:1:1: host must be a list; write [[host]]",
    ]),
    (Toml, "[[hosts]]\nname = \"a\"\n", &[
        r#"f:1:3: field "hosts" is unknown; did you mean "host"?"#,
    ]),
    (Toml, "[[host]]\nname = a\n", &[
        "f:2:8: TOML: string values must be quoted, expected literal string; correct the syntax here or just before",
    ]),
    (Toml, "[[host]]\nname = \"a\"\nname = \"b\"\n", &[
        "f:3:1: TOML: duplicate key; correct the syntax here or just before",
    ]),
    (Toml, "[[host]]\nname = \"a\"\nvlan = 0x64\naddress = \"10.0.0.5/24\"\nserver = \"http://10.0.0.1\"\n", &[
        r#"f:3:8: host "a": vlan is a number that is not decimal; write a number"#,
    ]),
    (Toml, "[[host]]\nname = \"a\"\ngatewey = \"10.0.0.1\"\naddress = \"10.0.0.5/24\"\nserver = \"http://10.0.0.1\"\n", &[
        r#"f:3:1: host "a": field "gatewey" is unknown; did you mean "gateway"?"#,
    ]),
    (Toml, "[[host]]\nname = \"a\"\nserial = 2026-01-01\naddress = \"10.0.0.5/24\"\nserver = \"http://10.0.0.1\"\n", &[
        r#"f:3:10: host "a": serial is a date; write text in quotes"#,
    ]),
    (Toml, "[defaults]\nserver = \"boot\"\n\n[[host]]\nname = \"a\"\naddress = \"10.0.0.5/24\"\n", &[
        r#"f:2:10: server "boot" has no scheme; write it like http://boot.example.net:8080 or https://[2001:db8::1]/bootmint"#,
    ]),
    (Toml, "[[host]]\nname = \"a\"\nserver = \"http://10.0.0.1\"\n[[host.nics]]\naddress = \"10.0.0.5/24\"\ngateway = \"10.0.0.255\"\n", &[
        r#"f:6:11: host "a": gateway 10.0.0.255 is the broadcast address of its subnet; use 10.0.0.1 to 10.0.0.254"#,
    ]),
    (Toml, "[[host]]\nname = \"a\"\naddress = \"10.0.0.5/24\"\nserver = \"http://10.0.0.1\"\n[host.vars]\nNet0 = 1\n", &[
        r#"f:6:1: host "a": variable "Net0" contains 'N'; use a-z, 0-9, '_' and '-', first a letter"#,
    ]),
];

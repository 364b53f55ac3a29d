//! The manifest: what a run produced, as JSON and as `SHA256SUMS`.
//!
//! It is written as the images are, one image a line, so that it takes no memory however many
//! there are, and published by rename when all of them stand. Nothing in it depends on the clock:
//! the same inputs give the same manifest.

use crate::{
    firmware::{FirmwareManifest, Provider, sha256_hex},
    format::{Format, Platform},
    host::{Addressing, Host},
    template::Template,
    ticket::{Identity, Source},
};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Write},
    net::IpAddr,
};

/// The version of the manifest's schema.
pub const SCHEMA: u32 = 1;

/// What a run produced: the content of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The run itself.
    #[serde(flatten)]
    pub head: Head,
    /// The images, sorted as they were minted.
    pub images: Vec<ImageEntry>,
}

/// What a manifest says before its images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Head {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The program and its version.
    pub tool: String,
    /// The firmware in the images.
    pub firmware: Vec<FirmwareEntry>,
    /// The templates that were stamped.
    pub templates: Vec<TemplateEntry>,
}

/// One firmware of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FirmwareEntry {
    /// The profile it was made for.
    pub profile: String,
    /// Where it came from.
    pub provider: Provider,
    /// iPXE's version.
    pub ipxe_version: String,
    /// The firmware's key.
    pub key: String,
    /// What its users must know.
    pub notes: Vec<String>,
}

impl FirmwareEntry {
    /// What a manifest says of the firmware that was taken for `profile`.
    pub fn new(firmware: &FirmwareManifest, profile: &str) -> Self {
        Self {
            profile: profile.to_owned(),
            provider: firmware.provider,
            ipxe_version: firmware.ipxe_version.clone(),
            key: firmware.key.clone(),
            notes: firmware.notes.clone(),
        }
    }
}

/// One template of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TemplateEntry {
    /// The template's key.
    pub key: String,
    /// The firmware profile.
    pub profile: String,
    /// Its format.
    pub format: Format,
    /// What it boots on.
    pub platforms: Vec<Platform>,
    /// The size of its images in bytes.
    pub size: u64,
    /// The capacity of its slots in bytes.
    pub slot_capacity: u64,
}

impl TemplateEntry {
    /// What a manifest says of a template.
    pub fn new(template: &Template, profile: &str) -> Self {
        Self {
            key: template.key().to_owned(),
            profile: profile.to_owned(),
            format: template.format(),
            platforms: template.platforms().to_vec(),
            size: template.bytes().len() as u64,
            slot_capacity: template.slots().capacity(),
        }
    }
}

/// One image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ImageEntry {
    /// Its path below the output folder, with `/`.
    pub file: String,
    /// Its format.
    pub format: Format,
    /// The key of its template.
    pub template: String,
    /// The site, where its hosts have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Where its machines find their identity; then it is for no host in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Source>,
    /// The hosts it is for: one, or those of a site.
    pub hosts: Vec<HostEntry>,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

/// One host of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HostEntry {
    /// Its name.
    pub name: String,
    /// The MAC addresses it is found by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub macs: Vec<String>,
    /// Its static addresses: of each NIC IPv4, then IPv6.
    pub addresses: Vec<IpAddr>,
    /// SHA-256 of its token in hexadecimal: a server can be told it, the token itself stays secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_sha256: Option<String>,
}

impl HostEntry {
    /// What a manifest says of a host.
    pub fn new(host: &Host) -> Self {
        Self {
            name: host.name.to_string(),
            macs: host.nics.iter().filter_map(|nic| nic.mac).map(|mac| mac.to_string()).collect(),
            addresses: host.nics.iter().flat_map(|nic| addresses(&nic.addressing)).collect(),
            token_sha256: host.token.as_ref().map(|token| sha256_hex(token.as_str().as_bytes())),
        }
    }

    /// What this host's ticket must say.
    pub fn identity(&self) -> Identity {
        let mut identity = Identity { name: self.name.clone(), ..Identity::default() };
        for address in &self.addresses {
            match address {
                IpAddr::V4(ip) => identity.v4.push(*ip),
                IpAddr::V6(ip) => identity.v6.push(*ip),
            }
        }
        identity
    }
}

fn addresses(addressing: &Addressing) -> impl Iterator<Item = IpAddr> {
    let (v4, v6) = match addressing {
        Addressing::Dhcp => (None, None),
        Addressing::Static { v4, v6 } => (*v4, *v6),
    };
    v4.map(|v4| v4.address.into()).into_iter().chain(v6.map(|v6| v6.address.into()))
}

/// Writes a manifest and its `SHA256SUMS` image by image.
#[derive(Debug)]
pub struct ManifestWriter<M: Write, S: Write> {
    manifest: M,
    sums: S,
    images: u64,
}

impl<M: Write, S: Write> ManifestWriter<M, S> {
    /// Begins a manifest.
    pub fn begin(mut manifest: M, sums: S, head: &Head) -> io::Result<Self> {
        let text = serde_json::to_string_pretty(head)?;
        let open = text.strip_suffix("\n}").unwrap_or(&text);
        write!(manifest, "{open},\n  \"images\": [")?;
        Ok(Self { manifest, sums, images: 0 })
    }

    /// Adds an image.
    pub fn image(&mut self, image: &ImageEntry) -> io::Result<()> {
        let comma = if self.images == 0 { "" } else { "," };
        self.images += 1;
        write!(self.manifest, "{comma}\n    ")?;
        serde_json::to_writer(&mut self.manifest, image)?;
        // The format of sha256sum(1): digest, blank, `*` for binary, name.
        writeln!(self.sums, "{} *{}", image.sha256, image.file)
    }

    /// Ends the manifest and gives the two outputs back.
    pub fn end(mut self) -> io::Result<(M, S)> {
        self.manifest.write_all(b"\n  ]\n}\n")?;
        self.manifest.flush()?;
        self.sums.flush()?;
        Ok((self.manifest, self.sums))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(n: u8) -> ImageEntry {
        ImageEntry {
            file: format!("berlin/web-{n}.iso"),
            format: Format::Iso,
            template: "t".into(),
            site: Some("berlin".into()),
            identity: None,
            hosts: vec![HostEntry {
                name: format!("web-{n}"),
                macs: vec![],
                addresses: vec![IpAddr::from([192, 0, 2, n]), "2001:db8::1".parse().unwrap()],
                token_sha256: None,
            }],
            size: 5,
            sha256: sha256_hex(&[n]),
        }
    }

    #[test]
    fn what_is_written_piece_by_piece_reads_as_a_whole() {
        let head =
            Head { schema: SCHEMA, tool: "bootmint".into(), firmware: vec![], templates: vec![] };
        for count in 0..3 {
            let images: Vec<_> = (0..count).map(image).collect();
            let mut writer = ManifestWriter::begin(Vec::new(), Vec::new(), &head).unwrap();
            images.iter().for_each(|image| writer.image(image).unwrap());
            let (text, sums) = writer.end().unwrap();
            let read: Manifest = serde_json::from_slice(&text).unwrap();
            assert_eq!(read, Manifest { head: head.clone(), images: images.clone() });
            assert_eq!(String::from_utf8(sums).unwrap().lines().count(), images.len());
        }
    }

    #[test]
    fn a_host_entry_knows_what_its_ticket_must_say() {
        let identity = image(7).hosts[0].identity();
        assert_eq!(identity.name, "web-7");
        assert_eq!(identity.v4, [std::net::Ipv4Addr::new(192, 0, 2, 7)]);
        assert_eq!(identity.v6.len(), 1);
    }
}

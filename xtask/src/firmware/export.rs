//! `cargo xtask firmware export`: single binaries with a ticket inside, for PXE servers and cards.

use super::FirmwareArgs;
use crate::{build_progress::BuildProgress, feed_input, ui::Ui};
use anyhow::{Context, bail};
use bootmint_drivers::PciId;
use bootmint_image_factory::{
    feed::{Defaults, FeedFormat},
    firmware::BinaryManifest,
    host::{Host, ServerUrl},
    security::Payloads,
    ticket::{self, Facts, Patience, Ticket},
};
use bootmint_ipxe_src::{
    cache::Cache,
    firmware::{self, Product},
    pin::Pins,
    profile::{self, Profile},
    source::{self, Mirrors},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a binary has inside while it is not known what it can do.
const BLANK: &str = "#!ipxe\nexit 1\n";
/// The largest option ROM that every card and BIOS takes, in bytes.
const USUAL_ROM: usize = 64 << 10;

/// Arguments of `cargo xtask firmware export`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// What to build
    #[arg(value_enum)]
    kind: Kind,
    /// The PCI id of the card that the ROM is for, such as 8086:100e
    #[arg(long, value_name = "VID:DID", required_if_eq("kind", "rom"))]
    pci: Option<PciId>,
    /// The hosts whose ticket goes inside; with several, each machine finds itself by its MAC
    #[arg(long, value_name = "FEED", required_unless_present = "script")]
    hosts: Option<String>,
    /// The feed's format, where its name does not tell
    #[arg(long, value_name = "FORMAT")]
    feed_format: Option<FeedFormat>,
    /// The server that hosts ask, where the feed names none
    #[arg(long, value_name = "URL")]
    server: Option<ServerUrl>,
    /// A script of your own instead of a ticket
    #[arg(long, value_name = "FILE", conflicts_with = "hosts")]
    script: Option<PathBuf>,
    /// Where to write it [default: its usual name, in this folder]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    feed: feed_input::Args,
    #[command(flatten)]
    firmware: FirmwareArgs,
}

/// The kinds of single binaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// undionly.kpxe: BIOS machines load it by PXE
    Undionly,
    /// snponly.efi: UEFI machines load it by PXE or HTTP
    Snponly,
    /// The BIOS option ROM of a PCI network card (--pci)
    Rom,
}

impl Args {
    fn product(&self) -> anyhow::Result<Product> {
        match (self.kind, self.pci) {
            (Kind::Rom, Some(id)) => Ok(Product::Rom(id)),
            (Kind::Rom, None) => {
                bail!("a ROM is for one card: name it by --pci, as lspci -nn does")
            }
            (_, Some(_)) => bail!("--pci goes with \"rom\" only: the others drive any card"),
            (Kind::Undionly, None) => Ok(Product::Undionly),
            (Kind::Snponly, None) => Ok(Product::Snponly),
        }
    }

    /// Refuses what a single binary cannot be.
    fn check(&self, profile: &Profile) -> anyhow::Result<()> {
        if self.firmware.is_ready_made() {
            bail!(
                "a single binary has its ticket compiled in, and ready binaries have room for \
                 none: leave --firmware prebuilt and --prebuilt away"
            );
        }
        if self.script.is_some() && profile.payloads() == Payloads::Signed {
            bail!(
                "profile {profile} boots signed payloads alone, and a script of your own would \
                 not see to it: give --hosts, whose ticket does"
            );
        }
        Ok(())
    }

    /// What goes inside, read before anything is compiled.
    fn content(&self) -> anyhow::Result<Content> {
        if let Some(path) = &self.script {
            let text = fs::read_to_string(path);
            return text
                .map(Content::Script)
                .with_context(|| format!("reading {}", path.display()));
        }
        let feed = self.hosts.as_deref().context("--hosts or --script says what goes inside")?;
        let feed = feed_input::load(feed, self.feed_format, &self.feed)?;
        let defaults = Defaults { server: self.server.clone(), ..Defaults::default() };
        let (name, mut hosts) = (feed.name.clone(), Vec::new());
        if let Err(faults) = feed.check(&defaults, &mut |host| hosts.push(host.clone())) {
            bail!("{faults}\n{name} has faults");
        }
        if hosts.is_empty() {
            bail!("{name} has no hosts");
        }
        let lost = hosts.iter().find(|host| hosts.len() > 1 && !ticket::can_be_picked(host));
        if let Some(host) = lost {
            bail!(
                "host \"{}\": one binary for several hosts cannot tell this one from the others: \
                 give it a MAC, a UUID or a serial",
                host.name
            );
        }
        Ok(Content::Hosts(hosts))
    }
}

/// What goes inside a binary.
enum Content {
    /// A script of the user's own.
    Script(String),
    /// The ticket of these hosts; at least one.
    Hosts(Vec<Host>),
}

impl Content {
    /// The text for a binary that can do what `about` says.
    fn text(self, about: &BinaryManifest, payloads: Payloads) -> anyhow::Result<String> {
        let hosts = match self {
            Self::Script(text) => return Ok(text),
            Self::Hosts(hosts) => hosts,
        };
        if let Some(missing) = hosts.iter().find_map(|host| ticket::check(host, &[about]).pop()) {
            return Err(missing.into());
        }
        let facts = Facts::of_firmware(&[&about.capabilities], payloads);
        let patience = Patience::default();
        let ticket = match hosts.as_slice() {
            [host] => Ticket::for_host(host, facts, &patience),
            hosts => Ticket::for_site(hosts, facts, &patience),
        };
        Ok(ticket.as_str().to_owned())
    }
}

/// Builds it and writes it to its file.
pub(super) fn run(cache: &Cache, args: &Args, ui: &Ui) -> anyhow::Result<()> {
    let product = args.product()?;
    let profile = profile::load(args.firmware.profile())?;
    args.check(&profile)?;
    firmware::check_product(&profile, product)?;
    let content = args.content()?;
    let pins = Pins::load(None)?;
    let pin = pins.get(profile.pin())?;
    let mut progress = BuildProgress::new(ui);
    let source = match source::locate(cache, pin) {
        Some(source) => source,
        None => source::fetch(cache, pin, &Mirrors::from_environment(), &mut progress)?,
    };
    let options = args.firmware.build_options();
    let mut build = |ticket: &str| {
        firmware::build_product(
            cache,
            &source,
            &profile,
            (product, ticket),
            &options,
            &mut progress,
        )
        .with_context(|| format!("building {product} for profile {profile}"))
    };
    let (about, _) = build(BLANK)?;
    let (about, bytes) = build(&content.text(&about, profile.payloads())?)?;
    drop(progress);
    let out = args.out.clone().unwrap_or_else(|| about.file.clone().into());
    publish(&out, &bytes)?;
    if matches!(product, Product::Rom(_)) && bytes.len() > USUAL_ROM {
        ui.warn(format_args!(
            "the ROM has {} bytes: many cards hold {USUAL_ROM} only; switch options off in the \
             profile if yours does",
            bytes.len()
        ));
    }
    ui.result(format_args!("{}: {} bytes, sha256 {}", out.display(), about.size, about.sha256));
    ui.json(&about)
}

/// Writes `bytes` to `path`, which is whole whenever it is there.
fn publish(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("writing into {}", folder.display()))?;
    std::io::Write::write_all(&mut file, bytes)
        .with_context(|| format!("writing {}", path.display()))?;
    file.persist(path).with_context(|| format!("writing {}", path.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bootmint_image_factory::{
        feed::parse,
        firmware::{Capabilities, Capability},
        format::Platform,
    };

    fn text(capabilities: Capabilities, payloads: Payloads) -> anyhow::Result<String> {
        let feed = "name,mac,address,server\na,52:54:00:00:00:01,192.0.2.1/24,http://192.0.2.2\n";
        let hosts = parse(feed.as_bytes(), FeedFormat::Csv, "t.csv", &Defaults::default())?;
        let about = BinaryManifest {
            platform: Platform::Bios,
            file: "undionly.kpxe".into(),
            size: 0,
            sha256: String::new(),
            capabilities,
            slot: None,
        };
        Content::Hosts(hosts).text(&about, payloads)
    }

    #[test]
    fn a_profile_with_signed_payloads_gets_a_ticket_that_demands_them() {
        let any = text(Capability::ALL.into(), Payloads::Any).unwrap();
        assert!(any.contains("param host") && !any.contains("imgtrust"), "{any}");
        let signed = text(Capability::ALL.into(), Payloads::Signed).unwrap();
        assert!(signed.contains("imgtrust --permanent || goto local"), "{signed}");
        assert!(!signed.contains("param host"), "{signed}");
        let error = text([Capability::Ticket].into(), Payloads::Any).unwrap_err().to_string();
        assert!(error.contains("lacks \"http\""), "{error}");
    }
}

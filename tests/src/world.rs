//! The one machine of a small world: a site that knows it, an image of its own, a network card.

use crate::{images, lab::Lab, server::Site};
use anyhow::Context;
use bootmint_image_factory::{
    firmware::Firmware,
    format::Format,
    host::Host,
    ticket::{Patience, TokenKey},
};
use std::{
    fs,
    num::NonZeroU8,
    path::{Path, PathBuf},
};
use xtask::qemu::{Board, Image, Machine, Medium, Model, Nic, UserNet, Wire};

/// The machine's name.
pub const HOST: &str = "web-01";
/// Its network card's address.
pub const MAC: &str = "52:54:00:aa:00:01";
/// This computer, as the machine sees it.
pub const HERE: &str = "192.0.2.1";

/// Imports the machine into `site`, with `server` as its server's URL and more `columns` of the
/// feed, each with its value; as a host with its token.
pub fn known(site: &Site, server: &str, columns: &[(&str, &str)]) -> anyhow::Result<Host> {
    let names: String = columns.iter().map(|(name, _)| format!(",{name}")).collect();
    let values: String = columns.iter().map(|(_, value)| format!(",{value}")).collect();
    let feed = format!(
        "name,mac,address,gateway,server{names}\n{HOST},{MAC},192.0.2.10/24,{HERE},{server}{values}\n"
    );
    site.put("hosts.csv", &feed)?;
    let path = site.folder().join("hosts.csv");
    site.command(&["hosts", "import", path.to_str().context("UTF-8")?])?;
    let key = TokenKey::new(&fs::read(site.folder().join("token.key"))?)?;
    let mut host = images::hosts(&feed)?.pop().context("the feed has a host")?;
    host.token = Some(key.token(&host.name)?);
    Ok(host)
}

/// Mints the image of `host`, which asks its server twice at most, into the lab's folder `name`.
pub fn image(lab: &Lab, name: &str, firmware: &Firmware, host: Host) -> anyhow::Result<PathBuf> {
    let patience = Patience { attempts: NonZeroU8::MIN.saturating_add(1), ..Patience::default() };
    let folder = lab.folder().join(name);
    fs::create_dir(&folder)?;
    images::mint(&folder, firmware, Format::Iso, &[host], &patience)
}

/// The network that the machine belongs to; its gateway is this computer.
pub fn network() -> UserNet {
    let (network, gateway) = ([192, 0, 2, 0].into(), [192, 0, 2, 1].into());
    UserNet { network, prefix: 24, gateway, ipv6: None }
}

/// The machine with its image always attached, and no disk.
pub fn machine(board: Board, image: &Path) -> anyhow::Result<Machine> {
    let wire = Wire::User(network());
    Ok(Machine {
        image: Some(Image { path: image.to_owned(), medium: Medium::Cd }),
        nics: vec![Nic { mac: MAC.parse()?, model: Model::Virtio, wire }],
        ..Machine::new(board)
    })
}

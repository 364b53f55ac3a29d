//! What an image would be, and what is against it, without minting it.

use super::{Die, ImageError, StampFault};
use bootmint_image_factory::{
    format::Platform,
    host::Host,
    ticket::{self, Patience, Ticket},
};
use std::sync::Arc;

/// An image that nobody asked for yet.
#[derive(Debug)]
pub struct Draft {
    /// What it would run.
    pub script: String,
    /// How many bytes it would have.
    pub size: u64,
    /// What it would boot on.
    pub platforms: Vec<Platform>,
    /// Why it cannot be minted: everything that is known without doing it.
    pub faults: Vec<ImageError>,
}

impl Draft {
    /// What [`super::Image::mint`] would make of the same.
    pub fn new(die: &Arc<Die>, host: &Host, patience: &Patience) -> Self {
        let template = die.template();
        let ticket = Ticket::for_host(host, die.facts(), patience);
        let missing = ticket::check(host, &die.binaries()).into_iter();
        let missing =
            missing.map(|missing| ImageError::Missing { host: host.name.clone(), missing });
        let unfit = template.stamp(&ticket).err();
        let unfit = unfit.map(|error| StampFault::Slot(error).of(&host.name));
        Self {
            script: ticket.as_str().to_owned(),
            size: template.bytes().len() as u64,
            platforms: template.platforms().to_vec(),
            faults: missing.chain(unfit).collect(),
        }
    }
}

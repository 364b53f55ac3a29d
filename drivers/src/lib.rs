//! Driver sets, and the catalogue of drivers that iPXE's source has.
//!
//! A driver set is a named choice of network drivers, one TOML file each in `drivers/sets/`. The
//! catalogue is read from the source tree itself, so that a set or a profile that names a driver
//! the tree lacks is refused before anything is compiled. An overlay is a driver of our own, which
//! the tree has not.

mod catalogue;
mod name;
mod overlay;
mod resolve;
mod rom;
mod set;

pub use catalogue::{Catalogue, CatalogueError, Driver, SecureBoot};
pub use name::{Choice, DriverName, InvalidId, InvalidName, PciId};
pub use overlay::{Kind, License, Overlay, OverlayError, OverlayFile};
pub use resolve::{DriverError, Resolved};
pub use rom::{Bus, Device};
pub use set::{Class, DriverSet, Selection, SetError};

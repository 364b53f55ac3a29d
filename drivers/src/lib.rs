//! Driver sets, and the catalogue of drivers that iPXE's source has.
//!
//! A driver set is a named choice of network drivers, one TOML file each in `drivers/sets/`. The
//! catalogue is read from the source tree itself, so that a set or a profile that names a driver
//! the tree lacks is refused before anything is compiled.

mod catalogue;
mod set;

pub use catalogue::{Catalogue, CatalogueError, UnknownDriver};
pub use set::{Class, DriverName, DriverSet, InvalidName, Selection, SetError};

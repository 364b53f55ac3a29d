//! What is read from the objects and binaries that the compiler and linker wrote.

use object::{
    Object as _, ObjectSection as _, ObjectSymbol as _, SymbolSection,
    read::{File, pe::PeFile64},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A file that is not what the build should have written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}; remove the build's work folder and build again", path.display())]
pub struct ElfError {
    path: PathBuf,
    reason: String,
}

impl ElfError {
    pub(super) fn new(path: &Path, reason: impl ToString) -> Self {
        Self { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// The global symbols of one object file.
#[derive(Debug, Default)]
pub(super) struct ObjectSymbols {
    /// What it defines.
    pub(super) defined: BTreeSet<String>,
    /// What it needs from elsewhere; weak needs are left out, as they pull nothing in.
    pub(super) needed: BTreeSet<String>,
}

/// Reads the symbols of the relocatable object at `path`.
pub(super) fn object_symbols(path: &Path) -> Result<ObjectSymbols, ElfError> {
    let bytes = read(path)?;
    let file = File::parse(&*bytes).map_err(|error| ElfError::new(path, error))?;
    let mut symbols = ObjectSymbols::default();
    for symbol in file.symbols().filter(object::ObjectSymbol::is_global) {
        let name = symbol.name().map_err(|error| ElfError::new(path, error))?.to_owned();
        if symbol.is_undefined() {
            if !symbol.is_weak() && !name.is_empty() {
                symbols.needed.insert(name);
            }
        } else {
            symbols.defined.insert(name);
        }
    }
    Ok(symbols)
}

/// What the linked binary has in it.
#[derive(Debug)]
pub(super) struct Linked {
    /// The names of all objects, as `obj_` symbols tell them.
    pub(super) objects: BTreeSet<String>,
    symbols: Vec<(String, u64)>,
}

/// Reads the linked ELF at `path`: the step before the final format.
pub(super) fn linked(path: &Path) -> Result<Linked, ElfError> {
    let bytes = read(path)?;
    let file = File::parse(&*bytes).map_err(|error| ElfError::new(path, error))?;
    let mut linked = Linked { objects: BTreeSet::new(), symbols: Vec::new() };
    for symbol in file.symbols().filter(|symbol| symbol.section() != SymbolSection::Undefined) {
        let name = symbol.name().map_err(|error| ElfError::new(path, error))?;
        if let Some(object) = name.strip_prefix("obj_") {
            linked.objects.insert(object.to_owned());
        }
        if name.starts_with("embedded_image_") {
            linked.symbols.push((name.to_owned(), symbol.address()));
        }
    }
    if linked.objects.is_empty() {
        return Err(ElfError::new(path, "it names none of its objects"));
    }
    Ok(linked)
}

impl Linked {
    /// The address and the length of the embedded image number `number`, counted from 1.
    pub(super) fn embedded_image(&self, number: u32) -> Option<(u64, u64)> {
        let value = |what: &str| {
            let name = format!("embedded_image_{number}_{what}");
            self.symbols.iter().find(|(symbol, _)| *symbol == name).map(|&(_, value)| value)
        };
        Some((value("data")?, value("len")?))
    }
}

/// Where the byte that is loaded at `address` (relative to the image's base) stands in the PE
/// file `bytes`, if `length` bytes from there are all in the file and in one section.
pub(super) fn pe_offset(bytes: &[u8], address: u64, length: u64) -> Option<u64> {
    let file = PeFile64::parse(bytes).ok()?;
    let base = file.relative_address_base();
    let end = address.checked_add(length)?;
    file.sections().find_map(|section| {
        let start = section.address().checked_sub(base)?;
        let (offset, size) = section.file_range()?;
        (start <= address && end <= start.checked_add(size)?)
            .then(|| offset.checked_add(address - start))?
    })
}

fn read(path: &Path) -> Result<Vec<u8>, ElfError> {
    fs::read(path).map_err(|error| ElfError::new(path, error))
}

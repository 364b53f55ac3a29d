//! Finds the sources that a slim firmware needs, by compiling from its roots outwards.
//!
//! Starting from the entry point, the configuration and the drivers, each object's undefined
//! symbols name the next sources to compile, until nothing is missing. An archive link pulls in
//! exactly the objects found this way, so that the binary is the one that a full build would
//! link, for about a quarter of the work.

use super::{
    BuildError,
    elf::{ObjectSymbols, object_symbols},
    error::io_error,
    make::Make,
    sources::{SymbolIndex, object_name},
};
use crate::progress::Progress;
use std::collections::{BTreeMap, BTreeSet};

/// The sources that a link from `roots` pulls in, all of them compiled.
pub(super) fn needed_sources(
    make: &mut Make,
    all: &[String],
    roots: impl IntoIterator<Item = String>,
    progress: &mut dyn Progress,
) -> Result<Vec<String>, BuildError> {
    let src = make.src();
    let linkable: Vec<_> = all.iter().filter(|file| !is_test(file)).cloned().collect();
    let index = SymbolIndex::read(&src, &linkable).map_err(io_error("reading sources in", &src))?;
    let mut graph = Graph::default();
    graph.wanted.extend(roots);
    loop {
        let wave: BTreeSet<String> = graph
            .wanted
            .iter()
            .flat_map(|symbol| index.candidates(symbol))
            .filter(|file| !graph.objects.contains_key(*file))
            .map(ToOwned::to_owned)
            .collect();
        if wave.is_empty() {
            return Ok(graph.live.into_iter().collect());
        }
        compile(make, graph.objects.keys().chain(&wave), &wave, progress)?;
        for file in wave {
            let symbols = object_symbols(&make.output(&format!("{}.o", object_name(&file))))?;
            graph.objects.insert(file, symbols);
        }
        graph.spread();
    }
}

fn compile<'a>(
    make: &mut Make,
    known: impl Iterator<Item = &'a String>,
    wave: &BTreeSet<String>,
    progress: &mut dyn Progress,
) -> Result<(), BuildError> {
    make.begin(&format!("compiling {} more sources", wave.len()), None, progress);
    let sources = known.map(String::as_str).collect::<Vec<_>>().join(" ");
    let goals: Vec<_> = wave.iter().map(|file| format!("{}.o", object_name(file))).collect();
    make.make(&goals, &[format!("SRCS={sources}")], progress)
}

/// iPXE's own unit tests are linked on the Linux platform only.
fn is_test(file: &str) -> bool {
    file.split('/').any(|folder| folder == "tests")
}

/// What is known of the objects so far.
#[derive(Default)]
struct Graph {
    /// Every compiled source with its object's symbols.
    objects: BTreeMap<String, ObjectSymbols>,
    /// The sources whose objects the link pulls in.
    live: BTreeSet<String>,
    /// Every symbol that a live object or a root needs.
    wanted: BTreeSet<String>,
}

impl Graph {
    /// Makes every object live that defines something wanted, until nothing changes.
    fn spread(&mut self) {
        loop {
            let reached: Vec<_> = self
                .objects
                .iter()
                .filter(|(file, symbols)| {
                    !self.live.contains(*file) && !symbols.defined.is_disjoint(&self.wanted)
                })
                .map(|(file, symbols)| (file.clone(), symbols.needed.clone()))
                .collect();
            if reached.is_empty() {
                return;
            }
            for (file, needed) in reached {
                self.live.insert(file);
                self.wanted.extend(needed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn only_what_is_reached_becomes_live() {
        let mut graph = Graph { wanted: names(&["start"]), ..Graph::default() };
        for (file, defined, needed) in [
            ("a.c", "start", "middle"),
            ("b.c", "middle", "end"),
            ("c.c", "stray", "more"),
            ("d.c", "end", "start"),
        ] {
            let symbols = ObjectSymbols { defined: names(&[defined]), needed: names(&[needed]) };
            graph.objects.insert(file.to_owned(), symbols);
        }
        graph.spread();
        assert_eq!(graph.live, names(&["a.c", "b.c", "d.c"]));
        assert_eq!(graph.wanted, names(&["start", "middle", "end"]));
    }

    #[test]
    fn unit_tests_are_left_out() {
        assert!(is_test("tests/list_test.c") && is_test("arch/i386/tests/x.c"));
        assert!(!is_test("net/tests.c"));
    }
}

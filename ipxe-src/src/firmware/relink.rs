//! Relinking: another embedded script, without reading the makefiles and packing the library anew.
//!
//! After a build, make is asked, without running anything, what it would do if only the object of
//! the embedded images were missing. Its answer is kept in the work tree and replayed when nothing
//! but the scripts has changed. The one step that is done in another way is the library: its one
//! object is exchanged instead of packing all of them again, which yields the same bytes.

use super::{BuildError, error::io_error, make::Make};
use crate::progress::Progress;
use serde::{Deserialize, Serialize};
use std::{fs, path::PathBuf};

/// The object of the embedded images.
const EMBEDDED: &str = "embedded.o";

/// How to link with another script: what make would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Relink {
    /// What the objects were compiled with besides what names the tree: the variables that name
    /// scripts and trust roots, and the texts of out-of-tree drivers. With others make has more
    /// to do.
    inputs: Vec<String>,
    /// What a shell is to run in the tree, in this order.
    commands: Vec<String>,
}

impl Relink {
    /// How to relink what `make` has built with `inputs`, where that was recorded.
    pub(super) fn find(make: &Make, inputs: &[String]) -> Option<Self> {
        let text = fs::read(record(make)).ok()?;
        let found: Self = serde_json::from_slice(&text).ok()?;
        (found.inputs == inputs).then_some(found)
    }

    /// Forgets how to relink, before make changes what that relies on.
    pub(super) fn forget(make: &Make) -> Result<(), BuildError> {
        let path = record(make);
        if path.exists() {
            fs::remove_file(&path).map_err(io_error("removing", &path))?;
        }
        Ok(())
    }

    /// Records how to relink `goal`, which `make` has just built of `inputs`, called with
    /// `variables`.
    pub(super) fn record(
        make: &Make,
        goal: &str,
        inputs: Vec<String>,
        variables: &[String],
        progress: &mut dyn Progress,
    ) -> Result<(), BuildError> {
        let (object, kept) = (make.output(EMBEDDED), make.output("embedded.kept"));
        fs::rename(&object, &kept).map_err(io_error("moving away", &object))?;
        let plan = make.plan(goal, variables);
        fs::rename(&kept, &object).map_err(io_error("moving back", &object))?;
        let Some(commands) = commands(&plan?, make.bin()) else {
            // Nothing is wrong with the binary: the next script takes make's own, longer way.
            progress.step("make's plan for another script is unusual: make itself will follow it");
            return Ok(());
        };
        let relink = Self { inputs, commands };
        let (path, fresh) = (record(make), record(make).with_extension("new"));
        let text = serde_json::to_vec_pretty(&relink).unwrap_or_default(); // strings always serialise
        fs::write(&fresh, text).map_err(io_error("writing", &fresh))?;
        fs::rename(&fresh, &path).map_err(io_error("writing", &path))
    }

    /// Compiles the embedded images anew and links.
    pub(super) fn run(&self, make: &mut Make) -> Result<(), BuildError> {
        make.shell(&self.commands)
    }
}

fn record(make: &Make) -> PathBuf {
    make.src().join("bootmint/relink.json")
}

/// The commands of `plan`, make's dry run in which only the embedded images were missing; nothing
/// if it is not the plan that is expected.
fn commands(plan: &str, bin: &str) -> Option<Vec<String>> {
    let library = format!("{bin}/blib.a");
    let mut commands = Vec::new();
    let mut packed = Packing::default();
    for line in plan.replace("\\\n", " ").lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["echo", "\"", "[BUILD]", object] => {
                // Another object would have to be compiled: the tree is not as make left it.
                (object.trim_end_matches('"') == format!("{bin}/{EMBEDDED}")).then_some(())?;
            }
            ["echo", ..] => {}
            ["rm", "-f", file] if *file == library => {}
            [ar, "rcD", file, ..] if *file == library => packed.ar = Some((*ar).to_owned()),
            [objcopy, "--enable-deterministic-archives", prefix, file] if *file == library => {
                packed.objcopy = Some(format!("{objcopy} {prefix}"));
            }
            [_, "-D", file] if *file == library => commands.push(packed.exchange(bin)?),
            _ => commands.push(line.to_owned()),
        }
    }
    let compiles = commands.first()?.ends_with(&format!("-o {bin}/{EMBEDDED}"));
    let exchanges = commands.get(1) == Some(&packed.exchange(bin)?);
    let links = commands.iter().any(|command| command.contains(" _build_id=\"$(cat "));
    (compiles && exchanges && links).then_some(commands)
}

/// How make packs the library.
#[derive(Default)]
struct Packing {
    ar: Option<String>,
    objcopy: Option<String>,
}

impl Packing {
    /// The command that exchanges the one object in the library.
    fn exchange(&self, bin: &str) -> Option<String> {
        let (ar, objcopy) = (self.ar.as_ref()?, self.objcopy.as_ref()?);
        let fresh = format!("{bin}/bootmint");
        Some(format!(
            "mkdir -p {fresh} && cp {bin}/{EMBEDDED} {fresh}/{EMBEDDED} && \
             {objcopy} {fresh}/{EMBEDDED} && {ar} rD {bin}/blib.a {fresh}/{EMBEDDED}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "echo \"  [BUILD] bin/embedded.o\"\n\
        env CCACHE_DISABLE=1 gcc -c image/embedded.c -o bin/embedded.o\n\
        rm -f bin/blib.a\necho \"  [AR] bin/blib.a\"\nx-ar rcD bin/blib.a bin/a.o bin/embedded.o\n\
        x-objcopy --enable-deterministic-archives \\\n\t--prefix-symbols= bin/blib.a\n\
        x-ranlib -D bin/blib.a\necho \"  [LD] bin/x.tmp\"\n\
        ld -u a \\\n\t--defsym _build_id=\"$(cat bin/blib.a | cksum)\" -o bin/x.tmp\n\
        ./zbin bin/x.tmp > bin/x\n";

    #[test]
    fn the_plan_keeps_everything_but_the_packing() {
        let found = commands(PLAN, "bin").unwrap();
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].starts_with("env CCACHE_DISABLE=1 gcc"));
        assert!(found[1].ends_with(
            "x-objcopy --prefix-symbols= bin/bootmint/embedded.o && \
             x-ar rD bin/blib.a bin/bootmint/embedded.o"
        ));
        assert!(found[2].starts_with("ld -u a") && found[2].contains("cksum"));
        assert_eq!(found[3], "./zbin bin/x.tmp > bin/x");
    }

    #[test]
    fn another_plan_is_not_followed() {
        for (part, other) in [
            ("[BUILD] bin/embedded.o", "[BUILD] bin/tcp.o"),
            ("x-ar rcD", "x-ar q"),
            ("x-ranlib -D", "x-ranlib"),
            ("_build_id=\"$(cat bin/blib.a | cksum)\"", "_build_id=7"),
            ("-o bin/embedded.o", "-o bin/tcp.o"),
        ] {
            assert!(PLAN.contains(part));
            assert_eq!(commands(&PLAN.replace(part, other), "bin"), None, "{other}");
        }
        assert_eq!(commands("", "bin"), None);
    }
}

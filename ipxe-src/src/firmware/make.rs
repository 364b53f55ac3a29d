//! Runs iPXE's makefiles: arguments, steps, log, errors.

use super::{BuildError, error::io_error, toolchain::Toolchain, worktree::WorkTree};
use crate::{
    progress::Progress,
    run::{Invocation, RunError, Said},
};
use bootmint_drivers::Overlay;
use bootmint_image_factory::format::Platform;
use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::PathBuf,
};

/// Variables that iPXE's makefiles would take from the environment.
const FOREIGN: &str = "ASFLAGS ASSERT BIN C CERT CFLAGS CONFIG CROSS DEBUG EMBED EMBEDDED_IMAGE \
                       EXTRA_CFLAGS FNREC KEY MAKEFLAGS MAKELEVEL MFLAGS NO_WERROR PRIVKEY PROFILE \
                       SRCS TRUST";
/// Makes a dry run show the command that finds the build id, instead of the id of now.
const BUILD_ID: &str = r#"BUILD_ID_CMD=echo '"$$(cat $^ | cksum | cut -d" " -f1)"'"#;
/// How many lines of a failed build are shown.
const SHOWN: usize = 12;

/// What a build is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Any machine that does not ask for signatures.
    Plain,
    /// To be signed for Secure Boot: of permitted sources alone.
    Signed,
}

/// The build folder's name for a platform.
pub(super) const fn bin(platform: Platform, purpose: Purpose) -> &'static str {
    match (platform, purpose) {
        (Platform::Bios, _) => "bin",
        (Platform::EfiX64, Purpose::Plain) => "bin-x86_64-efi",
        (Platform::EfiX64, Purpose::Signed) => "bin-x86_64-efi-sb",
        (Platform::EfiArm64, Purpose::Plain) => "bin-arm64-efi",
        (Platform::EfiArm64, Purpose::Signed) => "bin-arm64-efi-sb",
    }
}

/// The file name extension of a platform's binary.
pub(super) const fn extension(platform: Platform) -> &'static str {
    match platform {
        Platform::Bios => "lkrn",
        Platform::EfiX64 | Platform::EfiArm64 => "efi",
    }
}

/// What stays the same over all calls of make for one platform.
pub(super) struct Make {
    platform: Platform,
    bin: &'static str,
    tree: WorkTree,
    variables: Vec<String>,
    /// What the makefiles add to lists of their own.
    additions: Vec<(&'static str, String)>,
    epoch: u64,
    jobs: usize,
    log: File,
    done: u64,
    total: Option<u64>,
}

impl Make {
    /// Make in `tree`, with the compiler of `toolchain`; starts a new log.
    pub(super) fn new(
        (platform, purpose): (Platform, Purpose),
        tree: WorkTree,
        toolchain: &Toolchain,
        commit: &str,
        epoch: u64,
        jobs: usize,
    ) -> Result<Self, BuildError> {
        let log = File::create(tree.log()).map_err(io_error("writing", &tree.log()))?;
        let src = std::path::absolute(tree.src()).map_err(io_error("finding", &tree.src()))?;
        let mut variables = toolchain.make_variables().to_vec();
        variables.push(format!("GITVERSION={commit}"));
        // The folder's path must not get into the objects: build ids are digests of them.
        variables.push(format!("EXTRA_CFLAGS=-ffile-prefix-map={}=.", src.display()));
        let (bin, additions) = (bin(platform, purpose), Vec::new());
        Ok(Self {
            platform,
            bin,
            tree,
            variables,
            additions,
            epoch,
            jobs,
            log,
            done: 0,
            total: None,
        })
    }

    /// Adds out-of-tree drivers to the sources, and their objects to what a binary with all
    /// drivers links. The environment adds to a list of the makefiles, an argument replaces it.
    #[must_use]
    pub(super) fn with_overlays(mut self, overlays: &[Overlay]) -> Self {
        let join = |words: Vec<String>| words.join(" ");
        if !overlays.is_empty() {
            let sources = overlays.iter().flat_map(Overlay::sources).collect();
            let objects = overlays.iter().flat_map(Overlay::objects).map(str::to_owned).collect();
            self.additions = vec![("SRCS", join(sources)), ("DRIVERS_ipxe", join(objects))];
        }
        self
    }

    /// Says what comes next, and how many steps it takes where that is known.
    pub(super) fn begin(&mut self, what: &str, total: Option<u64>, progress: &mut dyn Progress) {
        progress.step(&format!("{}: {what}", self.platform));
        self.total = total.map(|total| total.saturating_add(self.done));
    }

    /// A file in the build folder.
    pub(super) fn output(&self, name: &str) -> PathBuf {
        self.tree.src().join(self.bin).join(name)
    }

    /// The folder that make runs in.
    pub(super) fn src(&self) -> PathBuf {
        self.tree.src()
    }

    /// The name of the build folder.
    pub(super) fn bin(&self) -> &'static str {
        self.bin
    }

    /// The commands that make would run now for `goal`, with further `variables`.
    pub(super) fn plan(&self, goal: &str, variables: &[String]) -> Result<String, BuildError> {
        let output = self
            .invocation()
            .args(["-n", "Q=", "QM=@", BUILD_ID])
            .args(variables)
            .arg(format!("{}/{goal}", self.bin))
            .capture(&mut |_| ())?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    /// Runs `commands` in a shell, one after the other, up to the first that fails.
    pub(super) fn shell(&mut self, commands: &[String]) -> Result<(), BuildError> {
        let shell = self.program("sh").arg("-ec").arg(commands.join("\n"));
        self.run(&shell, &mut ())
    }

    /// The C and assembler sources that the makefiles would compile for the platform.
    pub(super) fn sources(&self) -> Result<Vec<String>, BuildError> {
        // Without NEED_DEPS make does not read the dependencies of all sources first.
        let bin = format!("BIN={}", self.bin);
        let output =
            self.invocation().args([&bin, "NEED_DEPS=", "autosrcs"]).capture(&mut |_| ())?;
        let text = String::from_utf8_lossy(&output);
        Ok(text.split_whitespace().map(ToOwned::to_owned).collect())
    }

    /// Makes `goals`, files in the build folder, with further `variables`.
    pub(super) fn make(
        &mut self,
        goals: &[String],
        variables: &[String],
        progress: &mut dyn Progress,
    ) -> Result<(), BuildError> {
        let folder = self.bin;
        let invocation = self
            .invocation()
            .arg(format!("-j{}", self.jobs))
            .args(variables)
            .args(goals.iter().map(|goal| format!("{folder}/{goal}")));
        self.run(&invocation, progress)
    }

    fn run(
        &mut self,
        invocation: &Invocation,
        progress: &mut dyn Progress,
    ) -> Result<(), BuildError> {
        let mut errors = Errors::default();
        let (log, done, total) = (&mut self.log, &mut self.done, self.total);
        let result = invocation.stream(&mut |said| {
            progress.said(said);
            let (Said::Command(line) | Said::Line(line)) = said;
            let _ = writeln!(log, "{line}"); // a full disk shows up in make itself
            match step(line) {
                Some(target) => {
                    *done += 1;
                    progress.made(*done, total, target);
                }
                None if said == Said::Line(line) => errors.push(line),
                None => {}
            }
        });
        match result {
            Ok(()) => Ok(()),
            Err(RunError::Failed { .. }) => Err(BuildError::Make {
                platform: self.platform,
                errors: errors.text(),
                log: self.tree.log(),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes every file of the build folder that holds the client's private key; the next build
    /// makes them again.
    pub(super) fn forget_key(&self, stem: &str) -> Result<(), BuildError> {
        let folder = self.tree.src().join(self.bin);
        let list = || fs::read_dir(&folder)?.collect::<io::Result<Vec<_>>>();
        for entry in list().map_err(io_error("listing", &folder))? {
            let name = entry.file_name().to_string_lossy().into_owned();
            let holds = name.starts_with(".private_key.")
                || name.starts_with("privkey.")
                || name.starts_with("blib.")
                || name.starts_with(&format!("{stem}."));
            if holds && entry.path().is_file() {
                fs::remove_file(entry.path()).map_err(io_error("removing", &entry.path()))?;
            }
        }
        Ok(())
    }

    fn invocation(&self) -> Invocation {
        let make = self.program("make");
        self.additions
            .iter()
            .fold(make, |make, (name, value)| make.env(name, value))
            .arg("--no-print-directory")
            .args(&self.variables)
    }

    /// `program` in the tree, with the environment of a build.
    fn program(&self, program: &str) -> Invocation {
        let program = Invocation::new(program).folder(&self.tree.src());
        FOREIGN
            .split_whitespace()
            .fold(program, |program, name| program.env_remove(name))
            .env("LC_ALL", "C")
            .env("SOURCE_DATE_EPOCH", self.epoch.to_string())
    }
}

/// The target of a line such as `  [BUILD] bin/tcp.o`, without its folder.
fn step(line: &str) -> Option<&str> {
    let (tag, target) = line.strip_prefix("  [")?.split_once(']')?;
    let target = target.trim();
    let name = target.rsplit('/').next().unwrap_or(target);
    Some(if name.is_empty() { tag } else { name })
}

/// The lines of a build's output that say what went wrong.
#[derive(Default)]
struct Errors {
    telling: Vec<String>,
    last: Vec<String>,
}

impl Errors {
    fn push(&mut self, line: &str) {
        let telling = [": error:", "fatal error:", "undefined reference", "No rule", "cannot find"];
        let list = if telling.iter().any(|mark| line.contains(mark)) {
            &mut self.telling
        } else {
            &mut self.last
        };
        list.push(line.to_owned());
        if list.len() > SHOWN {
            list.remove(0);
        }
    }

    fn text(&self) -> String {
        let lines = if self.telling.is_empty() { &self.last } else { &self.telling };
        lines.iter().map(|line| format!("    {}", line.trim_end())).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_from_other_lines() {
        assert_eq!(step("  [BUILD] bin-x86_64-efi/tcp.o"), Some("tcp.o"));
        assert_eq!(step("  [PARSEROM]"), Some("PARSEROM"));
        assert_eq!(step("tcp.c:3: error: [x]"), None);
    }

    #[test]
    fn errors_are_preferred_to_other_lines() {
        let mut errors = Errors::default();
        (0..40).for_each(|n| errors.push(&format!("note {n}")));
        assert!(errors.text().starts_with("    note 28\n") && errors.text().ends_with("note 39"));
        errors.push("net/tcp.c:3:1: error: unknown type");
        errors.push("make: *** [Makefile:1: bin/tcp.o] Error 1");
        assert_eq!(errors.text(), "    net/tcp.c:3:1: error: unknown type");
    }
}

//! iPXE's own `make` in a plain copy of its source, as its documentation tells to call it.

use super::firmware::Cost;
use anyhow::Context;
use std::{
    fs,
    path::{Path, PathBuf},
};
use xshell::{Shell, cmd};

/// A copy of the source, and how to call make in it.
pub(super) struct Upstream {
    src: PathBuf,
    jobs: usize,
}

impl Upstream {
    /// Copies the source tree at `source` into `folder`; binaries are to embed `script`.
    pub(super) fn new(
        source: &Path,
        folder: &Path,
        jobs: usize,
        script: &str,
    ) -> anyhow::Result<Self> {
        let (shell, from, to) = (Shell::new()?, source.join("src"), folder.join("src"));
        cmd!(shell, "cp -r {from} {to}").quiet().run()?;
        let upstream = Self { src: to, jobs };
        upstream.script(script)?;
        Ok(upstream)
    }

    /// Changes the script.
    pub(super) fn script(&self, script: &str) -> anyhow::Result<()> {
        let path = self.src.join("bench.ipxe");
        fs::write(&path, script).with_context(|| format!("writing {}", path.display()))
    }

    /// Makes `goal`.
    pub(super) fn make(&self, goal: &str) -> anyhow::Result<Cost> {
        let shell = Shell::new()?;
        shell.change_dir(&self.src);
        let jobs = format!("-j{}", self.jobs);
        let run = cmd!(shell, "make {jobs} EMBED=bench.ipxe {goal}");
        let ((), cost) = Cost::of(|| Ok(run.quiet().ignore_stdout().ignore_stderr().run()?))?;
        Ok(cost)
    }
}

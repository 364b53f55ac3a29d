//! The compiler and the other programs that a build needs.

use crate::run::{Invocation, Packages, RunError, packages};
use bootmint_image_factory::format::Platform;
use std::{fmt, path::PathBuf};

/// The programs that every build needs besides the compilers.
const PROGRAMS: [&str; 3] = ["make", "perl", "awk"];
/// The programs of binutils, which take the compiler's prefix.
const BINUTILS: [&str; 4] = ["as", "ld", "ar", "objcopy"];

/// What is not installed, all of it at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingTools {
    missing: Vec<(String, Option<Packages>)>,
}

impl std::error::Error for MissingTools {}

impl fmt::Display for MissingTools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("to compile firmware, install what is missing:")?;
        for (name, packages) in &self.missing {
            match packages {
                Some(packages) => write!(f, "\n    {name}: {packages}")?,
                None => write!(f, "\n    {name}: a program of that name on the PATH")?,
            }
        }
        Ok(())
    }
}

impl MissingTools {
    /// All that is missing in any of `several`.
    pub(super) fn merge(several: Vec<Self>) -> Option<Self> {
        let mut missing: Vec<_> = several.into_iter().flat_map(|one| one.missing).collect();
        missing.sort_by(|a, b| a.0.cmp(&b.0));
        missing.dedup();
        (!missing.is_empty()).then_some(Self { missing })
    }

    fn of(names: impl IntoIterator<Item = String>) -> Result<(), Self> {
        let mut missing: Vec<_> = names
            .into_iter()
            .map(|name| {
                // A cross binutils comes with the compiler of the same prefix.
                let cross = name.rsplit_once('-').map(|(prefix, _)| format!("{prefix}-gcc"));
                let found = packages(&name).or_else(|| packages(&cross?));
                (name, found)
            })
            .collect();
        missing.sort_by(|a, b| a.0.cmp(&b.0));
        missing.dedup();
        if missing.is_empty() { Ok(()) } else { Err(Self { missing }) }
    }
}

/// The compiler and binutils for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Toolchain {
    cc: PathBuf,
    prefix: String,
    host_cc: PathBuf,
    /// The compiler as it names itself, such as `gcc (Debian 12.2.0-14) 12.2.0`.
    pub(super) compiler: String,
    /// The linker as it names itself.
    pub(super) linker: String,
}

impl Toolchain {
    /// Finds the compiler for `platform`, the way build scripts do: `CC_<target>`, `CC`, and the
    /// usual names of cross compilers are looked at.
    pub(super) fn find(platform: Platform) -> Result<Self, MissingTools> {
        let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let target = match platform {
            Platform::Bios | Platform::EfiX64 => "x86_64-unknown-linux-gnu",
            Platform::EfiArm64 => "aarch64-unknown-linux-gnu",
        };
        let fallback = match platform {
            _ if target == host => "gcc",
            Platform::Bios | Platform::EfiX64 => "x86_64-linux-gnu-gcc",
            Platform::EfiArm64 => "aarch64-linux-gnu-gcc",
        };
        let cc = compiler(target, &host).unwrap_or_else(|| PathBuf::from(fallback));
        let host_cc = compiler(&host, &host).unwrap_or_else(|| PathBuf::from("gcc"));
        let name = cc.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Binutils stand beside their compiler under the same prefix; the native ones have none.
        let prefix = match name.rsplit_once('-') {
            Some((prefix, "gcc" | "cc" | "clang")) => {
                cc.with_file_name(format!("{prefix}-")).to_string_lossy().into_owned()
            }
            _ if target == host => String::new(),
            _ => fallback.trim_end_matches("gcc").to_owned(),
        };
        let linker = format!("{prefix}ld");
        let version = |program: &str| first_line(program).map_err(|_| program.to_owned());
        match (version(&cc.to_string_lossy()), version(&linker)) {
            (Ok(compiler), Ok(linker)) => Ok(Self { cc, prefix, host_cc, compiler, linker }),
            (compiler, linker) => Err(MissingTools {
                missing: [compiler.err(), linker.err()]
                    .into_iter()
                    .flatten()
                    .map(|name| {
                        let cross = format!("{}gcc", name.trim_end_matches("ld"));
                        let found = packages(&name).or_else(|| packages(&cross));
                        (name, found)
                    })
                    .collect(),
            }),
        }
    }

    /// Checks that everything else a build needs is installed, and names all that is not.
    pub(super) fn check(&self, helpers: &[&str]) -> Result<(), MissingTools> {
        let binutils = BINUTILS.iter().map(|name| format!("{}{name}", self.prefix));
        let host = self.host_cc.to_string_lossy().into_owned();
        let programs = PROGRAMS.iter().map(ToString::to_string).chain(binutils).chain([host]);
        let helpers = helpers.iter().map(ToString::to_string);
        let absent = |name: &String| !Invocation::new(name).program_exists();
        let mut missing: Vec<_> = programs.chain(helpers).filter(absent).collect();
        if missing.is_empty() && !self.has_lzma_header() {
            missing.push("lzma.h".to_owned());
        }
        MissingTools::of(missing)
    }

    fn has_lzma_header(&self) -> bool {
        Invocation::new(&self.host_cc)
            .args(["-x", "c", "-fsyntax-only", "-include", "lzma.h", "/dev/null"])
            .capture(&mut |_| ())
            .is_ok()
    }

    /// The variables that tell iPXE's makefiles which programs to use.
    pub(super) fn make_variables(&self) -> [String; 3] {
        [
            format!("CC={}", self.cc.display()),
            format!("CROSS_COMPILE={}", self.prefix),
            format!("HOST_CC={}", self.host_cc.display()),
        ]
    }
}

fn compiler(target: &str, host: &str) -> Option<PathBuf> {
    let mut build = cc::Build::new();
    build.cargo_metadata(false).cargo_warnings(false).opt_level(0).debug(false);
    let tool = build.target(target).host(host).try_get_compiler().ok()?;
    Some(tool.path().to_owned())
}

fn first_line(program: &str) -> Result<String, RunError> {
    let output =
        Invocation::new(program).arg("--version").env("LC_ALL", "C").capture(&mut |_| ())?;
    let text = String::from_utf8_lossy(&output);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_missing_tools_are_named_with_their_packages() {
        let names = ["make", "aarch64-linux-gnu-objcopy", "no-such-tool"].map(str::to_owned);
        let text = MissingTools::of(names).unwrap_err().to_string();
        assert!(text.contains("apt-get install make"), "{text}");
        assert!(text.contains("aarch64-linux-gnu-objcopy: gcc-aarch64-linux-gnu"), "{text}");
        assert!(text.contains("no-such-tool: a program"), "{text}");
        assert_eq!(MissingTools::of([]), Ok(()));
    }
}

//! The package `ipxe` of Debian or Ubuntu, through an apt of our own.
//!
//! The system's apt is not touched: a private configuration has its own sources, lists, cache and
//! state in a stage folder. Archive, keys, passwords and proxies are those the machine is set up
//! with. The configured release is asked first; where its package is too old, newer suites of the
//! same archive are.

use super::{NOT_COMPILED, PrebuiltError, folder::Found, sources, sources::Source, why_unfit};
use crate::{
    progress::Progress,
    run::{Invocation, RunError},
};
use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
};

/// The largest file of apt's configuration that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Which release of which distribution this machine runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    /// The code name of the archive's suite, such as `bookworm`.
    pub(super) codename: String,
    family: Family,
    root: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Debian,
    Ubuntu,
}

impl Family {
    const fn name(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Ubuntu => "ubuntu",
        }
    }

    /// Names of the archive for newer releases, the most settled first.
    const fn newer(self) -> &'static [&'static str] {
        match self {
            Self::Debian => &["stable", "testing", "unstable"],
            Self::Ubuntu => &["devel"],
        }
    }

    /// The components that `ipxe` may be in.
    const fn components(self) -> &'static [&'static str] {
        match self {
            Self::Debian => &["main"],
            Self::Ubuntu => &["main", "universe"],
        }
    }
}

impl Release {
    /// The release installed below `root`.
    pub(super) fn read(root: &Path) -> Result<Self, PrebuiltError> {
        let path = root.join("etc/os-release");
        let text = read(&path)?;
        let field = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.trim_matches(['"', '\'']).to_owned())
        };
        let ubuntu = field("UBUNTU_CODENAME");
        let is_ubuntu = ubuntu.is_some() || field("ID").is_some_and(|id| id == "ubuntu");
        let family = if is_ubuntu { Family::Ubuntu } else { Family::Debian };
        // Derivatives have code names of their own, and say which release they are built on.
        let codename = ubuntu
            .or_else(|| field("DEBIAN_CODENAME"))
            .or_else(|| field("VERSION_CODENAME"))
            .filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unstable".to_owned());
        Ok(Self { codename, family, root: root.to_owned() })
    }

    /// The distribution and its release.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.family.name(), self.codename)
    }

    /// The configured source that has the release itself, not its updates.
    fn source(&self) -> Result<Source, PrebuiltError> {
        let etc = self.root.join("etc/apt");
        let mut found = Vec::new();
        let list = etc.join("sources.list");
        if list.is_file() {
            found.extend(sources::parse_list(&read(&list)?));
        }
        for path in entries(&etc.join("sources.list.d"))? {
            match path.extension().and_then(|e| e.to_str()) {
                Some("list") => found.extend(sources::parse_list(&read(&path)?)),
                Some("sources") => found.extend(sources::parse_deb822(&read(&path)?)),
                _ => {}
            }
        }
        let aliases = self.family.newer().iter().copied().chain(["sid"]);
        let has_main = |source: &&Source| source.components.iter().any(|c| c == "main");
        [self.codename.as_str()]
            .into_iter()
            .chain(aliases)
            .find_map(|suite| {
                let has_suite = |source: &&Source| source.suites.iter().any(|s| s == suite);
                found.iter().filter(has_main).find(has_suite).cloned()
            })
            .ok_or_else(|| PrebuiltError::NoSources {
                codename: self.codename.clone(),
                reason: format!(
                    "{} sources are configured, none of them for component main of that release",
                    found.len()
                ),
            })
    }
}

/// Downloads the first package that is new enough into `stage`. Gives its binaries, and notes on
/// what was taken and what was passed over.
pub(super) fn download(
    release: &Release,
    stage: &Path,
    progress: &mut dyn Progress,
) -> Result<(Found, Vec<String>), PrebuiltError> {
    let source = release.source()?;
    let family = release.family;
    let mut attempts = Vec::new();
    let mut suites = vec![release.codename.as_str()];
    suites.extend(family.newer().iter().filter(|suite| **suite != release.codename));
    for suite in suites {
        progress.step(&format!("Looking for the package ipxe of {} {suite}", family.name()));
        let root = Root::create(&stage.join(suite), &release.root, &source, suite, family)?;
        let reason = match root.package(progress) {
            Ok((found, version)) => match why_unfit(&found) {
                None => {
                    let taken = format!(
                        "The package ipxe {version} of {} {suite} was taken, from the archive \
                         that this machine is set up with.",
                        family.name()
                    );
                    let mut notes = vec![taken, NOT_COMPILED.to_owned()];
                    notes.extend(attempts.iter().map(|reason| format!("Passed over: {reason}.")));
                    return Ok((found, notes));
                }
                Some(reason) => reason,
            },
            Err(error @ PrebuiltError::Run(RunError::Missing { .. })) => return Err(error),
            Err(error) => {
                let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
                format!("{error}{cause}")
            }
        };
        attempts.push(format!("{} {suite}: {reason}", family.name()));
        progress.step(attempts.last().map_or("", String::as_str));
    }
    Err(PrebuiltError::NoSuite { attempts })
}

/// A private apt: one suite, nothing shared with the system's but keys, passwords and proxies.
struct Root {
    folder: PathBuf,
}

impl Root {
    fn create(
        folder: &Path,
        system: &Path,
        source: &Source,
        suite: &str,
        family: Family,
    ) -> Result<Self, PrebuiltError> {
        let root = Self { folder: folder.to_owned() };
        for name in ["sources.d", "empty.d", "state", "lists/partial", "archives/partial", "log"] {
            let path = folder.join(name);
            fs::create_dir_all(&path).map_err(PrebuiltError::io("creating", &path))?;
        }
        let text = source.paragraph(suite, family.components());
        root.write("sources.d/bootmint.sources", &text)?;
        root.write("apt.conf", &root.configuration(system))?;
        Ok(root)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), PrebuiltError> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(PrebuiltError::io("writing", &path))
    }

    /// What `APT_CONFIG` points at. It is read before the system's configuration, whose folder it
    /// replaces: its hooks and pins must not act here.
    fn configuration(&self, system: &Path) -> String {
        let own = |name: &str| self.folder.join(name).display().to_string();
        let etc = |name: &str| system.join("etc/apt").join(name).display().to_string();
        let settings = [
            ("Dir::Etc::main", "/dev/null".to_owned()),
            ("Dir::Etc::parts", own("empty.d")),
            ("Dir::Etc::sourcelist", "/dev/null".to_owned()),
            ("Dir::Etc::sourceparts", own("sources.d")),
            ("Dir::Etc::preferences", "/dev/null".to_owned()),
            ("Dir::Etc::preferencesparts", own("empty.d")),
            ("Dir::Etc::trusted", etc("trusted.gpg")),
            ("Dir::Etc::trustedparts", etc("trusted.gpg.d")),
            ("Dir::Etc::netrc", etc("auth.conf")),
            ("Dir::Etc::netrcparts", etc("auth.conf.d")),
            ("Dir::State", own("state")),
            ("Dir::State::lists", own("lists")),
            ("Dir::State::status", "/dev/null".to_owned()),
            ("Dir::Cache", own("")),
            ("Dir::Cache::archives", own("archives")),
            ("Dir::Log", own("log")),
            // The stage may lie in a home folder, which apt's own user cannot enter.
            ("APT::Sandbox::User", "root".to_owned()),
            ("APT::Update::Error-Mode", "any".to_owned()),
            ("Acquire::Languages", "none".to_owned()),
            ("Acquire::Retries", "2".to_owned()),
            ("Acquire::http::Timeout", "30".to_owned()),
            ("Acquire::https::Timeout", "30".to_owned()),
        ];
        settings.iter().map(|(name, value)| format!("{name} \"{value}\";\n")).collect()
    }

    /// The binaries of the package `ipxe`, and its version.
    fn package(&self, progress: &mut dyn Progress) -> Result<(Found, String), PrebuiltError> {
        let transport = transport(progress)?;
        if !transport.is_empty() {
            let path = self.folder.join("apt.conf");
            let text = read(&path)? + &transport;
            self.write("apt.conf", &text)?;
        }
        self.apt_get(&["update"], progress)?;
        self.apt_get(&["download", "ipxe"], progress)?;
        let (package, version) = self.downloaded()?;
        let unpacked = self.folder.join("unpacked");
        let unpack = Invocation::new("dpkg-deb").arg("-x").arg(&package).arg(&unpacked);
        unpack.stream(&mut |said| progress.said(said))?;
        let found = Found::read(&unpacked.join("usr/lib/ipxe"), &unpacked)?;
        Ok((found, version))
    }

    fn apt_get(&self, arguments: &[&str], progress: &mut dyn Progress) -> Result<(), RunError> {
        Invocation::new("apt-get")
            .env("APT_CONFIG", self.folder.join("apt.conf"))
            .env("LC_ALL", "C")
            .arg("-q")
            .args(arguments)
            .folder(&self.folder)
            .stream(&mut |said| progress.said(said))
    }

    /// The package that apt left here, and the version in its name.
    fn downloaded(&self) -> Result<(PathBuf, String), PrebuiltError> {
        let version = |path: &Path| {
            let name = path.file_name()?.to_str()?;
            let (version, _) =
                name.strip_prefix("ipxe_")?.strip_suffix(".deb")?.rsplit_once('_')?;
            Some(version.to_owned())
        };
        let found =
            entries(&self.folder)?.into_iter().find_map(|path| Some((version(&path)?, path)));
        found.map(|(version, path)| (path, version)).ok_or_else(|| {
            let missing = io::Error::other("apt-get left no ipxe_*.deb there");
            PrebuiltError::io("looking into", &self.folder)(missing)
        })
    }
}

/// The system's settings on how to reach archives: proxies, client certificates, time checks.
fn transport(progress: &mut dyn Progress) -> Result<String, PrebuiltError> {
    let dump = Invocation::new("apt-config").args(["dump", "Acquire"]);
    let text = dump.capture(&mut |said| progress.said(said))?;
    Ok(wanted(&String::from_utf8_lossy(&text)))
}

fn wanted(dump: &str) -> String {
    let unwanted = ["Acquire::IndexTargets", "Acquire::Languages", "Acquire::Changelogs"];
    dump.lines()
        .filter(|line| !line.ends_with("\"\";"))
        .filter(|line| !unwanted.iter().any(|name| line.starts_with(name)))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// What is in `folder`, sorted; nothing when it does not exist.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, PrebuiltError> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut paths = entries.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    };
    list().map_err(PrebuiltError::io("listing", folder))
}

fn read(path: &Path) -> Result<String, PrebuiltError> {
    let text = || {
        if fs::metadata(path)?.len() > MAX_FILE {
            return Err(io::Error::other("it is too large for a configuration file"));
        }
        Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
    };
    text().map_err(PrebuiltError::io("reading", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(os_release: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Release) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/apt/sources.list.d")).unwrap();
        fs::write(root.path().join("etc/os-release"), os_release).unwrap();
        for (name, text) in files {
            fs::write(root.path().join("etc/apt").join(name), text).unwrap();
        }
        let release = Release::read(root.path()).unwrap();
        (root, release)
    }

    #[test]
    fn the_release_and_its_archive_are_found_in_both_forms() {
        let security = "deb http://s/ bookworm-security main\n";
        let newer = "Types: deb\nURIs: http://m/debian\nSuites: bookworm-updates bookworm\n\
                     Components: main\n";
        let files = [("sources.list", security), ("sources.list.d/debian.sources", newer)];
        let (_root, release) = machine("ID=debian\nVERSION_CODENAME=bookworm\n", &files);
        assert_eq!(release.name(), "debian bookworm");
        assert_eq!(release.source().unwrap().uris, ["http://m/debian"]);

        let files = [("sources.list", "deb http://m/ubuntu noble main\n")];
        let mint = "ID=linuxmint\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME=\"noble\"\n";
        let (_root, release) = machine(mint, &files);
        assert_eq!(release.name(), "ubuntu noble");
        assert_eq!(release.source().unwrap().uris, ["http://m/ubuntu"]);
    }

    #[test]
    fn a_machine_without_sources_says_so() {
        let (_root, release) = machine("ID=debian\n", &[]);
        let error = release.source().unwrap_err().to_string();
        assert!(error.contains("unstable") && error.contains("0 sources"), "{error}");
    }

    #[test]
    fn proxies_are_kept_and_catalogues_left_out() {
        let dump = "Acquire \"\";\nAcquire::http::Proxy \"http://p:3128\";\n\
                    Acquire::IndexTargets::deb::DEP-11::MetaKey \"x\";\nAcquire::Languages:: \"de\";\n";
        assert_eq!(wanted(dump), "Acquire::http::Proxy \"http://p:3128\";\n");
    }

    #[test]
    fn the_private_apt_shares_nothing_that_is_written() {
        let stage = tempfile::tempdir().unwrap();
        let source = sources::parse_list("deb http://m/ x main").remove(0);
        let root =
            Root::create(&stage.path().join("x"), Path::new("/"), &source, "x", Family::Debian)
                .unwrap();
        let text = fs::read_to_string(root.folder.join("apt.conf")).unwrap();
        let own = root.folder.display().to_string();
        for written in ["Dir::State", "Dir::State::lists", "Dir::Cache", "Dir::Log"] {
            let line = text.lines().find(|line| line.starts_with(&format!("{written} "))).unwrap();
            assert!(line.contains(&own), "{line}");
        }
    }
}

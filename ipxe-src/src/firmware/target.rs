//! Builds one platform's binary in its work tree.

use super::{
    BuildError,
    capability::{capabilities, check_options, check_overlays},
    closure::needed_sources,
    elf,
    error::io_error,
    make::{Make, Purpose, bin, extension},
    product::Product,
    recipe::{Inputs, SourceId, overlay_digest, script},
    relink::Relink,
    slot,
    store::only_for_owner,
    toolchain::Toolchain,
    worktree::{Laid, WorkTree, lay_over, path_for_make},
};
use crate::{cache::Cache, profile::Profile, progress::Progress};
use bootmint_drivers::{DriverName, Overlay, Resolved};
use bootmint_image_factory::{
    firmware::{BinaryManifest, Capability, sha256_hex},
    format::Platform,
};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// The time that iPXE takes for its build, in seconds since 1970: the day of its 2.0.0 release. Of
/// several iPXE drivers in one machine the newest wins, so that it must be a real day.
const EPOCH: u64 = 1_772_755_200;
/// The name of a slim binary among make's targets.
const SLIM: &str = "bootmint";
/// How a script hands over to the ticket that lies inside the binary.
const INSIDE: &str = "imgexec ticket.ipxe";

/// One platform of a profile, to be built.
pub(super) struct Target<'a> {
    pub(super) platform: Platform,
    pub(super) profile: &'a Profile,
    /// The single binary that is wanted instead of a firmware's, and the ticket inside it.
    pub(super) product: Option<(Product, &'a str)>,
    pub(super) drivers: &'a Resolved,
    pub(super) source: &'a SourceId,
    pub(super) toolchain: &'a Toolchain,
    pub(super) inputs: &'a Inputs,
    pub(super) jobs: usize,
}

/// A finished binary: what it is, and its bytes.
pub(super) type Binary = (BinaryManifest, Vec<u8>);

/// A target with its work tree, which nobody else uses until this is dropped.
pub(super) struct Open<'a> {
    target: Target<'a>,
    make: Make,
    /// The variables that name scripts and trust roots.
    embedded: Vec<String>,
    relink: Option<Relink>,
}

impl Open<'_> {
    /// Exchanges the scripts, where nothing else is to change.
    pub(super) fn relink(&mut self) -> Option<Result<Binary, BuildError>> {
        let relink = self.relink.as_ref()?;
        Some(relink.run(&mut self.make).and_then(|()| self.read()))
    }

    /// Compiles and links whatever make finds to be out of date.
    pub(super) fn make(&mut self, progress: &mut dyn Progress) -> Result<Binary, BuildError> {
        Relink::forget(&self.make)?;
        let goal = format!("{}.{}", self.target.stem(), self.target.extension());
        let mut variables = self.embedded.clone();
        match self.target.drivers {
            Resolved::Named(drivers) => {
                let (make, target) = (&mut self.make, &self.target);
                target.make_slim(make, drivers, &goal, &mut variables, progress)?;
            }
            Resolved::All => {
                self.target.make_full(&mut self.make, &goal, &variables, progress)?;
            }
        }
        // With a client's key the tree does not keep what a relink would need.
        if !self.target.inputs.holds_key() {
            let inputs = self.target.relink_inputs(&self.embedded);
            Relink::record(&self.make, &goal, inputs, &variables, progress)?;
        }
        self.read()
    }

    /// Leaves nothing in the tree that holds the client's private key.
    pub(super) fn forget_key(&self) -> Result<(), BuildError> {
        if self.target.inputs.holds_key() {
            Relink::forget(&self.make)?;
            self.make.forget_key(&self.target.stem())?;
        }
        Ok(())
    }

    fn read(&self) -> Result<Binary, BuildError> {
        self.target.read(&self.make)
    }
}

impl<'a> Target<'a> {
    /// Opens its work tree in `cache`, a copy of the tree at `source`, with its scripts in it.
    pub(super) fn open(
        self,
        cache: &Cache,
        source: &Path,
        progress: &mut dyn Progress,
    ) -> Result<Open<'a>, BuildError> {
        let name = self.inputs.work_name(self.platform);
        let config = self.inputs.config();
        let tree = WorkTree::open(
            cache,
            &name,
            source,
            bin(self.platform, self.purpose()),
            config,
            progress,
        )?;
        if self.inputs.holds_key() {
            only_for_owner(&tree.src())?;
        }
        let embedded = self.embed(&tree)?;
        let commit = &self.source.commit;
        let overlays = self.profile.overlays();
        let laid = lay_over(&tree.src(), overlays)?;
        let how = (self.platform, self.purpose());
        let make =
            Make::new(how, tree, self.toolchain, commit, EPOCH, self.jobs)?.with_overlays(overlays);
        if laid == Laid::Changed {
            forget_sources(&make)?;
            Relink::forget(&make)?;
        }
        let relink = Relink::find(&make, &self.relink_inputs(&embedded));
        Ok(Open { target: self, make, embedded, relink })
    }

    /// What must be as it was for a relink to do: `embedded`, and the out-of-tree drivers.
    fn relink_inputs(&self, embedded: &[String]) -> Vec<String> {
        let overlays = self.profile.overlays().iter();
        let overlays = overlays.map(|o| format!("{}={}", o.name(), overlay_digest(o)));
        embedded.iter().cloned().chain(overlays).collect()
    }

    /// The name of the binary among make's targets.
    fn stem(&self) -> String {
        let rom = self.product.and_then(|(product, _)| product.rom_name());
        match self.drivers {
            // By this name make knows which device the ROM is for.
            Resolved::Named(_) => rom.unwrap_or_else(|| SLIM.to_owned()),
            Resolved::All => "ipxe".to_owned(),
        }
    }

    fn extension(&self) -> &'static str {
        self.product.map_or(extension(self.platform), |(product, _)| product.extension())
    }

    /// Puts scripts and trust roots into the tree, and gives the variables that name them.
    fn embed(&self, tree: &WorkTree) -> Result<Vec<String>, BuildError> {
        let mut images = tree.embed("stage1.ipxe", script(self.profile).as_bytes())?;
        if let Some((_, ticket)) = self.product {
            images = format!("{images},{}", tree.embed("ticket.ipxe", ticket.as_bytes())?);
        } else if self.has_slot() {
            let blank = slot::blank(self.profile.slot_capacity());
            images = format!("{images},{}", tree.embed("ticket.ipxe", &blank)?);
        }
        let mut roots = Vec::new();
        for pem in self.profile.trust() {
            // Make notices another file name, not another content.
            let mut name = sha256_hex(pem.as_bytes());
            name.truncate(16);
            roots.push(tree.embed(&format!("{name}.pem"), pem.as_bytes())?);
        }
        let trust = roots.join(",");
        let mut variables = Vec::new();
        if let Some(client) = self.profile.client() {
            roots.push(tree.embed("client.pem", client.cert.as_bytes())?);
            variables.push(format!("PRIVKEY={}", path_for_make(&client.key)?));
        }
        // The fingerprint alone would refuse servers that do not send the root along.
        let certs = roots.join(",");
        variables.extend([
            format!("EMBED={images}"),
            format!("TRUST={trust}"),
            format!("CERT={certs}"),
        ]);
        Ok(variables)
    }

    /// Scripts inside a BIOS binary are compressed, and those inside a signed one are part of
    /// what was signed, so that nothing can be stamped there.
    fn has_slot(&self) -> bool {
        self.platform != Platform::Bios
            && self.purpose() == Purpose::Plain
            && self.product.is_none()
    }

    fn purpose(&self) -> Purpose {
        match self.profile.secure_boot() {
            None => Purpose::Plain,
            Some(_) => Purpose::Signed,
        }
    }

    fn make_full(
        &self,
        make: &mut Make,
        goal: &str,
        variables: &[String],
        progress: &mut dyn Progress,
    ) -> Result<(), BuildError> {
        let is_fresh = !make.output("blib.a").exists();
        let total = if is_fresh { Some(steps(make.sources()?.len())) } else { None };
        let what = if is_fresh { "compiling all sources" } else { "compiling what changed" };
        make.begin(what, total, progress);
        make.make(&[goal.to_owned()], variables, progress)
    }

    /// Adds to `variables` what names the drivers and the sources.
    fn make_slim(
        &self,
        make: &mut Make,
        drivers: &BTreeSet<DriverName>,
        goal: &str,
        variables: &mut Vec<String>,
        progress: &mut dyn Progress,
    ) -> Result<(), BuildError> {
        let goals = [goal.to_owned()];
        let overlays = self.profile.overlays().iter().flat_map(Overlay::objects);
        let names = drivers.iter().map(DriverName::as_str).chain(overlays);
        let names = names.collect::<Vec<_>>().join(" ");
        variables.push(format!("DRIVERS_{}={names}", self.stem()));
        // What was linked in this tree before needs the same sources again.
        let record = sources_record(make);
        if let Ok(sources) = fs::read_to_string(&record) {
            make.begin("compiling what changed", None, progress);
            variables.push(format!("SRCS={sources}"));
            return make.make(&goals, variables, progress);
        }
        let all = make.sources()?;
        let mut sources = self.needed(make, &all, drivers, progress)?;
        let what = format!("linking {} of {} sources", sources.len(), all.len());
        make.begin(&what, None, progress);
        let with = |sources: &[String]| -> Vec<String> {
            variables.iter().cloned().chain([format!("SRCS={}", sources.join(" "))]).collect()
        };
        let mut given = with(&sources);
        match make.make(&goals, &given, progress) {
            Err(BuildError::Make { errors, .. }) if errors.contains("undefined reference") => {
                let what = "a symbol was not among the sources needed: compiling all of them";
                make.begin(what, Some(steps(all.len())), progress);
                (given, sources) = (with(&all), all);
                make.make(&goals, &given, progress)?;
            }
            result => result?,
        }
        *variables = given;
        let partial = record.with_extension("new");
        fs::write(&partial, sources.join(" ")).map_err(io_error("writing", &partial))?;
        fs::rename(&partial, &record).map_err(io_error("writing", &record))
    }

    fn needed(
        &self,
        make: &mut Make,
        all: &[String],
        drivers: &BTreeSet<DriverName>,
        progress: &mut dyn Progress,
    ) -> Result<Vec<String>, BuildError> {
        let (entry, config) = match self.platform {
            Platform::Bios => ("_lkrn_start", "obj_config_pcbios"),
            Platform::EfiX64 | Platform::EfiArm64 => ("_efi_start", "obj_config_efi"),
        };
        let entry = self.product.map_or(entry, |(product, _)| product.entry());
        let fixed = [entry, config, "obj_config"].map(str::to_owned);
        let drivers = drivers.iter().map(|driver| driver.object());
        let overlays = self.profile.overlays().iter().flat_map(Overlay::objects);
        let roots = drivers.chain(overlays.map(|name| name.replace('-', "_")));
        let roots = roots.map(|object| format!("obj_{object}"));
        needed_sources(make, all, fixed.into_iter().chain(roots), progress)
    }

    /// Reads what was built: its bytes, what it can do, and where its slot is.
    fn read(&self, make: &Make) -> Result<Binary, BuildError> {
        let path = make.output(&format!("{}.{}", self.stem(), self.extension()));
        let linked = elf::linked(&path.with_extension(format!("{}.tmp", self.extension())))?;
        let bytes = fs::read(&path).map_err(io_error("reading", &path))?;
        let (options, serial) = (self.profile.options(), self.profile.serial());
        check_options(self.platform, &linked.objects, options, serial)?;
        check_overlays(self.platform, &linked.objects, self.profile.overlays())?;
        let slot = self
            .has_slot()
            .then(|| slot::find(&linked, &bytes, &path, self.profile.slot_capacity()))
            .transpose()?;
        let script = script(self.profile);
        let mut capabilities = capabilities(self.platform, &linked.objects, script);
        if self.product.is_some() && hands_over(script) {
            capabilities.insert(Capability::Ticket);
        }
        let about = BinaryManifest {
            platform: self.platform,
            file: match self.product {
                Some((product, _)) => product.to_string(),
                None => self.platform.file_name().to_owned(),
            },
            size: bytes.len() as u64,
            sha256: sha256_hex(&bytes),
            capabilities,
            slot,
        };
        Ok((about, bytes))
    }
}

/// Whether `script` runs the ticket inside its binary.
pub(super) fn hands_over(script: &str) -> bool {
    script.lines().any(|line| line.trim_start().starts_with(INSIDE))
}

/// Where a work tree keeps the list of sources that its slim binary is linked from.
fn sources_record(make: &Make) -> PathBuf {
    make.src().join("bootmint/sources")
}

/// Has the needed sources found again: an out-of-tree driver may need others now.
fn forget_sources(make: &Make) -> Result<(), BuildError> {
    let record = sources_record(make);
    match fs::remove_file(&record) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("removing", &record)(error))
        }
        _ => Ok(()),
    }
}

/// About how many steps a full build of `sources` has: dependencies and object of each, the
/// device lists of drivers, and the link.
fn steps(sources: usize) -> u64 {
    (sources as u64).saturating_mul(21) / 10
}

//! `cargo xtask images convert`: minted disk images in the formats of hypervisors, by qemu-img.
//!
//! A converted disk is converted back and compared before it gets its name: what QEMU's tool wrote
//! is looked at with the same distrust as what we write.

use crate::ui::Ui;
use anyhow::{Context, bail};
use bootmint_image_factory::{format::Format, verify};
use bootmint_ipxe_src::run::{Invocation, Listener, Said};
use serde::Serialize;
use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

/// The formats that qemu-img writes for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Disk {
    /// QEMU, KVM, Proxmox, OpenStack
    Qcow2,
    /// VMware; stream-optimised, as it is imported
    Vmdk,
}

impl Disk {
    const fn name(self) -> &'static str {
        match self {
            Self::Qcow2 => "qcow2",
            Self::Vmdk => "vmdk",
        }
    }

    const fn options(self) -> &'static str {
        match self {
            Self::Qcow2 => "compat=1.1",
            Self::Vmdk => "subformat=streamOptimized",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Converted {
    image: PathBuf,
    file: PathBuf,
    size: u64,
}

/// Converts `images`, each beside itself.
pub(super) fn convert(images: &[PathBuf], to: Disk, ui: &Ui) -> anyhow::Result<()> {
    let mut done = Vec::new();
    for image in images {
        let mut listener = |said: Said<'_>| {
            if let Said::Command(line) = said {
                ui.note(line);
            }
        };
        let file = convert_one(image, to, &mut listener)
            .with_context(|| format!("converting {}", image.display()))?;
        let size = file.metadata()?.len();
        ui.result(format_args!("{}: {size} bytes", file.display()));
        done.push(Converted { image: image.clone(), file, size });
    }
    ui.json(&done)
}

/// Converts the disk image in `image`, and gives the file beside it.
pub fn convert_one(image: &Path, to: Disk, listener: &mut Listener<'_>) -> anyhow::Result<PathBuf> {
    let format = verify::sniff(&mut File::open(image)?)?;
    if format != Some(Format::Usb) {
        let is = format.map_or("no image that Bootmint knows".into(), |f| format!("of format {f}"));
        bail!("it is {is}, and only disk images are converted: mint it with --format usb");
    }
    let name =
        image.file_name().and_then(|name| name.to_str()).context("a name that is no text")?;
    let stem = name.strip_suffix(".usb.img").unwrap_or(name);
    let folder = image.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let work = tempfile::Builder::new().prefix(".bootmint-convert-").tempdir_in(folder)?;
    let (disk, back) = (work.path().join("disk"), work.path().join("back"));
    let name = to.name();
    qemu_img(&["-f", "raw", "-O", name, "-o", to.options()], image, &disk, listener)?;
    qemu_img(&["-f", name, "-O", "raw"], &disk, &back, listener)?;
    if !same_disk(image, &back)? {
        bail!("qemu-img's {name} holds other bytes than the image");
    }
    let file = folder.join(format!("{stem}.{name}"));
    std::fs::rename(&disk, &file).with_context(|| format!("renaming to {}", file.display()))?;
    Ok(file)
}

fn qemu_img(
    options: &[&str],
    from: &Path,
    to: &Path,
    listener: &mut Listener<'_>,
) -> anyhow::Result<()> {
    let command = Invocation::new("qemu-img").arg("convert").args(options);
    command.arg(std::path::absolute(from)?).arg(std::path::absolute(to)?).stream(listener)?;
    Ok(())
}

/// Whether the disk in `back` is the one in `image`, and nothing but zeros behind it: some formats
/// know whole clusters only.
fn same_disk(image: &Path, back: &Path) -> anyhow::Result<bool> {
    let open = |path: &Path| -> anyhow::Result<_> { Ok(BufReader::new(File::open(path)?)) };
    let (mut image, mut back) = (open(image)?, open(back)?);
    let (mut wanted, mut found) = (Vec::new(), Vec::new());
    image.read_to_end(&mut wanted)?;
    back.read_to_end(&mut found)?;
    let (head, tail) = found.split_at(wanted.len().min(found.len()));
    Ok(head == wanted && tail.iter().all(|byte| *byte == 0))
}

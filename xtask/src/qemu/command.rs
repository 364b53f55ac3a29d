//! A machine's command line, as data.

use super::machine::{
    Acceleration, Board, Bus, Disk, Flash, Image, Machine, Medium, Model, Nic, Operator, Screen,
    Wire, Writes,
};
use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
};

/// A machine that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// A floppy drive where there is none.
    #[error("a UEFI machine has no floppy drive: attach the floppy as a USB stick")]
    FloppyOnUefi,
    /// A serial number or tag that QEMU would take for another option.
    #[error("the SMBIOS value \"{0}\" holds a comma, which QEMU takes for the end of the value")]
    CommaInIdentity(String),
    /// Something to be loaded over the network, or by a card, where there is no such card.
    #[error("loading by PXE or from an option ROM takes a network card on QEMU's own network")]
    NoCard,
}

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// The program's name, looked up on the search path.
    pub program: &'static str,
    /// Its arguments.
    pub args: Vec<OsString>,
}

impl CommandLine {
    fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    fn option(&mut self, name: &str, value: impl AsRef<OsStr>) -> &mut Self {
        self.arg(name).arg(value)
    }
}

impl fmt::Display for CommandLine {
    /// The command as a shell takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program)?;
        for arg in &self.args {
            let text = arg.to_string_lossy();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=@+".contains(c);
            if !text.is_empty() && text.chars().all(plain) {
                write!(f, " {text}")?;
            } else {
                write!(f, " '{}'", text.replace('\'', r"'\''"))?;
            }
        }
        Ok(())
    }
}

impl Machine {
    /// The command line that starts this machine.
    pub fn command(&self) -> Result<CommandLine, Unsupported> {
        let program = match self.board {
            Board::Bios | Board::Uefi(_) | Board::UefiSecure(_) => "qemu-system-x86_64",
            Board::UefiArm64(_) => "qemu-system-aarch64",
        };
        let mut line = CommandLine { program, args: Vec::new() };
        line.option("-name", "bootmint").option("-nodefaults", "-no-user-config");
        self.add_board(&mut line);
        self.add_operator(&mut line);
        self.add_identity(&mut line)?;
        if let Some(image) = &self.image {
            self.add_image(&mut line, image)?;
        }
        for (index, disk) in self.disks.iter().enumerate() {
            self.add_disk(&mut line, index, disk);
        }
        line.option("-nic", "none");
        for (index, nic) in self.nics.iter().enumerate() {
            let image = self.image.as_ref().filter(|_| index == 0);
            add_nic(&mut line, index, nic, image)?;
        }
        Ok(line)
    }

    fn add_board(&self, line: &mut CommandLine) {
        line.option(
            "-accel",
            match self.acceleration {
                Acceleration::Emulated => "tcg",
                Acceleration::Kvm => "kvm",
            },
        );
        line.option("-m", self.memory.to_string());
        match &self.board {
            // SeaBIOS copies the screen to the serial line when told that there are no graphics.
            Board::Bios => match self.screen {
                Screen::OnSerialLine => line.option("-machine", "pc,graphics=off"),
                Screen::OnGraphicsCard => line.option("-machine", "pc"),
            }
            .option("-device", "VGA"),
            Board::Uefi(flash) => {
                add_flash(line.option("-machine", "q35"), flash);
                // Without it OVMF offers no EFI_RNG_PROTOCOL, and TLS no entropy.
                line.option("-device", "virtio-rng-pci")
            }
            Board::UefiSecure(flash) => {
                // Only code in system management mode may write the variables.
                line.option("-machine", "q35,smm=on")
                    .option("-global", "driver=cfi.pflash01,property=secure,value=on")
                    .option("-global", "ICH9-LPC.disable_s3=1");
                add_flash(line, flash);
                line.option("-device", "virtio-rng-pci")
            }
            Board::UefiArm64(flash) => {
                let cpu = match self.acceleration {
                    Acceleration::Emulated => "cortex-a57",
                    Acceleration::Kvm => "host", // the only one that a processor runs itself
                };
                line.option("-machine", "virt").option("-cpu", cpu);
                add_flash(line, flash);
                line.option("-device", "virtio-rng-pci")
            }
        };
    }

    fn add_operator(&self, line: &mut CommandLine) {
        line.option("-display", "none").option("-boot", "menu=off");
        match self.operator {
            Operator::Program => {
                line.option("-monitor", "none").option("-serial", "stdio").arg("-no-reboot");
                if !matches!(self.board, Board::UefiArm64(_)) {
                    line.option("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04");
                }
            }
            Operator::Person => {
                line.option("-serial", "mon:stdio");
            }
        }
    }

    fn add_identity(&self, line: &mut CommandLine) -> Result<(), Unsupported> {
        if let Some(uuid) = &self.identity.uuid {
            line.option("-uuid", uuid.to_string());
        }
        let smbios =
            [("type=1,serial=", &self.identity.serial), ("type=3,asset=", &self.identity.asset)];
        for (key, value) in smbios {
            let Some(value) = value else { continue };
            if value.contains(',') {
                return Err(Unsupported::CommaInIdentity(value.clone()));
            }
            line.option("-smbios", format!("{key}{value}"));
        }
        if !self.identity.oem.is_empty() {
            let doubled = |value: &String| format!(",value={}", value.replace(',', ",,"));
            let values: String = self.identity.oem.iter().map(doubled).collect();
            line.option("-smbios", format!("type=11{values}"));
        }
        for (name, value) in &self.fw_cfg {
            let (name, value) = (name.replace(',', ",,"), value.replace(',', ",,"));
            line.option("-fw_cfg", format!("name={name},string={value}"));
        }
        Ok(())
    }

    fn add_image(&self, line: &mut CommandLine, image: &Image) -> Result<(), Unsupported> {
        const CD: &str = "media=cdrom,readonly=on";
        const DISK: &str = "snapshot=on";
        let arm = matches!(self.board, Board::UefiArm64(_));
        let (kind, controller, device) = match image.medium {
            Medium::Kernel => {
                line.option("-kernel", &image.path);
                return Ok(());
            }
            Medium::Pxe | Medium::OptionRom if self.nics.is_empty() => {
                return Err(Unsupported::NoCard);
            }
            Medium::Pxe | Medium::OptionRom => return Ok(()), // its first card's business
            Medium::Cd if arm => (CD, Some("virtio-scsi-pci"), "scsi-cd"),
            Medium::Cd => (CD, None, "ide-cd"),
            Medium::Disk if arm => (DISK, None, "virtio-blk-pci"),
            Medium::Disk => (DISK, None, "ide-hd"),
            Medium::Usb => (DISK, Some("qemu-xhci"), "usb-storage"),
            Medium::Floppy if self.board == Board::Bios => (DISK, None, "floppy"),
            Medium::Floppy => return Err(Unsupported::FloppyOnUefi),
        };
        let format = disk_format(&image.path);
        let drive = format!("if=none,id=image,format={format},{kind},file=");
        line.option("-drive", with_path(&drive, &image.path));
        if let Some(controller) = controller {
            line.option("-device", controller);
        }
        if image.medium == Medium::Floppy {
            // A floppy's place in the boot order belongs to its controller.
            line.option("-device", format!("{device},drive=image"));
            line.option("-global", "isa-fdc.bootindexA=0");
        } else {
            line.option("-device", format!("{device},drive=image,bootindex=0"));
        }
        Ok(())
    }

    fn add_disk(&self, line: &mut CommandLine, index: usize, disk: &Disk) {
        let snapshot = match disk.writes {
            Writes::Kept => "off",
            Writes::Discarded => "on",
        };
        let format = disk_format(&disk.path);
        let drive = format!("if=none,id=disk{index},format={format},snapshot={snapshot},file=");
        line.option("-drive", with_path(&drive, &disk.path));
        // The image is first; firmware numbers and tries the disks in this order.
        let place = index + 1;
        if disk.bus == Bus::Usb {
            line.option("-device", format!("qemu-xhci,id=xhci{index}"));
            let device = format!("usb-storage,bus=xhci{index}.0,drive=disk{index}");
            line.option("-device", format!("{device},bootindex={place}"));
            return;
        }
        let device = match self.board {
            Board::Bios => "ide-hd".to_owned(),
            Board::Uefi(_) | Board::UefiSecure(_) => format!("ide-hd,bus=ide.{place}"), // one device on each AHCI port
            Board::UefiArm64(_) => "virtio-blk-pci".to_owned(),
        };
        line.option("-device", format!("{device},drive=disk{index},bootindex={place}"));
    }
}

fn add_flash(line: &mut CommandLine, flash: &Flash) {
    let drive = |rest: &str, path: &Path| {
        let qcow2 = path.extension().is_some_and(|extension| extension == "qcow2");
        let format = if qcow2 { "qcow2" } else { "raw" };
        with_path(&format!("if=pflash,format={format},{rest}file="), path)
    };
    line.option("-drive", drive("readonly=on,", &flash.code));
    line.option("-drive", drive("", &flash.variables));
}

/// Adds a card, which brings `image` along where that comes through a card.
fn add_nic(
    line: &mut CommandLine,
    index: usize,
    nic: &Nic,
    image: Option<&Image>,
) -> Result<(), Unsupported> {
    let netdev = nic.wire.netdev(&format!("net{index}"));
    let model = match nic.model {
        Model::Virtio => "virtio-net-pci",
        Model::E1000 => "e1000",
        Model::E1000e => "e1000e",
        Model::I82559er => "i82559er",
        Model::Rtl8139 => "rtl8139",
        Model::Vmxnet3 => "vmxnet3",
        Model::Pcnet => "pcnet",
        Model::Tulip => "tulip",
        Model::Ne2k => "ne2k_pci",
        Model::UsbNet => "usb-net",
    };
    let device = format!("{model},netdev=net{index},mac={}", nic.mac);
    match image {
        Some(Image { path, medium: Medium::Pxe }) => {
            let (Wire::User(_), Some(folder), Some(file)) =
                (&nic.wire, path.parent(), path.file_name())
            else {
                return Err(Unsupported::NoCard);
            };
            let mut netdev = with_path(&format!("{netdev},tftp="), folder);
            netdev.push(with_path(",bootfile=", Path::new(file)));
            line.option("-netdev", netdev);
            // On BIOS the card's usual ROM has the PXE code; UEFI has its own.
            line.option("-device", format!("{device},bootindex=0"));
        }
        Some(Image { path, medium: Medium::OptionRom }) => {
            line.option("-netdev", netdev);
            line.option("-device", with_path(&format!("{device},bootindex=0,romfile="), path));
        }
        // A USB adapter has none.
        _ if nic.model == Model::UsbNet => {
            let device = format!("{device},bus=xhci-net{index}.0");
            line.option("-device", format!("qemu-xhci,id=xhci-net{index}"));
            line.option("-netdev", netdev).option("-device", device);
        }
        _ if nic.model == Model::Ne2k => {
            line.option("-netdev", netdev).option("-device", device);
        }
        // Without an option ROM the board's firmware does not bring an iPXE of its own.
        _ => {
            line.option("-netdev", netdev).option("-device", format!("{device},romfile="));
        }
    }
    Ok(())
}

/// What QEMU calls the format of a disk, told by the file's name: never guessed from its content,
/// which may be anybody's.
fn disk_format(path: &Path) -> &'static str {
    match path.extension().and_then(OsStr::to_str) {
        Some("qcow2") => "qcow2",
        Some("vhd") => "vpc",
        Some("vmdk") => "vmdk",
        _ => "raw",
    }
}

/// An option that ends in a path; QEMU wants the path's commas doubled.
fn with_path(option: &str, path: &Path) -> OsString {
    let mut bytes = option.as_bytes().to_vec();
    for &byte in path.as_os_str().as_bytes() {
        bytes.push(byte);
        if byte == b',' {
            bytes.push(byte);
        }
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests;

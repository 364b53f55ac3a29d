//! Boots an image in QEMU for a person, with the terminal as the machine's console.

use crate::{
    qemu::{
        Acceleration, Board, Disk, Image, Machine, Medium, Model, Nic, Operator, Screen, UserNet,
        Wire, Writes, roms, terminal,
    },
    ui::Ui,
};
use anyhow::{Context, ensure};
use bootmint_image_factory::host::Mac;
use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

/// The size of a 1.44 MB floppy in bytes.
const FLOPPY_SIZE: u64 = 1_474_560;

/// Arguments of `cargo xtask boot`.
#[derive(clap::Args)]
pub struct Args {
    /// The image: ISO, USB image, floppy, .lkrn or .efi
    image: PathBuf,
    #[command(flatten)]
    board: BoardArgs,
    #[command(flatten)]
    medium: MediumArgs,
    #[command(flatten)]
    network: NetworkArgs,
    /// A raw local disk, tried after the image; what the machine writes to it is kept
    #[arg(long, value_name = "FILE")]
    disk_image: Vec<PathBuf>,
    /// RAM in MiB
    #[arg(long, default_value_t = 1024)]
    memory: u32,
    /// The image's firmware has a serial console: do not copy the BIOS screen there
    #[arg(long)]
    serial: bool,
    /// Use the processor's virtualisation
    #[arg(long)]
    kvm: bool,
}

/// The board; BIOS unless the image is an EFI application.
#[derive(clap::Args)]
#[group(multiple = false)]
struct BoardArgs {
    /// A PC with BIOS
    #[arg(long)]
    bios: bool,
    /// A PC with UEFI
    #[arg(long)]
    uefi: bool,
    /// An AArch64 machine with UEFI
    #[arg(long)]
    arm64: bool,
}

/// The medium; guessed from the file's name and size.
#[derive(clap::Args)]
#[group(multiple = false)]
struct MediumArgs {
    /// Attach the image as a CD
    #[arg(long)]
    cd: bool,
    /// Attach the image as a fixed disk
    #[arg(long)]
    disk: bool,
    /// Attach the image as a USB stick
    #[arg(long)]
    usb: bool,
    /// Attach the image as a floppy
    #[arg(long)]
    floppy: bool,
}

/// The machine's network: one NAT network of QEMU's for each card.
#[derive(clap::Args)]
struct NetworkArgs {
    /// The address of a network card; once for each card
    #[arg(long, value_name = "MAC", default_value = "52:54:00:12:34:56")]
    mac: Vec<Mac>,
    /// The IPv4 network that the machine finds itself in
    #[arg(long, value_name = "ADDRESS/PREFIX", default_value = "10.0.2.0/24")]
    net: String,
    /// The address in it that is the gateway, and this computer's loopback to the machine
    #[arg(long, value_name = "ADDRESS", default_value = "10.0.2.2")]
    gateway: Ipv4Addr,
}

/// Runs `cargo xtask boot`.
pub fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir().context("creating a scratch folder")?;
    let machine = machine(&args, scratch.path())?;
    let line = machine.command()?;
    ui.note(format_args!("starting {line}"));
    ui.note("the terminal is the machine's console; Ctrl-A X ends it, Ctrl-A H lists more keys");
    let status = terminal::run(&line)?;
    ensure!(status.success(), "QEMU ended with {status}");
    Ok(())
}

fn machine(args: &Args, scratch: &Path) -> anyhow::Result<Machine> {
    let size = fs::metadata(&args.image)
        .with_context(|| format!("reading {}", args.image.display()))?
        .len();
    let board = board(args, scratch)?;
    let medium = medium(&args.medium, &args.image, size);
    let disks = args.disk_image.iter();
    Ok(Machine {
        image: Some(Image { path: args.image.clone(), medium }),
        disks: disks.map(|path| Disk { path: path.clone(), writes: Writes::Kept }).collect(),
        nics: nics(&args.network)?,
        memory: args.memory,
        acceleration: if args.kvm { Acceleration::Kvm } else { Acceleration::Emulated },
        screen: if args.serial { Screen::OnGraphicsCard } else { Screen::OnSerialLine },
        operator: Operator::Person,
        ..Machine::new(board)
    })
}

fn board(args: &Args, scratch: &Path) -> anyhow::Result<Board> {
    let application = args.image.extension().is_some_and(|extension| extension == "efi");
    if args.board.arm64 {
        Ok(Board::UefiArm64(roms::flash(roms::Architecture::Arm64, scratch)?))
    } else if args.board.uefi || (application && !args.board.bios) {
        Ok(Board::Uefi(roms::flash(roms::Architecture::X64, scratch)?))
    } else {
        ensure!(!application, "an EFI application does not start on BIOS");
        Ok(Board::Bios)
    }
}

fn medium(args: &MediumArgs, image: &Path, size: u64) -> Medium {
    let extension = image.extension().and_then(|extension| extension.to_str());
    match extension {
        _ if args.cd => Medium::Cd,
        _ if args.disk => Medium::Disk,
        _ if args.usb => Medium::Usb,
        _ if args.floppy => Medium::Floppy,
        Some("efi" | "lkrn") => Medium::Kernel,
        Some("iso") => Medium::Cd,
        _ if size == FLOPPY_SIZE => Medium::Floppy,
        _ => Medium::Usb,
    }
}

fn nics(args: &NetworkArgs) -> anyhow::Result<Vec<Nic>> {
    let (network, prefix) =
        args.net.split_once('/').context("--net needs an address and a prefix: 192.0.2.0/24")?;
    let network = network.parse().with_context(|| format!("reading --net {}", args.net))?;
    let prefix = prefix.parse().with_context(|| format!("reading --net {}", args.net))?;
    let net = UserNet { network, prefix, gateway: args.gateway, ipv6: None };
    let nic = |&mac: &Mac| Nic { mac, model: Model::Virtio, wire: Wire::User(net.clone()) };
    Ok(args.mac.iter().map(nic).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parse(name: &str, size: u64, flags: &[&str]) -> anyhow::Result<Machine> {
        let folder = tempfile::tempdir()?;
        let image = folder.path().join(name);
        fs::File::create(&image)?.set_len(size)?;
        let program_and_image = ["boot".as_ref(), image.as_os_str()];
        let flags = flags.iter().map(std::convert::AsRef::as_ref);
        let cli = Cli::try_parse_from(program_and_image.into_iter().chain(flags))?;
        machine(&cli.args, folder.path())
    }

    #[test]
    fn the_medium_follows_name_and_size_unless_told() {
        let medium = |name, size, flags: &[&str]| {
            parse(name, size, flags).map(|machine| machine.image.unwrap().medium).unwrap()
        };
        assert_eq!(medium("a.iso", 1, &[]), Medium::Cd);
        assert_eq!(medium("a.iso", 1, &["--usb"]), Medium::Usb);
        assert_eq!(medium("a.img", FLOPPY_SIZE, &[]), Medium::Floppy);
        assert_eq!(medium("a.img", FLOPPY_SIZE, &["--disk"]), Medium::Disk);
        assert_eq!(medium("a.img", 4 << 20, &[]), Medium::Usb);
        assert_eq!(medium("a.lkrn", 1, &[]), Medium::Kernel);
    }

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        assert!(parse("a.iso", 1, &["--bios", "--uefi"]).is_err());
        assert!(parse("a.iso", 1, &["--cd", "--usb"]).is_err());
        assert!(parse("a.efi", 1, &["--bios"]).is_err());
    }

    #[test]
    fn cards_and_their_network_are_as_asked() {
        let flags = ["--mac", "52:54:00:00:00:01", "--mac", "52:54:00:00:00:02"];
        let network = ["--net", "192.0.2.0/24", "--gateway", "192.0.2.1"];
        let machine = parse("a.iso", 1, &[flags.as_slice(), &network].concat()).unwrap();
        let macs: Vec<_> = machine.nics.iter().map(|nic| nic.mac.to_string()).collect();
        assert_eq!(macs, ["52:54:00:00:00:01", "52:54:00:00:00:02"]);
        let text = machine.command().unwrap().to_string();
        assert!(text.contains("net=192.0.2.0/24,host=192.0.2.1"), "{text}");
        assert!(text.contains("-serial mon:stdio") && !text.contains("-no-reboot"), "{text}");
        for bad in ["52:54:00:00:00", "52:54:00:00:00:0g", "52:54:00:00:00:01,x=y"] {
            assert!(parse("a.iso", 1, &["--mac", bad]).is_err(), "{bad}");
        }
    }
}

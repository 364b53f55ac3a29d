//! Boots an image in QEMU for a person, with the terminal as the machine's console.
//!
//! The machine gets the cards and the network that the image's ticket expects, so that a server on
//! this computer answers it.

mod fit;
mod shell;
mod ticket;

use crate::{
    qemu::{
        Acceleration, Board, Bus, Disk, Image, Machine, Medium, Model, Nic, Operator, Screen,
        UserNet, Wire, Writes, roms, terminal,
    },
    ui::Ui,
};
use anyhow::{Context, ensure};
use bootmint_image_factory::{
    format::{Format, Platform},
    host::Mac,
    verify,
};
use std::{
    fs::File,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

/// The card of a machine whose image names none.
const DEFAULT_MAC: &str = "52:54:00:12:34:56";

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
    /// A local disk, tried after the image: raw, or .qcow2, .vhd, .vmdk; what is written is kept
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
    /// Open iPXE's command line instead of running the ticket
    #[arg(long)]
    shell: bool,
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

/// The medium; told from the image where it is not given.
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

/// The machine's network: one NAT network of QEMU's for each card. What is not given is taken from
/// the image's ticket.
#[derive(clap::Args)]
struct NetworkArgs {
    /// The address of a network card; once for each card
    #[arg(long, value_name = "MAC")]
    mac: Vec<Mac>,
    /// The IPv4 network that the machine finds itself in
    #[arg(long, value_name = "ADDRESS/PREFIX", requires = "gateway")]
    net: Option<String>,
    /// The address in it that is the gateway, and this computer's loopback to the machine
    #[arg(long, value_name = "ADDRESS", requires = "net")]
    gateway: Option<Ipv4Addr>,
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
    let about = About::read(&args.image)?;
    let platform = platform(&args.board, &about);
    let medium = medium(&args.medium, about.format, platform);
    let acceleration = if args.kvm { Acceleration::Kvm } else { Acceleration::Emulated };
    fit::check_board(&args.image, &about.boots, platform)?;
    fit::check_medium(about.format, medium, platform)?;
    fit::check_acceleration(acceleration, platform)?;
    ensure!(
        !args.serial || platform == Platform::Bios,
        "--serial is about a BIOS, whose screen is copied to the serial line: leave it away"
    );
    let mut path = args.image.clone();
    if args.shell {
        let format = about.format.context("--shell needs an image that Bootmint made")?;
        path = shell::copy(&path, format, scratch)?;
    }
    let disks = args.disk_image.iter();
    Ok(Machine {
        image: Some(Image { path, medium }),
        disks: disks
            .map(|path| Disk { path: path.clone(), writes: Writes::Kept, bus: Bus::Board })
            .collect(),
        nics: nics(&args.network, about.expected)?,
        memory: args.memory,
        acceleration,
        screen: if args.serial { Screen::OnGraphicsCard } else { Screen::OnSerialLine },
        operator: Operator::Person,
        ..Machine::new(board(platform, scratch)?)
    })
}

/// What is known of an image: everything of one that Bootmint made, nothing of another's.
struct About {
    format: Option<Format>,
    /// The platforms that it boots on; none where that cannot be told.
    boots: Vec<Platform>,
    expected: ticket::Expected,
}

impl About {
    fn read(image: &Path) -> anyhow::Result<Self> {
        let reading = || format!("reading {}", image.display());
        let mut file = File::open(image).with_context(reading)?;
        let format = verify::sniff(&mut file).with_context(reading)?;
        let contents =
            format.and_then(|format| Some((format, verify::contents(&file, format).ok()?)));
        let Some((known, contents)) = contents else {
            let boots = fit::foreign(format, &file);
            return Ok(Self { format, boots, expected: ticket::Expected::default() });
        };
        let ticket = contents.tickets.first();
        let expected = ticket.map(|(_, script)| ticket::expected(script)).unwrap_or_default();
        Ok(Self { format, boots: fit::platforms(&contents, known, &file), expected })
    }
}

/// The platform that is asked for; x86-64 UEFI for EFI applications of which nobody says otherwise.
fn platform(args: &BoardArgs, about: &About) -> Platform {
    match about.format {
        _ if args.bios => Platform::Bios,
        _ if args.uefi => Platform::EfiX64,
        _ if args.arm64 => Platform::EfiArm64,
        Some(Format::Efi) => Platform::EfiX64,
        _ => Platform::Bios,
    }
}

fn board(platform: Platform, scratch: &Path) -> anyhow::Result<Board> {
    Ok(match platform {
        Platform::Bios => Board::Bios,
        Platform::EfiX64 => Board::Uefi(roms::flash(roms::Architecture::X64, scratch)?),
        Platform::EfiArm64 => Board::UefiArm64(roms::flash(roms::Architecture::Arm64, scratch)?),
    })
}

fn medium(args: &MediumArgs, format: Option<Format>, platform: Platform) -> Medium {
    match format {
        _ if args.cd => Medium::Cd,
        _ if args.disk => Medium::Disk,
        _ if args.usb => Medium::Usb,
        _ if args.floppy => Medium::Floppy,
        Some(Format::Efi | Format::Lkrn) => Medium::Kernel,
        Some(Format::Iso) => Medium::Cd,
        Some(Format::Floppy) if platform == Platform::Bios => Medium::Floppy,
        Some(Format::Floppy) => Medium::Usb, // as from a USB floppy drive
        Some(Format::Vhd) => Medium::Disk,
        Some(Format::Usb) | None => Medium::Usb,
    }
}

fn nics(args: &NetworkArgs, expected: ticket::Expected) -> anyhow::Result<Vec<Nic>> {
    let net = match (&args.net, args.gateway) {
        (Some(net), Some(gateway)) => {
            let reading = || format!("reading --net {net}: it is written 192.0.2.0/24");
            let (network, prefix) = net.split_once('/').with_context(reading)?;
            let network = network.parse().with_context(reading)?;
            let prefix = prefix.parse().with_context(reading)?;
            UserNet { network, prefix, gateway, ipv6: None }
        }
        _ => expected.net.unwrap_or_default(),
    };
    let mut macs = if args.mac.is_empty() { expected.macs } else { args.mac.clone() };
    if macs.is_empty() {
        macs.push(DEFAULT_MAC.parse()?);
    }
    let nic = |mac| Nic { mac, model: Model::Virtio, wire: Wire::User(net.clone()) };
    Ok(macs.into_iter().map(nic).collect())
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

    fn parse(image: &[u8], flags: &[&str]) -> anyhow::Result<Machine> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("image");
        std::fs::write(&path, image)?;
        let program_and_image = ["boot".as_ref(), path.as_os_str()];
        let flags = flags.iter().map(std::convert::AsRef::as_ref);
        let cli = Cli::try_parse_from(program_and_image.into_iter().chain(flags))?;
        machine(&cli.args, folder.path())
    }

    /// An image of nobody's that looks like `format` from outside.
    fn looks_like(format: Format) -> Vec<u8> {
        let (size, at, magic): (usize, usize, &[u8]) = match format {
            Format::Iso => (40_000, 32_769, b"CD001"),
            Format::Usb => (4096, 510, &[0x55, 0xaa]),
            Format::Vhd => (2_000_000, 2_000_000 - 512, b"conectix"),
            Format::Floppy => (1_474_560, 0, b""),
            Format::Efi => (1024, 0, b"MZ"),
            Format::Lkrn => (1024, 0x202, b"HdrS"),
        };
        let mut image = vec![0; size];
        image[at..at + magic.len()].copy_from_slice(magic);
        image
    }

    #[test]
    fn the_medium_follows_the_image_unless_told() {
        let medium = |format, flags: &[&str]| {
            parse(&looks_like(format), flags).map(|machine| machine.image.unwrap().medium).unwrap()
        };
        assert_eq!(medium(Format::Iso, &[]), Medium::Cd);
        assert_eq!(medium(Format::Iso, &["--usb"]), Medium::Usb);
        assert_eq!(medium(Format::Floppy, &[]), Medium::Floppy);
        assert_eq!(medium(Format::Floppy, &["--disk"]), Medium::Disk);
        assert_eq!(medium(Format::Usb, &[]), Medium::Usb);
        assert_eq!(medium(Format::Vhd, &[]), Medium::Disk);
        assert_eq!(medium(Format::Lkrn, &[]), Medium::Kernel);
        assert_eq!(parse(&[0; 4096], &[]).unwrap().image.unwrap().medium, Medium::Usb);
    }

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        let iso = looks_like(Format::Iso);
        assert!(parse(&iso, &["--bios", "--uefi"]).is_err());
        assert!(parse(&iso, &["--cd", "--usb"]).is_err());
        assert!(parse(&iso, &["--net", "192.0.2.0/24"]).is_err());
        assert!(parse(&looks_like(Format::Efi), &["--bios"]).is_err());
    }

    #[test]
    fn a_shell_needs_an_image_with_a_ticket() {
        for image in [vec![0; 4096], looks_like(Format::Iso), looks_like(Format::Floppy)] {
            assert!(parse(&image, &["--shell"]).is_err());
        }
    }

    #[test]
    fn cards_and_their_network_are_as_asked() {
        let flags = ["--mac", "52:54:00:00:00:01", "--mac", "52:54:00:00:00:02"];
        let network = ["--net", "192.0.2.0/24", "--gateway", "192.0.2.1"];
        let iso = looks_like(Format::Iso);
        let machine = parse(&iso, &[flags.as_slice(), &network].concat()).unwrap();
        let macs: Vec<_> = machine.nics.iter().map(|nic| nic.mac.to_string()).collect();
        assert_eq!(macs, ["52:54:00:00:00:01", "52:54:00:00:00:02"]);
        let text = machine.command().unwrap().to_string();
        assert!(text.contains("net=192.0.2.0/24,host=192.0.2.1"), "{text}");
        assert!(text.contains("-serial mon:stdio") && !text.contains("-no-reboot"), "{text}");
        for bad in ["52:54:00:00:00", "52:54:00:00:00:0g", "52:54:00:00:00:01,x=y"] {
            assert!(parse(&iso, &["--mac", bad]).is_err(), "{bad}");
        }
    }
}

//! What a QEMU machine consists of.

use bootmint_image_factory::host::{Mac, Uuid};
use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

/// A machine to start: the image it boots, its local disks, its network, and who watches it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The kind of machine and the firmware on its board.
    pub board: Board,
    /// What it boots first.
    pub image: Option<Image>,
    /// Its local disks, tried in this order after the image.
    pub disks: Vec<Disk>,
    /// Its network cards, in the order in which iPXE numbers them.
    pub nics: Vec<Nic>,
    /// What SMBIOS says the machine is.
    pub identity: Identity,
    /// What QEMU's firmware configuration device has besides: names and values.
    pub fw_cfg: Vec<(String, String)>,
    /// RAM in MiB.
    pub memory: u32,
    /// How instructions run.
    pub acceleration: Acceleration,
    /// Where a BIOS machine's screen goes.
    pub screen: Screen,
    /// Who watches it.
    pub operator: Operator,
}

impl Machine {
    /// A machine with nothing attached, watched by a program.
    pub fn new(board: Board) -> Self {
        Self {
            board,
            image: None,
            disks: Vec::new(),
            nics: Vec::new(),
            identity: Identity::default(),
            fw_cfg: Vec::new(),
            memory: 512,
            acceleration: Acceleration::Emulated,
            screen: Screen::OnSerialLine,
            operator: Operator::Program,
        }
    }
}

/// The kind of machine and the firmware on its board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Board {
    /// An x86-64 PC with SeaBIOS.
    Bios,
    /// An x86-64 PC with OVMF.
    Uefi(Flash),
    /// The same with Secure Boot, whose keys are in the variable store.
    UefiSecure(Flash),
    /// An AArch64 `virt` machine with UEFI.
    UefiArm64(Flash),
}

/// The two flash chips of a UEFI machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    /// The firmware's code; only read.
    pub code: PathBuf,
    /// The machine's own copy of the variable store; written.
    pub variables: PathBuf,
}

/// The image under test and how the machine meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The file; never written.
    pub path: PathBuf,
    /// What the machine takes it for.
    pub medium: Medium,
}

/// What an image is attached as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// A CD in a drive: ATAPI on x86-64, SCSI on AArch64.
    Cd,
    /// A fixed disk: IDE or AHCI on x86-64, virtio on AArch64.
    Disk,
    /// A USB stick on an xHCI controller.
    Usb,
    /// A floppy; BIOS machines only.
    Floppy,
    /// A kernel that QEMU hands to the firmware (`-kernel`): `lkrn` on BIOS, `efi` on UEFI.
    Kernel,
    /// A file that the machine loads by DHCP and TFTP over its first card, from QEMU's own server;
    /// everything else in the file's folder can be had there too.
    Pxe,
    /// The option ROM of its first card.
    OptionRom,
}

/// A local disk; raw, unless its name ends in another format's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The file.
    pub path: PathBuf,
    /// What becomes of the machine's writes.
    pub writes: Writes,
    /// What it hangs on.
    pub bus: Bus,
}

/// What a local disk hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// What the board has.
    Board,
    /// An xHCI controller of its own: Debian's installer has the driver at hand from the start.
    Usb,
}

/// What becomes of writes to a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// They go to the file.
    Kept,
    /// They are forgotten when the machine ends.
    Discarded,
}

/// A network card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nic {
    /// Its address.
    pub mac: Mac,
    /// What it looks like to the machine.
    pub model: Model,
    /// What it is plugged into.
    pub wire: Wire,
}

/// Models of network cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// virtio-net on PCI.
    Virtio,
    /// Intel 82540EM.
    E1000,
    /// Intel 82574L.
    E1000e,
    /// Intel 82559ER.
    I82559er,
    /// Realtek 8139.
    Rtl8139,
    /// VMware's paravirtual card.
    Vmxnet3,
    /// AMD PCnet, VMware's oldest.
    Pcnet,
    /// DEC 21143, the family of Hyper-V's legacy adapter.
    Tulip,
    /// Realtek 8029, with the PXE code of its usual ROM.
    Ne2k,
    /// A USB adapter of the class CDC-ECM, on an xHCI controller of its own.
    UsbNet,
}

/// What a network card is plugged into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    /// QEMU's own NAT, which reaches servers on this machine's loopback through its gateway.
    User(UserNet),
    /// Ethernet frames, one per UDP datagram.
    Datagrams {
        /// Where QEMU receives.
        local: SocketAddr,
        /// Where QEMU sends.
        remote: SocketAddr,
    },
    /// A switch that only the machine's other isolated cards are on: the link is up, nobody answers.
    Isolated,
}

impl Wire {
    /// QEMU's `-netdev` value for this end of the wire, under the name `id`.
    pub fn netdev(&self, id: &str) -> String {
        match self {
            Self::User(net) => net.netdev(id),
            Self::Datagrams { local, remote } => format!(
                "dgram,id={id},local.type=inet,local.host={},local.port={},\
                 remote.type=inet,remote.host={},remote.port={}",
                local.ip(),
                local.port(),
                remote.ip(),
                remote.port()
            ),
            Self::Isolated => format!("hubport,id={id},hubid=0"),
        }
    }
}

/// The addresses of a user-mode network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserNet {
    /// The IPv4 network's address.
    pub network: Ipv4Addr,
    /// The length of its prefix.
    pub prefix: u8,
    /// The gateway, which is this machine's 127.0.0.1 to the guest.
    pub gateway: Ipv4Addr,
    /// The IPv6 network, a /64, and the gateway, which is this machine's ::1 to the guest.
    pub ipv6: Option<(Ipv6Addr, Ipv6Addr)>,
}

impl UserNet {
    /// QEMU's `-netdev` value for this network, under the name `id`.
    pub(super) fn netdev(&self, id: &str) -> String {
        let Self { network, prefix, gateway, ipv6 } = self;
        let ipv6 = match ipv6 {
            Some((prefix, host)) => format!("ipv6=on,ipv6-prefix={prefix},ipv6-host={host}"),
            None => "ipv6=off".to_owned(),
        };
        format!("user,id={id},ipv4=on,net={network}/{prefix},host={gateway},{ipv6}")
    }
}

impl Default for UserNet {
    /// QEMU's customary network: 10.0.2.0/24 with the gateway 10.0.2.2, no IPv6.
    fn default() -> Self {
        Self {
            network: Ipv4Addr::new(10, 0, 2, 0),
            prefix: 24,
            gateway: Ipv4Addr::new(10, 0, 2, 2),
            ipv6: None,
        }
    }
}

/// What SMBIOS says the machine is; QEMU's defaults where empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The system's UUID.
    pub uuid: Option<Uuid>,
    /// The system's serial number.
    pub serial: Option<String>,
    /// The chassis' asset tag.
    pub asset: Option<String>,
    /// The OEM strings, in order.
    pub oem: Vec<String>,
}

/// How the machine's instructions run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceleration {
    /// Translated by QEMU; works everywhere.
    Emulated,
    /// By the processor, through Linux's KVM. Never chosen unasked: on some hosts
    /// `/dev/kvm` opens and then fails at real-mode code.
    Kvm,
}

/// Where a BIOS machine's text screen goes. UEFI writes to its serial line by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// SeaBIOS copies it to the serial line.
    OnSerialLine,
    /// To the graphics card only; for firmware with a serial console of its own, whose every
    /// character would appear twice.
    OnGraphicsCard,
}

/// Who watches the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// A program: the serial line is standard output, a restart ends QEMU, and on x86 a write to
    /// port 0xf4 ends it with the status `value * 2 + 1`.
    Program,
    /// A person: terminal and serial line are one, with QEMU's monitor behind Ctrl-A C.
    Person,
}

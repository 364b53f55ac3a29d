//! The lines that machines are started with.

use super::super::machine::{Identity, UserNet};
use super::*;

fn flash() -> Flash {
    Flash { code: "/roms/code.fd".into(), variables: "/tmp/vars.fd".into() }
}

fn image(medium: Medium) -> Option<Image> {
    Some(Image { path: "/tmp/a.img".into(), medium })
}

fn text(machine: &Machine) -> String {
    machine.command().unwrap().to_string()
}

#[test]
fn a_bios_machine_with_a_cd_and_a_local_disk() {
    let machine = Machine {
        image: image(Medium::Cd),
        disks: vec![Disk {
            path: "/tmp/local.img".into(),
            writes: Writes::Discarded,
            bus: Bus::Board,
        }],
        nics: vec![Nic {
            mac: "52:54:00:00:00:01".parse().unwrap(),
            model: Model::Virtio,
            wire: Wire::User(UserNet::default()),
        }],
        ..Machine::new(Board::Bios)
    };
    assert_eq!(
        text(&machine),
        "qemu-system-x86_64 -name bootmint -nodefaults -no-user-config -accel tcg -m 512 \
         -machine pc,graphics=off -device VGA -display none -boot menu=off -monitor none \
         -serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=0x04 \
         -drive if=none,id=image,format=raw,media=cdrom,readonly=on,file=/tmp/a.img \
         -device ide-cd,drive=image,bootindex=0 \
         -drive if=none,id=disk0,format=raw,snapshot=on,file=/tmp/local.img \
         -device ide-hd,drive=disk0,bootindex=1 -nic none \
         -netdev user,id=net0,ipv4=on,net=10.0.2.0/24,host=10.0.2.2,ipv6=off \
         -device virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,romfile="
    );
}

#[test]
fn a_uefi_machine_with_a_usb_stick_for_a_person() {
    let machine = Machine {
        image: image(Medium::Usb),
        operator: Operator::Person,
        ..Machine::new(Board::Uefi(flash()))
    };
    assert_eq!(
        text(&machine),
        "qemu-system-x86_64 -name bootmint -nodefaults -no-user-config -accel tcg -m 512 \
         -machine q35 -drive if=pflash,format=raw,readonly=on,file=/roms/code.fd \
         -drive if=pflash,format=raw,file=/tmp/vars.fd -device virtio-rng-pci -display none \
         -boot menu=off -serial mon:stdio \
         -drive if=none,id=image,format=raw,snapshot=on,file=/tmp/a.img -device qemu-xhci \
         -device usb-storage,drive=image,bootindex=0 -nic none"
    );
}

#[test]
fn an_arm_machine_has_its_own_buses_and_no_x86_port() {
    let machine = Machine {
        image: image(Medium::Cd),
        disks: vec![Disk { path: "/d".into(), writes: Writes::Kept, bus: Bus::Board }],
        ..Machine::new(Board::UefiArm64(flash()))
    };
    let text = text(&machine);
    assert!(text.starts_with("qemu-system-aarch64 "), "{text}");
    assert!(text.contains("-machine virt -cpu cortex-a57"), "{text}");
    assert!(text.contains("-device virtio-scsi-pci -device scsi-cd,drive=image"), "{text}");
    assert!(text.contains("snapshot=off,file=/d -device virtio-blk-pci,drive=disk0"), "{text}");
    assert!(!text.contains("isa-debug-exit") && text.contains("-no-reboot"), "{text}");
}

#[test]
fn each_medium_has_its_device() {
    let devices = [
        (Medium::Disk, "-device ide-hd,drive=image,bootindex=0"),
        (Medium::Floppy, "-device floppy,drive=image -global isa-fdc.bootindexA=0"),
        (Medium::Kernel, "-kernel /tmp/a.img"),
    ];
    for (medium, expected) in devices {
        let machine = Machine { image: image(medium), ..Machine::new(Board::Bios) };
        assert!(text(&machine).contains(expected), "{medium:?}: {}", text(&machine));
    }
    let uefi = Board::Uefi(flash());
    let machine = Machine { image: image(Medium::Floppy), ..Machine::new(uefi) };
    assert_eq!(machine.command(), Err(Unsupported::FloppyOnUefi));
}

#[test]
fn wires_screens_and_accelerators() {
    let nic = |wire| Nic { mac: "52:54:00:00:00:02".parse().unwrap(), model: Model::E1000, wire };
    let ipv6 = Some(("fd00:1::".parse().unwrap(), "fd00:1::1".parse().unwrap()));
    let machine = Machine {
        nics: vec![
            nic(Wire::Datagrams {
                local: "127.0.0.1:5000".parse().unwrap(),
                remote: "127.0.0.1:5001".parse().unwrap(),
            }),
            nic(Wire::Isolated),
            nic(Wire::User(UserNet { ipv6, ..UserNet::default() })),
        ],
        acceleration: Acceleration::Kvm,
        screen: Screen::OnGraphicsCard,
        ..Machine::new(Board::Bios)
    };
    let text = text(&machine);
    for expected in [
        "-accel kvm",
        "-machine pc -device VGA",
        "-netdev dgram,id=net0,local.type=inet,local.host=127.0.0.1,local.port=5000,\
         remote.type=inet,remote.host=127.0.0.1,remote.port=5001",
        "-netdev hubport,id=net1,hubid=0 -device e1000,netdev=net1",
        "host=10.0.2.2,ipv6=on,ipv6-prefix=fd00:1::,ipv6-host=fd00:1::1",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn commas_do_not_end_a_path_nor_smuggle_an_option() {
    let path = "/tmp/a,snapshot=off.img".into();
    let mut machine =
        Machine { image: Some(Image { path, medium: Medium::Disk }), ..Machine::new(Board::Bios) };
    assert!(text(&machine).contains("file=/tmp/a,,snapshot=off.img"), "{}", text(&machine));
    machine.identity = Identity { serial: Some("x,y".into()), ..Identity::default() };
    assert_eq!(machine.command(), Err(Unsupported::CommaInIdentity("x,y".into())));
}

#[test]
fn a_card_brings_what_is_loaded_through_it() {
    let card = || Nic {
        mac: "52:54:00:00:00:01".parse().unwrap(),
        model: Model::E1000,
        wire: Wire::User(UserNet::default()),
    };
    let with = |medium, nics| Machine { image: image(medium), nics, ..Machine::new(Board::Bios) };
    let pxe = text(&with(Medium::Pxe, vec![card(), card()]));
    assert_eq!(pxe.matches(",tftp=/tmp,bootfile=a.img -device e1000,netdev=net0").count(), 1);
    assert!(pxe.contains("bootindex=0 ") && pxe.ends_with("romfile="), "{pxe}");
    let rom = text(&with(Medium::OptionRom, vec![card()]));
    assert!(rom.ends_with("bootindex=0,romfile=/tmp/a.img"), "{rom}");
    for medium in [Medium::Pxe, Medium::OptionRom] {
        assert_eq!(with(medium, Vec::new()).command(), Err(Unsupported::NoCard));
    }
}

#[test]
fn the_identity_reaches_smbios() {
    let machine = Machine {
        identity: Identity {
            uuid: Some("6d1b4f0e-0000-4000-8000-000000000001".parse().unwrap()),
            serial: Some("S/N 7".into()),
            asset: Some("A-9".into()),
            oem: vec!["a".into(), "b,c".into()],
        },
        fw_cfg: vec![("opt/x".into(), "y,z".into())],
        ..Machine::new(Board::Bios)
    };
    assert!(text(&machine).contains(
        "-uuid 6d1b4f0e-0000-4000-8000-000000000001 -smbios 'type=1,serial=S/N 7' \
         -smbios type=3,asset=A-9 -smbios type=11,value=a,value=b,,c \
         -fw_cfg name=opt/x,string=y,,z"
    ));
}

#[test]
fn disks_of_hypervisors_are_opened_as_what_they_are() {
    for (name, format) in [("a.vhd", "vpc"), ("a.qcow2", "qcow2"), ("a.iso", "raw")] {
        let image = Some(Image { path: name.into(), medium: Medium::Disk });
        let text = text(&Machine { image, ..Machine::new(Board::Bios) });
        assert!(text.contains(&format!("format={format},snapshot=on,file={name}")), "{text}");
    }
}

#[test]
fn cards_have_a_rom_or_a_controller_where_they_need_one() {
    let mac = "52:54:00:00:00:01".parse().unwrap();
    let nic = |model| Nic { mac, model, wire: Wire::Isolated };
    let nics = vec![nic(Model::Vmxnet3), nic(Model::Ne2k), nic(Model::UsbNet)];
    let text = text(&Machine { nics, ..Machine::new(Board::Bios) });
    assert!(text.contains("-device vmxnet3,netdev=net0,mac=52:54:00:00:00:01,romfile= "));
    assert!(text.contains("-device ne2k_pci,netdev=net1,mac=52:54:00:00:00:01 "), "{text}");
    let usb = "-device qemu-xhci,id=xhci-net2 -netdev hubport,id=net2,hubid=0 \
               -device usb-net,netdev=net2,mac=52:54:00:00:00:01,bus=xhci-net2.0";
    assert!(text.ends_with(usb), "{text}");
}

#[test]
fn a_flash_image_in_qcow2_is_named_so() {
    let flash = Flash { code: "/roms/code.qcow2".into(), variables: "/tmp/vars.fd".into() };
    let text = text(&Machine::new(Board::Uefi(flash)));
    assert!(text.contains("format=qcow2,readonly=on,file=/roms/code.qcow2"), "{text}");
}

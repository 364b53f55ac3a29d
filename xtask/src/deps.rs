//! Which tools a task needs, in which packages they are, and how to install them.

use crate::ui::Ui;
use anyhow::{Context, bail};
use std::{
    fmt,
    path::{Path, PathBuf},
};
use xshell::{Shell, cmd};

/// Arguments of `cargo xtask deps`.
#[derive(clap::Args)]
pub struct Args {
    /// What the tools are for
    #[arg(long = "for", value_enum, default_value_t = Task::Images)]
    task: Task,
    /// Install what is missing (as root, by apt-get or dnf)
    #[arg(long)]
    install: bool,
}

/// What someone wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Task {
    /// Compile firmware and build images
    Images,
    /// Run the whole test suite
    Tests,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Images => "images",
            Self::Tests => "tests",
        })
    }
}

/// How to tell that a tool is there.
#[derive(Clone, Copy, Debug)]
enum Probe {
    /// A program on the search path.
    Program(&'static str),
    /// One of these files.
    File(&'static [&'static str]),
}

/// A tool, the first task that needs it, and its package on each family of distributions.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    probe: Probe,
    task: Task,
    debian: &'static str,
    fedora: &'static str,
}

const fn program(
    name: &'static str,
    task: Task,
    debian: &'static str,
    fedora: &'static str,
) -> Tool {
    Tool { probe: Probe::Program(name), task, debian, fedora }
}

const fn file(
    names: &'static [&'static str],
    task: Task,
    debian: &'static str,
    fedora: &'static str,
) -> Tool {
    Tool { probe: Probe::File(names), task, debian, fedora }
}

const TOOLS: &[Tool] = &[
    program("gcc", Task::Images, "gcc", "gcc"),
    program("make", Task::Images, "make", "make"),
    program("perl", Task::Images, "perl", "perl"),
    program("git", Task::Images, "git", "git"),
    file(
        &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"],
        Task::Images,
        "ca-certificates",
        "ca-certificates",
    ),
    file(&["/usr/include/lzma.h"], Task::Images, "liblzma-dev", "xz-devel"),
    file(&["/usr/include/stdio.h"], Task::Images, "libc6-dev", "glibc-devel"),
    file(
        &[
            "/usr/lib/postgresql/15/bin/initdb",
            "/usr/lib/postgresql/17/bin/initdb",
            "/usr/lib/postgresql/18/bin/initdb",
            "/usr/bin/initdb",
        ],
        Task::Tests,
        "postgresql",
        "postgresql-server",
    ),
    file(
        &["/usr/sbin/mariadbd", "/usr/libexec/mariadbd", "/usr/bin/mariadbd"],
        Task::Tests,
        "mariadb-server",
        "mariadb-server",
    ),
    program("qemu-img", Task::Tests, "qemu-utils", "qemu-img"),
    // A domain controller for the sign-in by Active Directory, and OpenLDAP.
    program("samba", Task::Tests, "samba-ad-dc", "samba-dc"),
    file(
        &["/usr/share/samba/setup/provision.ldif"],
        Task::Tests,
        "samba-ad-provision",
        "samba-dc-provision",
    ),
    // Tickets of that domain: a library of the system with its headers, of which libclang makes
    // bindings, and clients.
    file(&["/usr/include/gssapi/gssapi_ext.h"], Task::Tests, "libkrb5-dev", "krb5-devel"),
    program("pkg-config", Task::Tests, "pkg-config", "pkgconf-pkg-config"),
    file(
        &[
            "/usr/lib/llvm-14/lib/libclang.so.1",
            "/usr/lib/llvm-18/lib/libclang.so.1",
            "/usr/lib/llvm-19/lib/libclang.so.1",
            "/usr/lib/llvm-20/lib/libclang.so.1",
            "/usr/lib/llvm-21/lib/libclang.so.1",
            "/usr/lib64/libclang.so",
        ],
        Task::Tests,
        "libclang-dev",
        "clang-devel",
    ),
    program("kinit", Task::Tests, "krb5-user", "krb5-workstation"),
    program("curl", Task::Tests, "curl", "curl"),
    program("slapd", Task::Tests, "slapd", "openldap-servers"),
    program("qemu-system-x86_64", Task::Tests, "qemu-system-x86", "qemu-system-x86-core"),
    file(
        &[
            "/usr/share/OVMF/OVMF_CODE_4M.fd",
            "/usr/share/edk2/ovmf/OVMF_CODE_4M.qcow2",
            "/usr/share/edk2/ovmf/OVMF_CODE.fd",
        ],
        Task::Tests,
        "ovmf",
        "edk2-ovmf",
    ),
    program("aarch64-linux-gnu-gcc", Task::Tests, "gcc-aarch64-linux-gnu", "gcc-aarch64-linux-gnu"),
    program("qemu-system-aarch64", Task::Tests, "qemu-system-arm", "qemu-system-aarch64-core"),
    file(
        &[
            "/usr/share/AAVMF/AAVMF_CODE.fd",
            "/usr/share/edk2/aarch64/QEMU_EFI-pflash.qcow2",
            "/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw",
        ],
        Task::Tests,
        "qemu-efi-aarch64",
        "edk2-aarch64",
    ),
    file(&["/usr/include/slirp/libslirp.h"], Task::Tests, "libslirp-dev", "libslirp-devel"),
    program("openssl", Task::Tests, "openssl", "openssl"),
    program("sbsign", Task::Tests, "sbsigntool", "sbsigntools"),
    program("sign-efi-sig-list", Task::Tests, "efitools", "efitools"),
    file(
        &["/usr/lib/shim/shimx64.efi", "/usr/share/shim/x64/shimx64.efi"],
        Task::Tests,
        "shim-unsigned",
        "shim-unsigned-x64",
    ),
    file(
        &["/usr/lib/shim/shimx64.efi.signed", "/boot/efi/EFI/BOOT/BOOTX64.EFI"],
        Task::Tests,
        "shim-signed",
        "shim-x64",
    ),
    program("ssh-keygen", Task::Tests, "openssh-client", "openssh"),
    program("minisign", Task::Tests, "minisign", "minisign"),
    file(
        &["/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/linux"],
        Task::Tests,
        "debian-installer-12-netboot-amd64",
        "debian-installer-12-netboot-amd64",
    ),
    program("cpio", Task::Tests, "cpio", "cpio"),
    program("chromium", Task::Tests, "chromium", "chromium"),
    program("chromedriver", Task::Tests, "chromium-driver", "chromedriver"),
    file(
        &[
            "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
            "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
        ],
        Task::Tests,
        "fonts-dejavu-core",
        "dejavu-sans-fonts",
    ),
    // They read what installed systems are told of their networks. Installing them starts nothing.
    program("ifquery", Task::Tests, "ifupdown", "ifupdown"),
    // Debian's installer has its shell.
    program("busybox", Task::Tests, "busybox", "busybox"),
    program("netplan", Task::Tests, "netplan.io", "netplan"),
    program("strace", Task::Tests, "strace", "strace"),
    program("systemd-analyze", Task::Tests, "systemd", "systemd"),
    program("tgtd", Task::Tests, "tgt", "scsi-target-utils"),
    program("valgrind", Task::Tests, "valgrind", "valgrind"),
    program("xorriso", Task::Tests, "xorriso", "xorriso"),
    program("isoinfo", Task::Tests, "genisoimage", "genisoimage"),
    program("sgdisk", Task::Tests, "gdisk", "gdisk"),
    program("fsck.fat", Task::Tests, "dosfstools", "dosfstools"),
    program("mcopy", Task::Tests, "mtools", "mtools"),
    file(
        &["/usr/lib/ISOLINUX/isolinux.bin", "/usr/share/syslinux/isolinux.bin"],
        Task::Tests,
        "isolinux",
        "syslinux",
    ),
    file(
        &["/usr/lib/syslinux/modules/bios/ldlinux.c32", "/usr/share/syslinux/ldlinux.c32"],
        Task::Tests,
        "syslinux-common",
        "syslinux",
    ),
];

impl fmt::Display for Tool {
    /// The tool and the packages that have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, debian, fedora) = (self.name(), self.debian, self.fedora);
        write!(f, "{name} (package {debian} on Debian and Ubuntu, {fedora} on Fedora)")
    }
}

impl Tool {
    fn name(&self) -> &'static str {
        match self.probe {
            Probe::Program(name) => name,
            Probe::File(names) => names[0],
        }
    }

    fn is_there(&self) -> bool {
        match self.probe {
            Probe::Program(name) => on_path(name).is_some(),
            Probe::File(names) => names.iter().any(|name| Path::new(name).exists()),
        }
    }
}

/// Where a program is, on the search path or in the folders of system programs.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Runs `cargo xtask deps`.
pub fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    if args.install {
        return install(args.task, ui);
    }
    let missing = missing(args.task);
    ui.json(&missing.iter().map(|tool| tool.name()).collect::<Vec<_>>())?;
    if missing.is_empty() {
        ui.result(format_args!("everything that {} need is there", args.task));
        return Ok(());
    }
    for tool in &missing {
        ui.result(format_args!("missing: {tool}"));
    }
    bail!("{} tools are missing: cargo xtask deps --for {} --install", missing.len(), args.task)
}

/// Installs what `task` needs and is missing; does nothing where all is there.
pub fn install(task: Task, ui: &Ui) -> anyhow::Result<()> {
    // Twice: a package may push out one that was there, of another release, and is needed too.
    for _ in 0..2 {
        let missing = missing(task);
        if missing.is_empty() {
            return Ok(());
        }
        install_these(&missing, task, ui)?;
    }
    match missing(task).first() {
        None => Ok(()),
        Some(tool) => bail!("{} is still missing after the installation", tool.name()),
    }
}

fn install_these(missing: &[Tool], task: Task, ui: &Ui) -> anyhow::Result<()> {
    let shell = Shell::new()?;
    if on_path("apt-get").is_some() {
        let packages = packages(missing, |tool| tool.debian);
        ui.note(format_args!("installing {}", packages.join(" ")));
        let _noninteractive = shell.push_env("DEBIAN_FRONTEND", "noninteractive");
        cmd!(shell, "apt-get update -qq").ignore_stdout().run().context(ROOT)?;
        cmd!(shell, "apt-get install -y -qq --no-install-recommends {packages...}")
            .ignore_stdout()
            .run()
            .context(ROOT)
    } else if on_path("dnf").is_some() {
        let packages = packages(missing, |tool| tool.fedora);
        ui.note(format_args!("installing {}", packages.join(" ")));
        cmd!(shell, "dnf install -y -q {packages...}").run().context(ROOT)
    } else {
        bail!(
            "found neither apt-get nor dnf: install by hand what `cargo xtask deps --for {task}` lists"
        )
    }
}

const ROOT: &str = "installing packages: this needs root";

/// The tools that `task` needs and that are not there.
pub fn missing(task: Task) -> Vec<Tool> {
    TOOLS.iter().filter(|tool| tool.task <= task && !tool.is_there()).copied().collect()
}

/// Those tools of these Debian packages that are not there. A package that this module does not
/// know is an error: nobody would install it.
pub fn missing_of(packages: &[&str]) -> anyhow::Result<Vec<Tool>> {
    let known = |package: &&&str| TOOLS.iter().any(|tool| tool.debian == **package);
    if let Some(unknown) = packages.iter().find(|package| !known(package)) {
        bail!("the package {unknown} is not among those that are installed for tests");
    }
    let wanted = |tool: &&Tool| packages.contains(&tool.debian) && !tool.is_there();
    Ok(TOOLS.iter().filter(wanted).copied().collect())
}

fn packages(tools: &[Tool], name: impl Fn(&Tool) -> &'static str) -> Vec<&'static str> {
    let mut names: Vec<_> = tools.iter().map(name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_every_system_is_found_and_a_made_up_one_is_not() {
        assert!(on_path("sh").is_some());
        assert!(on_path("no-such-program-of-any-system").is_none());
    }

    #[test]
    fn a_test_asks_for_packages_that_are_installed_for_tests() {
        assert!(missing_of(&["gcc", "ovmf"]).is_ok());
        assert!(missing_of(&["gcc", "gc"]).unwrap_err().to_string().contains("package gc is not"));
    }

    #[test]
    fn packages_are_named_once() {
        let tools: Vec<_> =
            TOOLS.iter().filter(|tool| tool.fedora == "syslinux").copied().collect();
        assert!(tools.len() > 1);
        assert_eq!(packages(&tools, |tool| tool.fedora), ["syslinux"]);
    }
}

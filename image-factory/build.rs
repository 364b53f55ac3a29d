//! Assembles the BIOS loader and links it flat: `loader/*.S` become four small files in `OUT_DIR`
//! that `src/layout/loader.rs` includes.
//!
//! The `cc` crate finds the compiler; on hosts that are not x86 it looks for a cross compiler.
#![allow(clippy::print_stdout, reason = "a build script talks to Cargo on standard output")]

use std::{env, error::Error, path::Path, process::ExitCode};

/// Each piece and the address it is linked for: see `loader/defs.inc`. The partition's boot
/// sector starts after the 62 bytes of jump and parameters that it shares its sector with.
const PIECES: [(&str, u32); 4] =
    [("mbr", 0x600), ("vbr", 0x600 + 62), ("stage2", 0x7c00), ("lkrn", 0x7c00)];

/// What to do when a piece cannot be assembled.
const REMEDY: &str = "the BIOS loader needs a C compiler and assembler for x86: install gcc \
    (Debian, Ubuntu, Fedora); on hosts that are not x86 install gcc-i686-linux-gnu (Debian, \
    Ubuntu), or gcc-x86_64-linux-gnu (Fedora) and set CC_i686_unknown_linux_gnu to it";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=loader");
    for (name, address) in PIECES {
        if let Err(error) = build(name, address) {
            for line in format!("assembling loader/{name}.S: {error}\n{REMEDY}").lines() {
                println!("cargo::error={line}");
            }
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn build(name: &str, address: u32) -> Result<(), Box<dyn Error>> {
    let mut compiler = cc::Build::new();
    compiler
        .target("i686-unknown-linux-gnu")
        .cargo_metadata(false)
        .cargo_warnings(false)
        .opt_level(0)
        .debug(false)
        .flag("-Ui386") // else the preprocessor eats the word in `.arch i386`
        .include("loader");
    let objects = compiler.clone().file(format!("loader/{name}.S")).try_compile_intermediates()?;
    let flat = Path::new(&env::var("OUT_DIR")?).join(format!("{name}.bin"));
    let linked = compiler
        .try_get_compiler()?
        .to_command()
        .args(["-nostdlib", "-static", "-no-pie", "-Wl,--oformat=binary", "-Wl,--build-id=none"])
        .arg(format!("-Wl,-Ttext={address:#x},-e,{address:#x}"))
        .args(objects)
        .arg("-o")
        .arg(&flat)
        .output()?;
    if !linked.status.success() {
        return Err(format!("linking: {}", String::from_utf8_lossy(&linked.stderr)).into());
    }
    Ok(())
}

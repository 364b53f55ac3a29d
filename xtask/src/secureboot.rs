//! `cargo xtask secureboot`: an organisation's own Secure Boot keys, and a stick to enrol them from.
//!
//! Three keys: PK, the owner of the machine; KEK, who may change what is allowed; db, what may
//! start. Each is a self-made certificate with its key, and the same certificate in the forms
//! that firmware setups read: `.cer` (DER), `.esl` (a signature list), `.auth` (a list signed by
//! the key above it).

use crate::{build_progress::BuildProgress, ui::Ui};
use anyhow::{Context, bail};
use bootmint_image_factory::layout;
use bootmint_ipxe_src::{progress::Progress as _, run::Invocation};
use sha2::{Digest, Sha256};
use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// The keys with the keys that sign them, in the order in which they are made.
const KEYS: [(&str, &str); 3] = [("PK", "PK"), ("KEK", "PK"), ("db", "KEK")];
/// The forms of a certificate that firmware setups read.
const FORMS: [&str; 3] = ["auth", "cer", "esl"];
/// How long the certificates are valid, in days; firmware does not look at it.
const DAYS: &str = "7300";
/// What the stick says to who looks into it.
const README: &str = "Secure Boot keys.\r\n\r\n\
    In the machine's firmware setup, put Secure Boot into setup mode (clear the platform key),\r\n\
    then enrol from this stick, in this order: keys/db, keys/KEK, keys/PK. Take the .auth files;\r\n\
    setups that do not read those take .cer or .esl. The PK ends setup mode.\r\n";

/// Arguments of `cargo xtask secureboot`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Makes PK, KEK and db with their private keys
    Keys {
        /// A folder that does not exist yet
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Whose keys they are: the name in the certificates
        #[arg(long, default_value = "Bootmint lab")]
        owner: String,
    },
    /// Makes a USB image from which a firmware setup enrols the certificates
    EnrollImage {
        /// The folder of `secureboot keys`
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// The image
        #[arg(long, value_name = "FILE", default_value = "secureboot-enroll.usb.img")]
        out: PathBuf,
    },
}

/// Runs `cargo xtask secureboot`.
pub fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    match args.command {
        Command::Keys { folder, owner } => keys(&folder, &owner, ui),
        Command::EnrollImage { folder, out } => enroll_image(&folder, &out, ui),
    }
}

fn keys(folder: &Path, owner: &str, ui: &Ui) -> anyhow::Result<()> {
    check_owner(owner)?;
    if folder.exists() {
        bail!(
            "{} is there already, and keys are never overwritten: name a new folder",
            folder.display()
        );
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let stage = tempfile::Builder::new()
        .prefix(".secureboot-")
        .tempdir_in(parent.unwrap_or(Path::new(".")))
        .with_context(|| format!("making a folder beside {}", folder.display()))?;
    let made = stage.path().join("keys");
    fs::DirBuilder::new().mode(0o700).create(&made).context("making a folder")?;
    make(&made, owner, ui)?;
    fs::rename(&made, folder).with_context(|| format!("publishing {}", folder.display()))?;
    ui.result(folder.display());
    ui.note("keep *.key where nobody reads them; db.pem and db.key sign firmware: [secure-boot] lane = \"own-key\"");
    ui.json(&folder)
}

/// Makes the keys in `folder`, which is empty and nobody else's.
pub fn make(folder: &Path, owner: &str, ui: &Ui) -> anyhow::Result<()> {
    let mut progress = BuildProgress::new(ui);
    let mut run =
        |command: Invocation| command.folder(folder).capture(&mut |said| progress.said(said));
    for (name, _) in KEYS {
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        run(Invocation::new("openssl")
            .args(["req", "-new", "-x509", "-newkey", "rsa:2048", "-noenc", "-sha256"])
            .args(["-days", DAYS, "-subj", &format!("/CN={owner} {name}/")])
            .args(["-keyout", &key, "-out", &pem]))?;
        let private = folder.join(&key);
        fs::set_permissions(&private, fs::Permissions::from_mode(0o600))
            .with_context(|| format!("closing {}", private.display()))?;
        let cer = format!("{name}.cer");
        run(
            Invocation::new("openssl").args(["x509", "-in", &pem, "-outform", "DER", "-out", &cer])
        )?;
    }
    let guid = owner_guid(&fs::read(folder.join("PK.cer")).context("reading PK.cer")?);
    for (name, signer) in KEYS {
        let (pem, esl, auth) =
            (format!("{name}.pem"), format!("{name}.esl"), format!("{name}.auth"));
        let (key, cert) = (format!("{signer}.key"), format!("{signer}.pem"));
        run(Invocation::new("cert-to-efi-sig-list").args(["-g", &guid, &pem, &esl]))?;
        run(Invocation::new("sign-efi-sig-list")
            .args(["-g", &guid, "-k", &key, "-c", &cert, name, &esl, &auth]))?;
    }
    fs::write(folder.join("owner.guid"), guid + "\n").context("writing owner.guid")
}

/// The name goes into a certificate's subject, where `/`, `+` and `=` are separators.
fn check_owner(owner: &str) -> anyhow::Result<()> {
    let plain = |c: char| c.is_alphanumeric() || " .,-_&()".contains(c);
    if owner.is_empty() || owner.chars().count() > 50 || !owner.chars().all(plain) {
        bail!("--owner takes 1 to 50 letters, digits, blanks and . , - _ & ( )");
    }
    Ok(())
}

/// Who owns the entries, as firmware stores it: derived from the platform key.
fn owner_guid(cer: &[u8]) -> String {
    let digest = Sha256::digest(cer);
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

fn enroll_image(folder: &Path, out: &Path, ui: &Ui) -> anyhow::Result<()> {
    let image = enrolment(folder)?;
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty());
    let new = tempfile::Builder::new()
        .prefix(".enroll-")
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(parent.unwrap_or(Path::new(".")))
        .with_context(|| format!("writing {}", out.display()))?;
    fs::write(new.path(), image).context("writing the image")?;
    new.persist(out).with_context(|| format!("writing {}", out.display()))?;
    ui.result(out.display());
    ui.note("write it to a USB stick; its README.TXT says what to do in the firmware's setup");
    ui.json(&out)
}

/// The image: the certificates in all their forms, and no private key.
pub fn enrolment(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let mut files = vec![("README.TXT".to_owned(), README.as_bytes().to_vec())];
    for (name, _) in KEYS {
        for form in FORMS {
            let path = folder.join(format!("{name}.{form}"));
            let bytes = fs::read(&path).with_context(|| {
                format!("reading {}: is this a folder of secureboot keys?", path.display())
            })?;
            files.push((format!("KEYS/{}.{}", name.to_uppercase(), form.to_uppercase()), bytes));
        }
    }
    let mut seed = Sha256::new();
    files.iter().for_each(|(_, bytes)| seed.update(bytes));
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    Ok(layout::data_disk(&files, &seed.finalize().into())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_cannot_add_to_the_subject() {
        assert!(check_owner("Example GmbH & Co. (lab)").is_ok());
        for bad in ["", "a/CN=b", "a+b", "a=b", "a\nb", &"x".repeat(51)] {
            assert!(check_owner(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_owner_follows_from_the_platform_key() {
        let guid = owner_guid(b"certificate");
        assert_eq!(guid.len(), 36);
        assert_eq!(guid, owner_guid(b"certificate"));
        assert_ne!(guid, owner_guid(b"another"));
    }
}

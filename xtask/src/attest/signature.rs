//! Signatures of the statement, by SSH keys or minisign keys. Which of them, the key's file says.

use super::{NAMESPACE, STATEMENT, read};
use crate::{build_progress::BuildProgress, ui::Ui};
use anyhow::{Context, bail};
use bootmint_ipxe_src::{
    progress::Progress as _,
    run::{Invocation, RunError},
};
use minisign_verify::{PublicKey, Signature};
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

/// The largest key file or signature that is read, in bytes.
const MAX_KEY: u64 = 64 << 10;

/// The two kinds of signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ssh,
    Minisign,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Ssh, Self::Minisign];

    /// The kind of a key's file.
    fn of(text: &str) -> Self {
        let minisign = text.starts_with("untrusted comment:");
        if minisign { Self::Minisign } else { Self::Ssh }
    }

    /// The name of a signature in an output folder: what the tool puts behind the signed file's.
    const fn file(self) -> &'static str {
        match self {
            Self::Ssh => "provenance.json.sig",
            Self::Minisign => "provenance.json.minisig",
        }
    }
}

/// Removes the signatures in `out`: they were for another statement.
pub(super) fn remove(out: &Path) -> anyhow::Result<()> {
    for path in Kind::ALL.map(|kind| out.join(kind.file())) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {}", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Signs the statement in `out` with the private key in `key`, and gives the signature's path.
pub(super) fn sign(out: &Path, key: &Path, ui: &Ui) -> anyhow::Result<PathBuf> {
    let (statement, kind) = (out.join(STATEMENT), Kind::of(&text(key)?));
    let signature = out.join(kind.file());
    let command = match kind {
        Kind::Ssh => Invocation::new("ssh-keygen")
            .args(["-Y", "sign", "-n", NAMESPACE, "-f"])
            .arg(key)
            .arg(&statement)
            .remedy("is it an SSH private key without passphrase, or one that the agent holds?"),
        Kind::Minisign => Invocation::new("minisign")
            .args(["-S", "-t", NAMESPACE, "-s"])
            .arg(key)
            .arg("-x")
            .arg(&signature)
            .arg("-m")
            .arg(&statement)
            .remedy("is it a minisign secret key without password (minisign -G -W)?"),
    };
    let mut progress = BuildProgress::new(ui);
    command
        .capture(&mut |said| progress.said(said))
        .with_context(|| format!("signing {}", statement.display()))?;
    Ok(signature)
}

/// Checks that the statement in `out` is signed by the public key in `key`.
pub(super) fn check(out: &Path, key: &Path, ui: &Ui) -> anyhow::Result<()> {
    let public = text(key)?;
    let good = match Kind::of(&public) {
        Kind::Ssh => check_ssh(out, key, &public, ui)?,
        Kind::Minisign => check_minisign(out, key, &public)?,
    };
    if !good {
        bail!(
            "{} has no good signature by {}: do not use these images, or ask who made them",
            out.join(STATEMENT).display(),
            key.display()
        );
    }
    Ok(())
}

fn check_ssh(out: &Path, key: &Path, public: &str, ui: &Ui) -> anyhow::Result<bool> {
    let line = public.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let line = line.unwrap_or_default();
    if public.contains("PRIVATE KEY") || !line.contains(' ') {
        bail!("{} is no public key of SSH or minisign: name the signer's .pub file", key.display());
    }
    let mut allowed = tempfile::NamedTempFile::new().context("making a list of signers")?;
    writeln!(allowed, "signer {line}").context("writing the list of signers")?;
    let mut progress = BuildProgress::new(ui);
    let result = Invocation::new("ssh-keygen")
        .args(["-Y", "verify", "-I", "signer", "-n", NAMESPACE, "-f"])
        .arg(allowed.path())
        .arg("-s")
        .arg(out.join(Kind::Ssh.file()))
        .input(&out.join(STATEMENT))
        .capture(&mut |said| progress.said(said));
    match result {
        Ok(_) => Ok(true),
        Err(RunError::Failed { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The trusted comment, which the signature covers, says what it is for.
fn check_minisign(out: &Path, key: &Path, public: &str) -> anyhow::Result<bool> {
    let Ok(public) = PublicKey::decode(public) else {
        bail!("{} is no minisign public key: name the signer's .pub file", key.display());
    };
    let path = out.join(Kind::Minisign.file());
    if !path.exists() {
        return Ok(false);
    }
    let Ok(signature) = Signature::decode(&text(&path)?) else { return Ok(false) };
    let statement = read(&out.join(STATEMENT))?;
    let good = public.verify(&statement, &signature, false).is_ok();
    Ok(good && signature.trusted_comment() == NAMESPACE)
}

fn text(path: &Path) -> anyhow::Result<String> {
    let reading = || format!("reading {}", path.display());
    if fs::metadata(path).with_context(reading)?.len() > MAX_KEY {
        bail!("{} is larger than {MAX_KEY} bytes: it is no key", path.display());
    }
    fs::read_to_string(path).with_context(reading)
}

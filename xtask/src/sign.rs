//! `cargo xtask sign`: signatures that iPXE's `imgverify` accepts.
//!
//! A signature is a detached CMS message in DER beside the file, made by the openssl program, so
//! that a key may lie in a token as well as in a file. What iPXE would refuse is refused here.

use crate::{build_progress::BuildProgress, ui::Ui};
use anyhow::{Context, bail};
use bootmint_ipxe_src::{
    progress::Progress as _,
    run::{Invocation, Listener, Said},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Arguments of `cargo xtask sign`.
#[derive(clap::Args)]
pub struct Args {
    /// The files: kernels, initial RAM disks, scripts
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The signer's certificate in PEM, with the usages digitalSignature and codeSigning
    #[arg(long, value_name = "FILE")]
    signer: PathBuf,
    /// The signer's private key: a file in PEM, or a pkcs11: URI
    #[arg(long, value_name = "FILE|URI")]
    key: String,
    /// Certificates between the signer and the root that firmware trusts, in PEM
    #[arg(long, value_name = "FILE")]
    chain: Option<PathBuf>,
    /// Where signatures go [default: beside each file, with .sig added]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs `cargo xtask sign`.
pub fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    let mut progress = BuildProgress::new(ui);
    let mut said = |said: Said<'_>| progress.said(said);
    let signer = Signer::new(args.signer, args.key, args.chain, &mut said)?;
    let mut made = Vec::new();
    for file in &args.files {
        let signature = signature_of(file, args.out.as_deref())?;
        signer.sign(file, &signature, &mut said)?;
        ui.result(signature.display());
        made.push(signature);
    }
    ui.json(&made)
}

fn signature_of(file: &Path, folder: Option<&Path>) -> anyhow::Result<PathBuf> {
    let beside = file.with_added_extension("sig");
    let Some(folder) = folder else { return Ok(beside) };
    let name = beside.file_name().with_context(|| format!("{} is no file", file.display()))?;
    Ok(folder.join(name))
}

/// Whose signatures iPXE accepts: a certificate that was checked for it, and its key.
#[derive(Debug)]
pub struct Signer {
    cert: PathBuf,
    key: String,
    chain: Option<PathBuf>,
}

impl Signer {
    /// The signer with the certificate `cert` and the key `key`, a file or a `pkcs11:` URI;
    /// `chain` has the certificates between it and the root.
    pub fn new(
        cert: PathBuf,
        key: String,
        chain: Option<PathBuf>,
        listener: &mut Listener<'_>,
    ) -> anyhow::Result<Self> {
        check_key(&key)?;
        let text = Invocation::new("openssl")
            .args(["x509", "-noout", "-text", "-in"])
            .arg(&cert)
            .capture(listener)
            .with_context(|| format!("reading the certificate {}", cert.display()))?;
        match why_unfit(&String::from_utf8_lossy(&text)) {
            None => Ok(Self { cert, key, chain }),
            Some(reason) => bail!("{}: {reason}", cert.display()),
        }
    }

    /// Puts the signature of `file` into `signature`.
    pub fn sign(
        &self,
        file: &Path,
        signature: &Path,
        listener: &mut Listener<'_>,
    ) -> anyhow::Result<()> {
        if !file.is_file() {
            bail!("{} is not there, or is no file", file.display());
        }
        let folder = signature.parent().filter(|folder| !folder.as_os_str().is_empty());
        let new = tempfile::Builder::new()
            .prefix(".signature-")
            .permissions(fs::Permissions::from_mode(0o644))
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .with_context(|| format!("making {}", signature.display()))?;
        let mut openssl = Invocation::new("openssl")
            .args(["cms", "-sign", "-binary", "-noattr", "-md", "sha256", "-outform", "DER"])
            .arg("-in")
            .arg(file)
            .arg("-signer")
            .arg(&self.cert)
            .arg("-out")
            .arg(new.path())
            .arg("-inkey")
            .arg(&self.key);
        if self.key.starts_with("pkcs11:") {
            openssl = openssl.args(["-engine", "pkcs11", "-keyform", "engine"]).remedy(
                "is the token there, and OpenSSL's engine for it (package \
                 libengine-pkcs11-openssl on Debian, openssl-pkcs11 on Fedora)?",
            );
        }
        if let Some(chain) = &self.chain {
            openssl = openssl.arg("-certfile").arg(chain);
        }
        openssl.stream(listener).with_context(|| format!("signing {}", file.display()))?;
        new.persist(signature).with_context(|| format!("writing {}", signature.display()))?;
        Ok(())
    }
}

/// Commands are shown before they run: a PIN must not stand in one.
pub(crate) fn check_key(key: &str) -> anyhow::Result<()> {
    if key.starts_with("pkcs11:") && key.contains("pin-value") {
        bail!(
            "leave pin-value out of the key's URI: write pin-source=file:PATH, whose file holds the PIN"
        );
    }
    Ok(())
}

/// Why iPXE would refuse what this certificate, as openssl shows it, has signed.
fn why_unfit(text: &str) -> Option<&'static str> {
    let after = |name: &str| {
        let mut lines = text.lines().skip_while(|line| !line.contains(name));
        (lines.next().is_some()).then(|| lines.next().unwrap_or_default().to_owned())
    };
    let key = text.lines().find(|line| line.contains("Public Key Algorithm:")).unwrap_or_default();
    if !key.contains("rsaEncryption") && !key.contains("id-ecPublicKey") {
        Some("iPXE knows RSA and ECDSA keys only: take a signer with one of them")
    } else if !after("X509v3 Key Usage").is_some_and(|line| line.contains("Digital Signature")) {
        Some("iPXE wants a signer with keyUsage = digitalSignature: issue it with that")
    } else if !after("X509v3 Extended Key Usage").is_some_and(|line| line.contains("Code Signing"))
    {
        Some("iPXE wants a signer with extendedKeyUsage = codeSigning: issue it with that")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_not_taken_on_the_command_line() {
        assert!(check_key("pkcs11:token=a;pin-source=file:/pin").is_ok());
        let error = check_key("pkcs11:token=a;pin-value=1234").unwrap_err().to_string();
        assert!(error.contains("pin-source") && !error.contains("1234"), "{error}");
    }

    const FIT: &str = "        Public Key Algorithm: rsaEncryption\n    X509v3 Key Usage: critical\n\
        \x20   Digital Signature\n    X509v3 Extended Key Usage:\n    Code Signing\n";

    #[test]
    fn a_signer_that_ipxe_would_refuse_is_refused() {
        assert_eq!(why_unfit(FIT), None);
        for (from, to, expected) in [
            ("rsaEncryption", "ED25519", "RSA and ECDSA"),
            ("Digital Signature", "Certificate Sign", "digitalSignature"),
            ("Code Signing", "TLS Web Server Authentication", "codeSigning"),
            ("X509v3 Extended Key Usage:", "X509v3 Other:", "codeSigning"),
            ("X509v3 Key Usage", "X509v3 Other", "digitalSignature"),
        ] {
            let reason = why_unfit(&FIT.replace(from, to)).unwrap();
            assert!(reason.contains(expected), "{from} -> {to}: {reason}");
        }
    }
}

//! What an image of a host would be, for people who look before they download: its script, what
//! is against it, and what may surprise them. Nothing is minted.

use super::{App, AppError, firmware::lacking};
use crate::{
    images::{Die, Draft, ImageError},
    time::Timestamp,
};
use bootmint_image_factory::{
    format::{Format, Platform},
    host::{Host, Name},
};
use serde_json::Value;

/// What stands for the token, which is the machine's alone.
const HIDDEN: &str = "<token>";

/// An image that can be had, or will not be.
#[derive(Debug)]
pub struct Outlook {
    /// The image, with its token hidden.
    pub draft: Draft,
    /// What does not keep it from being made, but may keep it from doing what is expected.
    pub warnings: Vec<String>,
}

impl App {
    /// What [`App::mint`] would make of the same.
    pub async fn outlook(
        &self,
        host: &Host,
        firmware: Option<&Name>,
        format: Format,
    ) -> Result<Outlook, AppError> {
        let token = self.known_token(host).await?;
        let profile = firmware.unwrap_or_else(|| self.firmware_of(host)).clone();
        let set = self.set(&profile).await?;
        let die = set.die(format).ok_or(ImageError::NoFormat { profile, format })?;
        let mut named = host.clone();
        named.token = Some(token.clone());
        let mut draft = Draft::new(die, &named, &set.patience);
        draft.script = draft.script.replace(token.as_str(), HIDDEN);
        let mut warnings = self.unmet(host, die).await?;
        let seen = self.store.boots(&host.name, Timestamp::END, 1).await?;
        let seen = seen.first().and_then(|(.., facts)| platform(facts));
        warnings.extend(unbootable(&draft.platforms, seen));
        Ok(Outlook { draft, warnings })
    }

    /// What the firmware of `die` lacks for the scripts that `host` would be sent, or why these
    /// cannot be told.
    async fn unmet(&self, host: &Host, die: &Die) -> Result<Vec<String>, AppError> {
        let secrets = self.hidden_secrets_of(host).await?;
        Ok(match self.preview_with(&self.profiles(), host, &secrets) {
            Ok(texts) => lacking(&texts, &die.binaries())
                .into_iter()
                .map(|(title, missing)| format!("{title}: {missing}"))
                .collect(),
            Err(error) => vec![format!("{:#}", anyhow::Error::from(error))],
        })
    }
}

/// On what a host booted, as it said itself.
fn platform(facts: &str) -> Option<Platform> {
    let facts: Value = serde_json::from_str(facts).ok()?;
    match (facts.get("platform")?.as_str()?, facts.get("arch").and_then(Value::as_str)) {
        ("pcbios", _) => Some(Platform::Bios),
        ("efi", Some("arm64")) => Some(Platform::EfiArm64),
        ("efi", Some("x86_64")) => Some(Platform::EfiX64),
        _ => None,
    }
}

/// Why an image for `platforms` may not boot a machine that was `seen` to boot on another.
fn unbootable(platforms: &[Platform], seen: Option<Platform>) -> Option<String> {
    match seen {
        Some(seen) if platforms.contains(&seen) => None,
        Some(seen) => Some(format!("this host last booted on {seen}, which this image does not")),
        None if platforms == [Platform::Bios] => Some("it does not boot on UEFI".to_owned()),
        None if !platforms.contains(&Platform::Bios) => {
            Some("it does not boot on a BIOS".to_owned())
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Platform::{Bios, EfiArm64, EfiX64};

    #[test]
    fn a_machine_that_boots_otherwise_is_warned_of() {
        assert_eq!(platform(r#"{"platform": "pcbios", "arch": "i386"}"#), Some(Bios));
        assert_eq!(platform(r#"{"platform": "efi", "arch": "arm64"}"#), Some(EfiArm64));
        for said in ["", "{}", r#"{"platform": "efi"}"#, r#"{"platform": 1, "arch": "arm64"}"#] {
            assert_eq!(platform(said), None, "{said}");
        }
        assert_eq!(unbootable(&[Bios, EfiX64], None), None);
        assert_eq!(unbootable(&[Bios], Some(Bios)), None);
        let warned = |platforms: &[Platform], seen| unbootable(platforms, seen).unwrap();
        assert!(warned(&[Bios], Some(EfiX64)).contains("last booted on efi-x86_64"));
        assert!(warned(&[Bios], None).contains("UEFI"));
        assert!(warned(&[EfiArm64], None).contains("BIOS"));
    }
}

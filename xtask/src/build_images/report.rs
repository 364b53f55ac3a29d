//! What a run did, for a person and for a program.

use super::plan::Plan;
use crate::ui::Ui;
use bootmint_image_factory::{
    firmware::Provider,
    mint::{Method, Shard, Tally, Writer},
};
use serde::Serialize;
use std::{path::Path, time::Duration};

/// What a run did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Report {
    out: String,
    shard: String,
    images: u64,
    written: u64,
    unchanged: u64,
    bytes: u64,
    seconds: f64,
    reflink: bool,
    manifest_changed: bool,
    firmware: Vec<FirmwareLine>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct FirmwareLine {
    profile: String,
    provider: Provider,
    ipxe_version: String,
    notes: Vec<String>,
}

impl Report {
    pub(super) fn new(
        out: &Path,
        shard: Shard,
        plan: &Plan<'_>,
        writers: &[Writer<'_>],
        (tally, manifest_changed): (Tally, bool),
        elapsed: Duration,
    ) -> Self {
        let firmware = plan.head().firmware.into_iter().map(|entry| FirmwareLine {
            profile: entry.profile,
            provider: entry.provider,
            ipxe_version: entry.ipxe_version,
            notes: entry.notes,
        });
        Self {
            out: out.display().to_string(),
            shard: shard.to_string(),
            images: tally.written + tally.unchanged,
            written: tally.written,
            unchanged: tally.unchanged,
            bytes: tally.bytes,
            seconds: elapsed.as_secs_f64(),
            reflink: writers.iter().all(|writer| writer.method() == Method::Reflink),
            manifest_changed,
            firmware: firmware.collect(),
        }
    }

    pub(crate) fn show(&self, ui: &Ui) -> anyhow::Result<()> {
        ui.json(self)?;
        for firmware in &self.firmware {
            let provider = match firmware.provider {
                Provider::Source => "compiled from source",
                Provider::Prebuilt => "PREBUILT, not compiled",
            };
            ui.note(format_args!(
                "firmware {}: iPXE {}, {provider}",
                firmware.profile, firmware.ipxe_version
            ));
        }
        ui.result(format_args!(
            "{}: {} images ({} written, {} unchanged) in {:.1} s, {:.1} MB{}; see {}/manifest.json",
            self.out,
            self.images,
            self.written,
            self.unchanged,
            self.seconds,
            self.bytes as f64 / 1e6,
            if self.reflink { ", blocks shared" } else { "" },
            self.out
        ));
        Ok(())
    }
}

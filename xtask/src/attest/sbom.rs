//! The SBOM of a run: SPDX 2.3 as JSON.

use super::{Firmware, Run};
use bootmint_image_factory::firmware::sha256_hex;
use serde_json::{Value, json};

/// SPDX wants a time; a document that is a function of its inputs has none to tell.
const CREATED: &str = "1970-01-01T00:00:00Z";
const TOOL: &str = concat!("Tool: bootmint-", env!("CARGO_PKG_VERSION"));

/// The document.
pub(super) fn document(run: &Run) -> Value {
    let digest = run.covered.iter().map(|(name, digest)| format!("{name}={digest}\n"));
    let namespace = sha256_hex(digest.collect::<String>().as_bytes());
    let mut packages = vec![images(run), bootmint(run)];
    let mut relationships = vec![
        relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-images"),
        relation("SPDXRef-bootmint", "BUILD_TOOL_OF", "SPDXRef-images"),
    ];
    for (index, firmware) in run.firmware.iter().enumerate() {
        let (id, source) = (format!("SPDXRef-firmware-{index}"), format!("SPDXRef-ipxe-{index}"));
        packages.push(binaries(firmware, &id));
        packages.push(ipxe(firmware, &source));
        relationships.push(relation("SPDXRef-images", "CONTAINS", &id));
        relationships.push(relation(&id, "GENERATED_FROM", &source));
        for (driver, (name, digest)) in firmware.overlays().enumerate() {
            let overlay = format!("SPDXRef-driver-{index}-{driver}");
            packages.push(out_of_tree(&overlay, name, digest));
            relationships.push(relation(&id, "GENERATED_FROM", &overlay));
        }
    }
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "bootmint-images",
        "documentNamespace": format!("https://spdx.org/spdxdocs/bootmint-{namespace}"),
        "creationInfo": { "created": CREATED, "creators": [TOOL] },
        "packages": packages,
        "relationships": relationships,
    })
}

fn relation(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

fn package(id: &str, name: &str, version: &str, license: &str) -> Value {
    json!({
        "SPDXID": id,
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": license,
        "licenseDeclared": license,
        "copyrightText": "NOASSERTION",
    })
}

/// `value` with one more field.
fn with(mut value: Value, name: &str, field: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.insert(name.to_owned(), field);
    }
    value
}

fn images(run: &Run) -> Value {
    let templates: Vec<String> = run
        .templates
        .iter()
        .map(|template| format!("{} {} {}", template.profile, template.format, template.key))
        .collect();
    let sums = run.covered.iter().find(|(name, _)| name == "SHA256SUMS");
    let package =
        package("SPDXRef-images", "images", env!("CARGO_PKG_VERSION"), "GPL-2.0-or-later");
    let comment = format!(
        "{} images; the checksum is that of SHA256SUMS, which has theirs. Templates: {}",
        run.images,
        templates.join("; ")
    );
    let checksum = sums.map(|(_, digest)| digest.as_str()).unwrap_or_default();
    let checksums = json!([{ "algorithm": "SHA256", "checksumValue": checksum }]);
    with(with(package, "comment", comment.into()), "checksums", checksums)
}

fn bootmint(run: &Run) -> Value {
    let package =
        package("SPDXRef-bootmint", "bootmint", env!("CARGO_PKG_VERSION"), "MIT OR Apache-2.0");
    let commit = run.commit.as_deref().unwrap_or("unknown");
    with(package, "sourceInfo", format!("git commit {commit}").into())
}

fn binaries(firmware: &Firmware, id: &str) -> Value {
    let about = &firmware.about;
    let package = package(
        id,
        &format!("firmware {}", about.profile),
        &about.ipxe_version,
        "GPL-2.0-or-later",
    );
    let mut comment = format!("key {}", about.key);
    for (file, digest) in &firmware.binaries {
        comment += &format!("; {file} sha256 {digest}");
    }
    match &firmware.inputs {
        None => comment += "; ready binaries, compiled by others",
        Some(inputs) => {
            comment += "; made from: ";
            comment += &inputs.to_string();
        }
    }
    with(package, "comment", comment.into())
}

fn ipxe(firmware: &Firmware, id: &str) -> Value {
    let package = package(id, "ipxe", &firmware.about.ipxe_version, "GPL-2.0-or-later");
    let source = ["commit", "tree"].map(|name| firmware.input(&["source", name]));
    match source {
        [Some(commit), Some(tree)] => {
            let at = format!("git+https://github.com/ipxe/ipxe@{commit}");
            let package = with(package, "downloadLocation", at.into());
            with(package, "sourceInfo", format!("git commit {commit}, tree {tree}").into())
        }
        _ => package,
    }
}

/// A driver that was laid over iPXE's source.
fn out_of_tree(id: &str, name: &str, digest: &str) -> Value {
    let package = package(id, name, "NOASSERTION", "NOASSERTION");
    let comment = format!(
        "an out-of-tree driver; the digest of its files' names and texts is sha256 {digest}; \
         its driver.toml names its licence"
    );
    with(package, "comment", comment.into())
}

//! The statement of provenance: in-toto's envelope, SLSA's predicate.

use super::{Run, SBOM};
use serde_json::{Value, json};

/// The statement of `run`, whose SBOM has the digest `sbom`.
pub(super) fn statement(run: &Run, sbom: &str) -> Value {
    let sbom = (SBOM.to_owned(), sbom.to_owned());
    let subjects: Vec<Value> = run
        .covered
        .iter()
        .chain([&sbom])
        .map(|(name, digest)| json!({ "name": name, "digest": { "sha256": digest } }))
        .collect();
    let sources = run.firmware.iter().filter_map(|firmware| {
        let commit = firmware.input(&["source", "commit"])?;
        let tree = firmware.input(&["source", "tree"])?;
        Some(json!({
            "uri": format!("git+https://github.com/ipxe/ipxe@{commit}"),
            "digest": { "gitCommit": commit, "gitTree": tree },
        }))
    });
    let mut dependencies: Vec<Value> = sources.collect();
    dependencies.dedup();
    if let Some(commit) = &run.commit {
        dependencies.push(json!({ "name": "bootmint", "digest": { "gitCommit": commit } }));
    }
    let firmware: Vec<Value> = run
        .firmware
        .iter()
        .map(|firmware| {
            let about = &firmware.about;
            json!({
                "profile": about.profile,
                "provider": about.provider,
                "key": about.key,
                "inputs": firmware.inputs,
            })
        })
        .collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:bootmint:build-images:1",
                "externalParameters": { "templates": run.templates, "images": run.images },
                "internalParameters": { "firmware": firmware },
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {
                    "id": "urn:bootmint:xtask",
                    "version": { "bootmint": env!("CARGO_PKG_VERSION") },
                },
            },
        },
    })
}

/// Names and digests of what a statement covers.
pub(super) fn subjects(statement: &Value) -> Vec<(String, String)> {
    let subjects = statement.get("subject").and_then(Value::as_array);
    let one = |subject: &Value| {
        let name = subject.get("name")?.as_str()?.to_owned();
        Some((name, subject.get("digest")?.get("sha256")?.as_str()?.to_owned()))
    };
    subjects.into_iter().flatten().filter_map(one).collect()
}

//! cloud-init's NoCloud files of a host. None of them holds a secret.

use crate::network::netplan;
use bootmint_image_factory::host::{Host, HostName};
use serde_json::{Value, json};

/// The files that there are.
pub const FILES: [&str; 4] = ["meta-data", "user-data", "vendor-data", "network-config"];

/// Why a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum NoCloudFile {
    /// There is none of that name.
    #[error("NoCloud has meta-data, user-data, vendor-data and network-config")]
    Unknown,
    /// A card cannot be found.
    #[error(
        "an interface of host \"{0}\" has no MAC address, by which cloud-init would find it: add it \
         to the record"
    )]
    NoMac(HostName),
}

/// The text of a file. All of it is JSON, which is YAML too.
pub fn file(host: &Host, file: &str) -> Result<String, NoCloudFile> {
    let name = host.name.as_str();
    let (head, content) = match file {
        "meta-data" => ("", json!({ "instance-id": name, "local-hostname": name })),
        "user-data" => ("#cloud-config\n", user_data(host)),
        "vendor-data" => ("#cloud-config\n", json!({})),
        "network-config" => {
            ("", netplan(host).ok_or_else(|| NoCloudFile::NoMac(host.name.clone()))?)
        }
        _ => return Err(NoCloudFile::Unknown),
    };
    Ok(format!("{head}{content:#}\n"))
}

fn user_data(host: &Host) -> Value {
    let name = host.name.as_str();
    let mut data = json!({ "hostname": name, "preserve_hostname": false });
    if let (Some(domain), false) = (&host.domain, name.contains('.')) {
        data["fqdn"] = format!("{name}.{domain}").into();
    }
    if let Some((_, zone)) = host.vars.iter().find(|(name, _)| name.as_str() == "timezone") {
        data["timezone"] = zone.as_str().into();
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{network, testing};

    #[test]
    fn cloud_config_names_the_host() {
        let mut host = testing::host("web-01", 1);
        host.vars.insert("timezone".parse().unwrap(), "Europe/Berlin".parse().unwrap());
        let text = file(&host, "user-data").unwrap();
        let data: Value =
            serde_json::from_str(text.strip_prefix("#cloud-config\n").unwrap()).unwrap();
        assert_eq!(
            data,
            json!({
                "hostname": "web-01", "fqdn": "web-01.example.net", "preserve_hostname": false,
                "timezone": "Europe/Berlin",
            })
        );
    }

    #[test]
    fn the_network_is_the_records_or_it_is_said_what_lacks() {
        let host = network::tests::mixed();
        let read: Value = serde_json::from_str(&file(&host, "network-config").unwrap()).unwrap();
        assert_eq!(Some(read), netplan(&host));
        let error = file(&testing::full_host(), "network-config").unwrap_err();
        assert!(error.to_string().contains("\"web-01\" has no MAC"), "{error}");
        assert!(matches!(file(&host, "../user-data"), Err(NoCloudFile::Unknown)));
    }
}

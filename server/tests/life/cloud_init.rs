//! cloud-init's own code follows a link and reads what is there, with a folder in place of the
//! machine. It is passed over where cloud-init is not installed, in CI too: its services would set
//! up this computer at its next start.

use crate::site::Site;
use bootmint_image_factory::feed::{self, Defaults, FeedFormat};
use bootmint_server::{
    db::Actor,
    time::{Seconds, Timestamp},
};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// The system's Python, which has cloud-init's modules.
const PYTHON: &str = "/usr/bin/python3";
/// What a machine does whose kernel was given a link; then what it knows.
const FOLLOW: &str = "
import json, sys
from cloudinit import helpers
from cloudinit.sources.DataSourceNoCloud import DataSourceNoCloudNet
paths = helpers.Paths({'cloud_dir': sys.argv[1] + '/cloud', 'run_dir': sys.argv[1] + '/run'})
source = DataSourceNoCloudNet({'datasource': {'NoCloud': {}}}, None, paths)
print(json.dumps({
    'found': source.get_data(), 'instance': source.get_instance_id(),
    'name': source.metadata['local-hostname'],
    'user': source.get_userdata_raw().decode(), 'vendor': source.get_vendordata_raw().decode(),
}))
";
/// The network that cloud-init writes for netplan.
const NETPLAN: &str = "
import json, sys, yaml
print(json.dumps(yaml.safe_load(open(sys.argv[1] + '/etc/netplan/50-cloud-init.yaml'))))
";

fn run(program: &str, arguments: &[&str], kernel: &str) -> Output {
    #[allow(clippy::disallowed_methods, reason = "the test runs cloud-init's own code")]
    let mut command = Command::new(program);
    let done = command.args(arguments).env("DEBUG_PROC_CMDLINE", kernel).output().unwrap();
    assert!(done.status.success(), "{program} {arguments:?}: {done:?}");
    done
}

fn json_of(done: &Output) -> Value {
    let said = String::from_utf8_lossy(&done.stdout);
    serde_json::from_str(said.lines().last().unwrap_or_default()).expect(&said)
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_init_takes_what_a_link_leads_to() {
    if !Path::new("/usr/bin/cloud-init").exists() {
        println!("SKIPPED: cloud-init is not installed (Debian: cloud-init)");
        return;
    }
    let site = Site::start(&[], "").await;
    let feed = format!(
        "name,mac,address,gateway,address6,gateway6,dns,domain,server,timezone,\
         nic2_mac,nic2_vlan,nic2_address,nic3_mac,nic3_dhcp\n\
         web-01,52:54:00:00:00:01,192.0.2.1/24,192.0.2.254,2001:db8::1/64,2001:db8::fe,192.0.2.53,\
         example.net,{},Europe/Berlin,52:54:00:00:00:01,7,198.51.100.1/24,52:54:00:00:00:02,yes\n",
        site.url
    );
    let hosts = feed::parse(feed.as_bytes(), FeedFormat::Csv, "feed", &Defaults::default());
    let hosts = hosts.unwrap();
    let now = Timestamp::now();
    site.app.import(&hosts, &Actor::person("root"), now).await.unwrap();
    let link = site.app.nocloud_link(&hosts[0], now.after(Seconds::new(600))).unwrap();
    let path = link.strip_prefix(&site.url).unwrap();
    let served = async |file: &str| site.get(&format!("{path}{file}")).await.body;
    let (user, network) = (served("user-data").await, served("network-config").await);

    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap().to_owned();
    let put = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        format!("{place}/{name}")
    };
    let (user_file, network_file) = (put("user-data", &user), put("network-config", &network));
    let tried = tokio::task::spawn_blocking(move || {
        let kernel = format!("quiet ds=nocloud-net;i=web-01;s={link} ---");
        let found = json_of(&run(PYTHON, &["-c", FOLLOW, &place], &kernel));
        run("cloud-init", &["schema", "-c", &user_file], "");
        let convert = ["devel", "net-convert", "-k", "yaml", "-D", "ubuntu", "-O", "netplan"];
        let more = ["-p", network_file.as_str(), "-d", place.as_str()];
        run("cloud-init", &[&convert[..], &more[..]].concat(), "");
        (found, json_of(&run(PYTHON, &["-c", NETPLAN, &place], "")))
    });
    let (found, written) = tried.await.unwrap();
    let expected = json!({
        "found": true, "instance": "web-01", "name": "web-01", "user": user,
        "vendor": "#cloud-config\n{}\n",
    });
    assert_eq!(found, expected);
    assert!(user.contains("web-01.example.net") && user.contains("Europe/Berlin"), "{user}");
    let network: Value = serde_json::from_str(&network).unwrap();
    assert_eq!(written["network"], network, "nothing of it is lost");
    assert_eq!(network["vlans"]["nic0.7"]["link"], "nic0");
}

//! Firmware from elsewhere, which knows a machine's asset tag and nothing else.

use crate::{
    client::Answer,
    site::{self, Site},
};
use bootmint_server::{app::Order, db::Actor, machine::State, time::Timestamp};

const PROFILE: &str = "title = \"its disk\"\n[sanboot]\n\
                       target = \"iscsi:192.0.2.5::3260:1:iqn.2026-01.net.example:{{ host.name }}\"\n";
const ALLOWED: &str = "asset-lookup = \"allowed\"";

/// A site whose first two hosts boot disks in the network, with these asset tags.
async fn start(boot: &str, tags: [&str; 2]) -> Site {
    let profile = ("profiles/san/profile.toml", PROFILE);
    let site = Site::start_full(&["web-01", "web-02"], "", boot, &[profile]).await;
    for (number, tag) in (1..).zip(tags) {
        let mut host = site::host(&site.url, &format!("web-0{number}"), number);
        host.asset = Some(tag.parse().unwrap());
        host.vars.insert("boot".parse().unwrap(), "san".parse().unwrap());
        site.app.import(&[host], &Actor::person("root"), Timestamp::now()).await.unwrap();
    }
    site
}

fn is_nobody(answer: &Answer) -> bool {
    let text = "echo Bootmint: the server does not know this machine\nexit 0\n";
    answer.status == 200 && answer.body.ends_with(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_found_by_its_asset_tag_and_boots_its_disk() {
    let site = start(ALLOWED, ["A 17/b", "A-18"]).await;
    for path in ["/boot?asset=A%2017/b", "/boot.php?asset=A+17%2Fb", "/boot.php?x=1&asset=A%2017/b"]
    {
        let answer = site.get(path).await;
        assert_eq!(answer.status, 200);
        let disk = "\nsanboot iscsi:192.0.2.5::3260:1:iqn.2026-01.net.example:web-01 || exit 1\n";
        assert!(answer.body.starts_with("#!ipxe\n") && answer.body.contains(disk), "{path}");
        let again = format!("isset ${{bootmint-url}} || set bootmint-url {}/boot\n", site.url);
        assert!(answer.body.contains(&again), "it has no ticket: {}", answer.body);
    }
    let other = site.post("/boot.php", "asset=A-18&mac=52:54:00:00:00:99").await;
    assert!(other.body.contains(":web-02 || exit 1"), "{}", other.body);
    for nobody in [
        "/boot.php",
        "/boot.php?asset=",
        "/boot.php?asset=a-18",
        "/boot.php?asset=A-18%00",
        "/boot.php?asset=A-18%0Ash",
        "/boot.php?asset=%27%20OR%20%271%27=%271",
        "/boot.php?asset=%25",
        "/boot.php?asset=Default%20string",
    ] {
        let answer = site.get(nobody).await;
        assert!(is_nobody(&answer), "{nobody}: {}", answer.body);
    }
    assert_eq!(site.boots("web-01", 3).await.len(), 3, "it is remembered");
    site.order("web-01", &Order::Hold).await;
    let held = site.get("/boot.php?asset=A%2017/b").await;
    assert!(held.body.contains("waits for a person"), "a tag is no way around an order");
    assert!(held.body.contains("&asset=${asset:uristring}&"), "it asks again by its tag");
    assert_eq!(site.state("web-01").await, State::Held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_counts_for_nothing_unless_the_site_says_so() {
    let site = start("", ["A-17", "A-18"]).await;
    assert!(is_nobody(&site.get("/boot.php?asset=A-17").await));
    let site = start("tokenless = \"identify\"", ["A-17", "A-18"]).await;
    assert!(is_nobody(&site.get("/boot.php?asset=A-17").await));
    let both = format!("tokenless = \"identify\"\n{ALLOWED}");
    let site = start(&both, ["A-17", "A-18"]).await;
    let one = site.get("/boot.php?asset=A-17&mac=52:54:00:00:00:01").await;
    assert!(one.body.contains(":web-01 || exit 1"), "{}", one.body);
    let two = site.get("/boot.php?asset=A-18&mac=52:54:00:00:00:01").await;
    assert!(is_nobody(&two), "a machine that is two hosts is none: {}", two.body);
    // A tag that two hosts have is nobody's; a wrong or missing token makes no difference.
    let site = start(ALLOWED, ["A-17", "A-17"]).await;
    assert!(is_nobody(&site.get("/boot?asset=A-17").await));
    assert!(is_nobody(&site.get("/boot/no-such-token-0123?asset=A-17").await));
}

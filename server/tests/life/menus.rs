//! Menus over HTTP: what a person chose, and what the server makes of it.

use crate::{
    client::Answer,
    install::Install,
    site::{self, Site},
};
use bootmint_server::{
    app::{AppError, Order, Text},
    db::Actor,
    machine::State,
    time::{Seconds, Timestamp},
};

const INSTALLER: &str = "title = \"Other\"\n[install]\nkernel = \"other/linux\"\n\
                         arguments = \"url={{ answers }}/x\"\n";
const MENUS: [(&str, &str); 4] = [
    (
        "profiles/start/profile.toml",
        "title = \"Start\"\n[menu]\nentries = [\"local\", \"more\", \"disk\"]\ndefault = \"local\"\n",
    ),
    (
        "profiles/more/profile.toml",
        "title = \"More\"\n[menu]\nentries = [\"start\", \"other\"]\ndefault = \"start\"\n",
    ),
    (
        "profiles/disk/profile.toml",
        "title = \"A disk\"\n[sanboot]\ntarget = \"http://192.0.2.5/{{ host.name }}.img\"\n",
    ),
    ("profiles/aside/profile.toml", "title = \"Aside\"\n[shell]\n"),
];

/// A site whose host shows the menu `start`. Its installer `other` has that policy of its own.
async fn start(policy: &str, own: &str) -> Site {
    let other = format!("{INSTALLER}[policy]\n{own}\n");
    let files = [&MENUS[..], &[("profiles/other/profile.toml", &other)]].concat();
    let site = Site::start_full(&["web-01"], policy, "", &files).await;
    let mut host = site::host(&site.url, "web-01", 1);
    host.vars.insert("boot".parse().unwrap(), "start".parse().unwrap());
    site.app.import(&[host], &Actor::person("root"), Timestamp::now()).await.unwrap();
    site
}

async fn choose(site: &Site, choice: &str) -> Answer {
    let path = format!("/boot/{}?ticket=1&nic=net0&choice={choice}", site::token("web-01"));
    let answer = site.get(&path).await;
    assert_eq!(answer.status, 200, "{choice}: {}", answer.body);
    answer
}

fn shows(answer: &Answer, menu: &str) -> bool {
    answer.body.contains(&format!("\nmenu {menu}: web-01\n"))
}

fn is_refused(answer: &Answer) -> bool {
    answer.body.contains("web-01 is not armed, so Other is not installed\n")
        && answer.body.contains("goto failed\n")
        && !answer.body.contains("\nkernel ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_menu_leads_to_its_entries_and_to_those_of_menus_below() {
    let site = start("", "").await;
    assert!(shows(&site.boot("web-01").await, "Start"));
    assert_eq!(site.state("web-01").await, State::Installed);
    let more = choose(&site, "more").await;
    assert!(shows(&more, "More") && more.body.contains("\nitem other Other\n"), "{}", more.body);
    assert!(more.body.contains("&choice=${bootmint-choice} || goto failed\n"));
    assert!(choose(&site, "disk").await.body.contains("\nsanboot http://192.0.2.5/web-01.img"));
    assert!(shows(&choose(&site, "start").await, "Start"), "menus may go round in a circle");
    // What no menu of the host leads to, is no profile or is no name: the menu once more.
    for strange in ["aside", "kali", "nothing", "", "..%2Fdisk", "disk%0Ashell", "local"] {
        assert!(shows(&choose(&site, strange).await, "Start"), "{strange}");
    }
    assert_eq!(site.state("web-01").await, State::Installed);
    let actions: Vec<_> = site.boots("web-01", 11).await.into_iter().map(|boot| boot.1).collect();
    assert_eq!(actions.iter().filter(|action| *action == "choice").count(), 3, "{actions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installer_is_refused_unless_the_policy_allows_it() {
    let site = start("", "").await;
    site.boot("web-01").await;
    assert!(is_refused(&choose(&site, "other").await));
    assert_eq!(site.state("web-01").await, State::Installed);
    // Armed, it installs what it was armed for, whatever was chosen.
    site.arm("web-01").await;
    let armed = choose(&site, "other").await;
    assert!(armed.body.contains("installing Kali Linux on web-01"), "{}", armed.body);
    let install = Install::read(&armed);
    assert!(is_refused(&choose(&site, "other").await), "it is being installed");
    assert_eq!(site.report(&install, "done").await.status, 200);
    site.order("web-01", &Order::Hold).await;
    assert!(choose(&site, "other").await.body.contains("waits for a person"));
    assert!(choose(&site, "disk").await.body.contains("waits for a person"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installer_that_is_allowed_begins_one_attempt() {
    // Said for all, and for the entry alone.
    for (policy, own) in [
        ("menu-install = \"allowed\"\non-failure = \"retry\"\nattempts = 3", ""),
        ("", "menu-install = \"allowed\"\non-failure = \"retry\"\nattempts = 3"),
    ] {
        let site = start(policy, own).await;
        let install = Install::read(&choose(&site, "other").await);
        assert!(matches!(site.state("web-01").await, State::Installing { .. }));
        assert_eq!(site.report(&install, "fail").await.status, 200);
        assert!(shows(&site.boot("web-01").await, "Start"), "it is not retried");
        Install::read(&choose(&site, "other").await);
    }
    let site = start("menu-install = \"allowed\"", "menu-install = \"refused\"").await;
    assert!(is_refused(&choose(&site, "other").await), "the entry says no");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_policy_of_an_entry_installs_what_nobody_gave_leave_for() {
    // Failed, and an entry whose policy would try again.
    let site = start("", "on-failure = \"retry\"\nattempts = 3\nfirst-boot = \"install\"").await;
    assert!(is_refused(&choose(&site, "other").await), "the first boot of a new host");
    assert_eq!(site.state("web-01").await, State::Installed, "as its own policy says");
    site.arm("web-01").await;
    let install = Install::read(&site.boot("web-01").await);
    assert_eq!(site.report(&install, "fail").await.status, 200);
    assert!(is_refused(&choose(&site, "other").await));
    assert!(matches!(site.state("web-01").await, State::Failed { tries: 1, .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_begins_nothing_that_a_boot_would_begin() {
    let policy = "first-boot = \"install\"\non-failure = \"retry\"\nattempts = 3";
    let site = start(policy, "").await;
    for choice in ["disk", "other", "nothing"] {
        let answer = choose(&site, choice).await;
        assert!(!answer.body.contains("\nkernel "), "{choice}: {}", answer.body);
        assert_eq!(site.state("web-01").await, State::New, "{choice}");
    }
    // A menu may stand on a screen for longer than its installer is waited for.
    Install::read(&site.boot("web-01").await);
    let later = Timestamp::now().after(Seconds::new(9000));
    assert_eq!(site.app.sweep(later).await.unwrap(), 1);
    for choice in ["disk", "other", "nothing"] {
        let answer = choose(&site, choice).await;
        assert!(!answer.body.contains("\nkernel "), "{choice}: {}", answer.body);
        assert!(matches!(site.state("web-01").await, State::Stalled { .. }), "{choice}");
    }
    Install::read(&site.boot("web-01").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_menu_leads_to_is_rendered_before_anybody_chooses_it() {
    let site = start("", "").await;
    let host = site.app.stored(&"web-01".parse().unwrap()).await.unwrap().host;
    let titles = |texts: Vec<Text>| texts.into_iter().map(|text| text.title).collect::<Vec<_>>();
    let own = ["ordinary boot", "held", "install of kali", "answer file preseed.cfg of kali"];
    let refused = "menu entry other, as long as the host is not armed";
    let shown = [&own[..], &["menu entry more", "menu entry disk", refused]].concat();
    assert_eq!(titles(site.app.preview(&host).await.unwrap()), shown);
    let site = start("menu-install = \"allowed\"", "").await;
    let shown = titles(site.app.preview(&host).await.unwrap());
    assert_eq!(shown.last().unwrap(), "menu entry other", "{shown:?}");
    assert_eq!(site.app.lint(&host, None).await.map_err(|error| error.to_string()), Ok(()));

    // Two menus away, and missing what it needs.
    let broken = "title = \"Broken\"\n[chain]\nurl = \"http://{{ host.vars.where }}/\"\n";
    let more = "title = \"More\"\n[menu]\nentries = [\"broken\"]\ndefault = \"broken\"\n";
    let mut files = MENUS.to_vec();
    files[1].1 = more;
    files.push(("profiles/broken/profile.toml", broken));
    let site = Site::start_full(&["web-01"], "", "", &files).await;
    let mut host = site::host(&site.url, "web-01", 1);
    host.vars.insert("boot".parse().unwrap(), "start".parse().unwrap());
    site.app.import(&[host.clone()], &Actor::person("root"), Timestamp::now()).await.unwrap();
    let error = site.app.lint(&host, None).await.unwrap_err();
    assert!(matches!(&error, AppError::Script(error) if error.profile() == "broken"), "{error}");
    assert!(site.app.preview(&host).await.is_err());
    site.arm("web-01").await;
    Install::read(&site.boot("web-01").await);
}

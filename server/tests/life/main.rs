//! The life of machines, told by a client that speaks exactly what tickets and installers send,
//! to a real listener on loopback.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod asset;
#[cfg(test)]
mod client;
#[cfg(test)]
mod cloud_init;
#[cfg(test)]
mod console;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod install;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod menus;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod remote;
#[cfg(test)]
mod remote_people;
#[cfg(test)]
mod replica;
#[cfg(test)]
mod secrecy;
#[cfg(test)]
#[path = "../servers/mod.rs"]
mod servers;
#[cfg(test)]
mod site;
#[cfg(test)]
mod webhooks;

use bootmint_server::{
    app::Order,
    db::Actor,
    machine::{AttemptId, State},
    time::{Seconds, Timestamp},
};
use client::Answer;
use install::Install;
use site::Site;

fn is_local(answer: &Answer) -> bool {
    answer.status == 200
        && answer.body.starts_with("#!ipxe\n")
        && answer.body.contains("local disk")
        && answer.body.ends_with("\nexit 0\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_armed_host_installs_once_and_again_only_when_armed_again() {
    let site = Site::start(&["web-01"], "first-boot = \"local\"").await;
    assert!(is_local(&site.boot("web-01").await), "the first boot is local");
    for round in 0..2 {
        site.arm("web-01").await;
        let install = Install::read(&site.boot("web-01").await);
        assert!(is_local(&site.boot("web-01").await), "round {round}: it installs already");
        let preseed = site.answer(&install.secret, "preseed.cfg").await;
        assert_eq!(preseed.status, 200);
        assert!(preseed.body.contains("password-crypted password $6$s$h\n"));
        let report = format!("{}/attempt/{}", site.url, install.attempt);
        assert!(preseed.body.contains(&format!("{report}/done; do ")), "{}", preseed.body);
        assert_eq!(site.report(&install, "heartbeat").await.status, 200);
        assert_eq!(site.report(&install, "done").await.status, 200);
        assert_eq!(site.report(&install, "done").await.status, 200, "its answer may be lost");
        assert_eq!(site.report(&install, "fail").await.status, 409, "it is over");
        assert_eq!(site.state("web-01").await, State::Installed);
        assert!(is_local(&site.boot("web-01").await));
        assert!(is_local(&site.boot("web-01").await));
    }
    let rows = site.app.store().audit(0, 100).await.unwrap();
    let of_machine: Vec<_> = rows.iter().filter(|row| row.actor == "machine").collect();
    assert!(of_machine.iter().all(|row| row.source == "127.0.0.1" && row.request.len() == 16));
    let again = site.boot("web-01").await;
    assert!(again.head.contains("\r\nx-request-id: "), "{}", again.head);
    let events: Vec<&str> = rows.iter().map(|row| row.event.as_str()).collect();
    let round = ["arm", "boot", "answer", "heartbeat", "done"];
    assert_eq!(events, [&["import", "boot"][..], &round, &round].concat());
    assert_eq!(site.app.store().verify_audit().await.unwrap(), Ok(12));
    let boots = site.boots("web-01", 10).await;
    // Of one second, those that changed nothing are written after the others.
    let mut actions: Vec<&str> = boots.iter().map(|boot| boot.1.as_str()).collect();
    actions.sort_unstable();
    assert_eq!(actions, [&["install"; 2][..], &["local"; 8]].concat());
    assert!(boots[0].3.contains("\"mac\":\"52:54:00:00:00:01\""), "{}", boots[0].3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_https_has_nothing_to_read_again_and_goes_on() {
    let site = replica::Site::new("sqlite:test.db", &["web-01".to_owned()]).await;
    let mut replica = site.replica();
    replica.hang_up();
    for _ in 0..3 {
        let answer = client::request(replica.address, "GET", "/readyz", "", "").await;
        assert_eq!((answer.status, replica.runs()), (200, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_host_installs_by_itself_only_where_the_policy_says_so() {
    let site = Site::start(&["web-01"], "first-boot = \"install\"").await;
    let install = Install::read(&site.boot("web-01").await);
    assert_eq!(site.report(&install, "done").await.status, 200);
    assert!(is_local(&site.boot("web-01").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_installer_stalls_and_the_host_boots_its_disk() {
    let site = Site::start(&["web-01"], "deadline-seconds = 100").await;
    site.arm("web-01").await;
    let install = Install::read(&site.boot("web-01").await);
    let now = Timestamp::now();
    assert_eq!(site.app.sweep(now).await.unwrap(), 0);
    assert_eq!(site.app.sweep(now.after(Seconds::new(101))).await.unwrap(), 1);
    let State::Stalled { attempt, tries: 1 } = site.state("web-01").await else { panic!() };
    assert_eq!(attempt, install.attempt);
    assert!(is_local(&site.boot("web-01").await));
    assert_eq!(site.answer(&install.secret, "preseed.cfg").await.status, 410);
    assert_eq!(site.report(&install, "done").await.status, 200, "it was only slow");
    assert_eq!(site.state("web-01").await, State::Installed);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_retried_up_to_the_limit() {
    let site = Site::start(&["web-01"], "on-failure = \"retry\"\nattempts = 3").await;
    site.arm("web-01").await;
    let mut secrets = Vec::new();
    for _ in 0..3 {
        let install = Install::read(&site.boot("web-01").await);
        assert_eq!(site.report(&install, "fail").await.status, 200);
        secrets.push(install.secret);
    }
    assert!(is_local(&site.boot("web-01").await), "three attempts are enough");
    secrets.dedup();
    assert_eq!(secrets.len(), 3, "each attempt has a secret of its own");
    let rows = site.app.store().audit(0, 100).await.unwrap();
    assert!(rows.iter().any(|row| row.detail.ends_with(": no disk ?x?")), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_file_is_released_once_and_to_its_attempt_only() {
    let site = Site::start(&["web-01", "web-02"], "").await;
    site.arm("web-01").await;
    let install = Install::read(&site.boot("web-01").await);
    assert_eq!(site.answer(&"0".repeat(32), "preseed.cfg").await.status, 404);
    assert_eq!(site.answer(&install.secret, "profile.toml").await.status, 404);
    assert_eq!(site.answer(&install.secret, "preseed.cfg").await.status, 200);
    assert_eq!(site.answer(&install.secret, "preseed.cfg").await.status, 410);
    let wrong = Install { attempt: install.attempt, secret: "0".repeat(32) };
    assert_eq!(site.report(&wrong, "done").await.status, 404);
    let wrong = Install { attempt: AttemptId::from_bits(1), secret: install.secret.clone() };
    assert_eq!(site.report(&wrong, "done").await.status, 404);
    site.order("web-01", &Order::Hold).await;
    assert_eq!(site.report(&install, "done").await.status, 409, "a person stopped it");
    let held = site.boot("web-01").await;
    assert!(held.body.contains("waits for a person") && held.body.contains("|| goto wait\n"));
    site.order("web-01", &Order::Release).await;
    assert!(is_local(&site.boot("web-01").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn to_ask_for_a_head_does_nothing() {
    let site = Site::start(&["web-01"], "").await;
    site.arm("web-01").await;
    let by_token = format!("/boot/{}", site::token("web-01"));
    for path in [by_token.as_str(), "/boot", "/boot.php"] {
        let head = site.request("HEAD", path, "", "").await;
        assert_eq!(head.status, 405, "{path}");
        assert!(head.head.contains("\r\nallow: get, post\r\n"), "{path}: {}", head.head);
    }
    assert!(matches!(site.state("web-01").await, State::Armed { .. }));
    let install = Install::read(&site.boot("web-01").await);
    let path = format!("/answer/{}/preseed.cfg", install.secret);
    for method in ["HEAD", "DELETE"] {
        let refused = site.request(method, &path, "", "").await;
        assert_eq!(refused.status, 405, "{method}");
        assert!(refused.head.contains("\r\nallow: get\r\n"), "{method}: {}", refused.head);
    }
    assert_eq!(site.get(&path).await.status, 200, "it was not used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_clients_racing_for_one_armed_host_one_installs() {
    let site = Site::start(&["web-01"], "").await;
    site.arm("web-01").await;
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let site = site.clone();
        racers.spawn(async move { site.boot("web-01").await });
    }
    let answers = racers.join_all().await;
    let installs = answers.iter().filter(|answer| answer.body.contains("\nkernel ")).count();
    let locals = answers.iter().filter(|answer| is_local(answer)).count();
    assert_eq!((installs, locals), (1, 49));
    assert!(site.app.store().verify_audit().await.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_rendered_changes_nothing() {
    let site = Site::start(&["web-01"], "first-boot = \"install\"").await;
    let mut host = site::host(&site.url, "web-01", 1);
    // An installer that has to tag frames needs to know whose.
    (host.nics[0].vlan, host.nics[0].mac) = (Some("7".parse().unwrap()), None);
    site.app.import(&[host], &Actor::person("root"), Timestamp::now()).await.unwrap();
    let answer = site.boot("web-01").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (500, "the server's log says what is wrong\n")
    );
    assert_eq!(site.state("web-01").await, State::New);
    let order = Order::Arm { confirm: "web-01".into() };
    assert!(site.try_order("web-01", &order).await.is_err(), "it is said before the machine asks");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_machines_boot_their_disk_and_are_listed() {
    let site = Site::start(&["web-01"], "").await;
    let facts = "ticket=1&mac=52:54:00:00:00:01&serial=%00%22%3Cscript%3E%E2%80%AE";
    for path in ["/boot", "/boot/not-a-token-of-ours-0123456789"] {
        let answer = site.post(path, facts).await;
        assert!(answer.status == 200 && answer.body.ends_with("\nexit 0\n"), "{}", answer.body);
        assert!(!answer.body.contains("script>"), "facts are not echoed");
    }
    let answer = site.get(&format!("/boot?{facts}")).await;
    assert!(answer.body.contains("does not know this machine"));
    let found = site.app.store().discovered(10).await.unwrap();
    assert_eq!((found.len(), found[0].boots), (1, 3));
    assert!(found[0].facts.contains(r#""serial":"?\"<script>?""#), "{}", found[0].facts);
    assert_eq!(site.state("web-01").await, State::New, "a MAC address is no proof");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mac_address_is_enough_where_the_site_says_so() {
    let site = Site::start_with(&["web-01"], "", "tokenless = \"identify\"").await;
    site.arm("web-01").await;
    let answer = site.get("/boot?ticket=1&mac=52:54:00:00:00:01").await;
    Install::read(&answer);
    assert!(site.get("/boot?mac=52:54:00:00:00:77").await.body.contains("does not know"));
    // Held, it asks again by the interface that the server knows.
    site.order("web-01", &Order::Hold).await;
    let nic = |given: &str| format!("/boot?mac=52:54:00:00:00:01&nic={given}");
    let held = site.get(&nic("net1")).await.body;
    assert!(held.contains("\nisset ${bootmint-nic} || set bootmint-nic net1\n"), "{held}");
    assert!(held.contains("&mac=${${bootmint-nic}/mac}&"), "{held}");
    for other in ["", "net1%0Ashell", "eth1"] {
        let held = site.get(&nic(other)).await.body;
        let find = "\niseq ${${bootmint-nic}/mac} 52:54:00:00:00:01 && goto bootmint-known ||\n";
        assert!(held.contains(find) && !held.contains("shell"), "{other}: {held}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_with_ranges_and_nothing_else_is_served() {
    let site = Site::start(&["web-01"], "").await;
    let whole = site.get("/files/kali/linux").await;
    assert_eq!((whole.status, whole.body.as_str()), (200, "0123456789"));
    let part = site.request("GET", "/files/kali/linux", "Range: bytes=2-4\r\n", "").await;
    assert_eq!((part.status, part.body.as_str()), (206, "234"));
    assert_eq!(site.request("HEAD", "/files/kali/linux", "", "").await.status, 200);
    for path in ["/files/../token.key", "/files/%2e%2e/token.key", "/files/kali", "/", "/token.key"]
    {
        let answer = site.get(path).await;
        assert!((300..500).contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.body.contains("linux"), "{path} is no listing");
    }
    assert_eq!(site.get("/healthz").await.status, 200);
    assert_eq!(site.get("/readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_refused() {
    let site = Site::start(&["web-01"], "").await;
    let long = format!("serial={}", "x".repeat(9000));
    assert_eq!(site.post("/boot", &long).await.status, 413);
    assert_eq!(site.get(&format!("/boot?serial={}", "x".repeat(20_000))).await.status, 431);
    assert_eq!(site.request("DELETE", "/boot", "", "").await.status, 405);
    assert_eq!(site.get("/attempt/0/done").await.status, 405, "reports are POSTed");
}

//! Webhooks, told to a real receiver on loopback: one that fails at first, one that leads
//! elsewhere, one that is not there; through servers that are killed, and several at a time.

use crate::{
    console::bootmint,
    receiver::{Heard, PATIENCE, Receiver},
    remote, replica,
    servers::Server,
    site::{self, Site},
};
use bootmint_server::{
    app::{App, Delivery, Order},
    auth::{Credentials, Password},
    boot::Transport,
    db::{Actor, Trace},
    time::{Seconds, Timestamp},
    tls::{self, Certificates, KeyKind, TlsFiles},
    webhook::{Message, Sender},
};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};
use tokio::net::TcpListener;

fn sender(app: &App, at: usize) -> Sender {
    Sender::new(&app.config().webhooks[at]).unwrap()
}

/// Tells a webhook all that there is at `now`; what the looks came to.
async fn tell(app: &App, to: &Sender, now: Timestamp) -> Vec<Delivery> {
    let mut looks = Vec::new();
    loop {
        let look = app.deliver(to, now).await.unwrap();
        looks.push(look);
        if matches!(look, Delivery::Nothing | Delivery::Failed) {
            return looks;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_at_first_is_told_everything_in_order() {
    use Delivery::{Delivered, Failed, Nothing};
    let receiver = Receiver::start().await;
    let more = receiver.section("chat", &receiver.hook(), "");
    let site = Site::start_with(&["web-01"], "", &more).await;
    let (to, now) = (sender(&site.app, 0), Timestamp::now());
    let at = |seconds| now.after(Seconds::new(seconds));
    assert_eq!(tell(&site.app, &to, now).await, [Nothing], "it begins now");

    site.arm("web-01").await;
    site.order("web-01", &Order::Hold).await;
    receiver.answer(&[500, 307, 204]);
    assert_eq!(tell(&site.app, &to, now).await, [Failed]);
    assert_eq!(tell(&site.app, &to, now).await, [Nothing], "it waits");
    assert_eq!(tell(&site.app, &to, at(2)).await, [Failed], "a redirect is not followed");
    assert_eq!(tell(&site.app, &to, at(5)).await, [Nothing], "it waits longer");
    assert_eq!(tell(&site.app, &to, at(6)).await, [Delivered, Delivered, Nothing]);
    let heard = receiver.heard();
    let told: Vec<_> = heard.iter().map(|one| (one.what(), one.status)).collect();
    let told: Vec<_> = told.iter().map(|(what, status)| (what.as_str(), *status)).collect();
    let (arm, hold) = ("host.arm web-01", "host.hold web-01");
    assert_eq!(told, [(arm, 500), (arm, 307), (arm, 204), (hold, 204)]);
    assert!(heard.iter().all(|one| receiver.is_signed(one)), "{heard:?}");
    assert!(heard[..3].iter().all(|one| one.id == heard[0].id), "it is known by its id");
    assert_ne!(heard[2].id, heard[3].id);
    assert_eq!(heard[1].timestamp, at(2).as_unix().to_string(), "each try has a time of its own");
    let mut forged = heard[3].clone();
    forged.body = forged.body.replace("web-01", "web-02");
    assert!(!receiver.is_signed(&forged));

    let json = heard[3].json();
    let data = &json["data"];
    assert_eq!((&data["was"], &data["became"]), (&"armed".into(), &"held".into()));
    assert_eq!((&data["actor"], &data["site"]), (&"person:root".into(), &Value::Null));
    // What is no event of a host is passed.
    let (user, grants, root) =
        ("kim".parse().unwrap(), "viewer".parse().unwrap(), Actor::person("root"));
    site.app.add_account(&user, &grants, true, &root, now).await.unwrap();
    receiver.forget();
    assert_eq!(tell(&site.app, &to, at(7)).await, [Delivery::Passed, Nothing]);
    assert!(receiver.heard().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_webhook_is_told_what_it_asks_for_and_a_dead_one_stops_no_other() {
    use Delivery::{Delivered, Failed, Nothing, Passed};
    let receiver = Receiver::start().await;
    let root = tls::root(KeyKind::P256, Timestamp::now()).unwrap();
    let ca = receiver.folder().join("ca.pem");
    fs::write(&ca, root.certificates).unwrap();
    let ca = ca.display();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let more = [
        receiver.section("dead", &format!("http://{closed}/"), ""),
        receiver.section("holds", &receiver.hook(), "events = [\"hold\"]"),
        receiver.section("berlin", &receiver.hook(), "sites = [\"berlin\"]"),
        // It leads to this computer, which a name must not without leave.
        receiver.section("rebound", "https://localhost:1/", &format!("ca-file = \"{ca}\"")),
    ];
    let site = Site::start_with(&["web-01", "web-02"], "", &more.concat()).await;
    let senders: Vec<_> = (0..4).map(|at| sender(&site.app, at)).collect();
    let now = Timestamp::now();
    for to in &senders {
        assert_eq!(tell(&site.app, to, now).await, [Nothing]);
    }
    let mut moved = site::host(&site.url, "web-02", 2);
    moved.site = Some("berlin".parse().unwrap());
    site.app.import(&[moved], &Actor::person("root"), now).await.unwrap();
    site.order("web-01", &Order::Hold).await;
    assert_eq!(tell(&site.app, &senders[0], now).await, [Failed]);
    assert_eq!(tell(&site.app, &senders[3], now).await, [Failed]);
    assert!(receiver.heard().is_empty());
    assert_eq!(tell(&site.app, &senders[1], now).await, [Delivered, Nothing]);
    assert_eq!(tell(&site.app, &senders[2], now).await, [Delivered, Passed, Nothing]);
    let told: Vec<_> = receiver.heard().iter().map(Heard::what).collect();
    assert_eq!(told, ["host.hold web-01", "host.update web-02"]);
    assert_eq!(receiver.heard()[1].json()["data"]["site"], "berlin");
    let place = site.app.store().webhook("dead").await.unwrap().unwrap();
    assert_eq!((place.failures, place.delivered), (1, 2), "it keeps its place");
    let (console, token) =
        (remote::console(&site).await, remote::token(&site, "mo", "admin").await);
    let plain = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    let asked = plain.get(format!("{console}/metrics")).bearer_auth(token);
    let metrics = asked.send().await.unwrap().text().await.unwrap();
    for line in [
        "bootmint_webhook_delivered_total{webhook=\"holds\"} 1",
        "bootmint_webhook_failed_total{webhook=\"dead\"} 1",
        "bootmint_webhook_failures{webhook=\"dead\"} 1",
        "bootmint_webhook_failures{webhook=\"holds\"} 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    let lag = |name: &str| {
        let begin = format!("bootmint_webhook_lag{{webhook=\"{name}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(begin.as_str()));
        line.unwrap().parse::<i64>().unwrap()
    };
    assert_eq!(lag("dead") - lag("holds"), 2);
    let error = senders[3].send(&Message::ping("1", now), now).await;
    let error = format!("{:#}", anyhow::Error::from(error.unwrap_err()));
    assert!(error.contains("allow-private"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_accounts_are_told_to_who_asks_for_them_without_secrets() {
    let receiver = Receiver::start().await;
    let wanted = "events = [\"add-account\", \"change-account\", \"make-token\", \
                  \"sign-in-refused\", \"lock-out\", \"secret-set\"]";
    let more = [
        receiver.section("people", &receiver.hook(), wanted),
        receiver.section("hosts", &receiver.hook(), ""),
    ];
    let site = Site::start_with(&["web-01"], "", &more.concat()).await;
    let (people, hosts) = (sender(&site.app, 0), sender(&site.app, 1));
    let (now, root) = (Timestamp::now(), Actor::person("root"));
    for to in [&people, &hosts] {
        tell(&site.app, to, now).await;
    }
    let kim = "kim".parse().unwrap();
    let viewer = "viewer".parse().unwrap();
    let once = site.app.add_account(&kim, &viewer, true, &root, now).await.unwrap().unwrap();
    let wrong = Password::new("a guess of mine");
    let trace = Trace { source: "192.0.2.66".into(), ..Trace::default() };
    for _ in 0..6 {
        let (shown, from) =
            (Credentials::new("kim", &wrong), Actor::by_request("user:kim", &trace));
        site.app.sign_in(&shown, &from, now).await.unwrap_err();
    }
    let admin = "admin".parse().unwrap();
    site.app.change_account(&kim, Some(&admin), None, &root, now).await.unwrap();
    let token = remote::token(&site, "mo", "viewer").await;
    tell(&site.app, &people, now).await;
    let told: Vec<_> = receiver.heard().iter().map(Heard::json).collect();
    let kinds: Vec<_> = told.iter().map(|one| one["type"].as_str().unwrap()).collect();
    let refused = ["account.sign-in-refused"; 5];
    let expected = [
        &["account.add-account"][..],
        &refused,
        &["account.lock-out", "account.sign-in-refused", "account.change-account"],
        &["account.add-account", "account.make-token"],
    ];
    assert_eq!(kinds, expected.concat());
    let changed = told.iter().find(|one| one["type"] == "account.change-account").unwrap();
    assert_eq!(changed["data"]["detail"], "account kim: viewer -> admin");
    assert!(changed["data"].get("host").is_none(), "{changed}");
    let all = serde_json::to_string(&told).unwrap();
    for secret in [once.reveal(), "a guess of mine", token.as_str()] {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
    receiver.forget();
    tell(&site.app, &hosts, now).await;
    assert!(receiver.heard().is_empty(), "who does not ask is not told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_over_https_shows_the_right_certificate_and_its_name_leads_where_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp::now();
    let roots = [(); 2].map(|()| tls::root(KeyKind::P256, now).unwrap());
    let pair = tls::server(&roots[0], KeyKind::P256, &tls::with_loopback(&[]), now).unwrap();
    let path = |name: &str| folder.path().join(name);
    let files = TlsFiles { certificate: path("server.pem"), key: path("server.key") };
    fs::write(&files.certificate, &pair.certificates).unwrap();
    fs::write(&files.key, &pair.key).unwrap();
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
    let certificates = Certificates::load(files).unwrap();
    let transport = Transport::Tls(certificates.config().unwrap());
    let receiver = Receiver::start_over("https", transport).await;
    for (root, name) in roots.iter().zip(["ours.pem", "other.pem"]) {
        fs::write(path(name), &root.certificates).unwrap();
    }
    let ca = |name: &str| format!("ca-file = \"{}\"", path(name).display());
    let (address, named) = (receiver.hook(), receiver.hook().replace("127.0.0.1", "localhost"));
    let leave = format!("{}\nallow-private = true", ca("ours.pem"));
    let more = [
        receiver.section("address", &address, &ca("ours.pem")),
        receiver.section("stranger", &address, &ca("other.pem")),
        receiver.section("name", &named, &ca("ours.pem")),
        receiver.section("allowed", &named, &leave),
    ];
    let site = Site::start_with(&["web-01"], "", &more.concat()).await;
    let mut sent = Vec::new();
    for at in 0..4 {
        let (to, message) = (sender(&site.app, at), Message::ping(&at.to_string(), now));
        sent.push(to.send(&message, now).await.is_ok());
    }
    assert_eq!(sent, [true, false, false, true]);
    let ids: Vec<_> = receiver.heard().into_iter().map(|heard| heard.id).collect();
    assert_eq!(ids, ["ping_0", "ping_3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_that_are_killed_lose_and_double_nothing() {
    let start = || {
        let server = Server::postgres(None)?;
        let url = server.create("webhooks");
        Some((server, url))
    };
    let Some((_server, url)) = tokio::task::spawn_blocking(start).await.unwrap() else { return };
    let receiver = Receiver::start().await;
    receiver.answer(&[500, 503]);
    // While one server waits for an answer, the other looks what there is to tell.
    receiver.slow_down(Duration::from_millis(300));
    let hosts: Vec<_> = (1..=4).map(|number| format!("web-{number:02}")).collect();
    let section = receiver.section("chat", &receiver.hook(), "");
    let site = replica::Site::with(&url, &hosts, &section).await;
    let root = Actor::person("root");
    let order = async |name: &str, order: &Order| {
        let name = name.parse().unwrap();
        site.app.order(&name, order, None, &root, Timestamp::now()).await.unwrap();
    };
    let mut replicas = [site.replica(), site.replica()];
    let start = Instant::now();
    while site.app.store().webhook("chat").await.unwrap().is_none() {
        assert!(start.elapsed() < PATIENCE, "the webhook does not begin");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for host in &hosts {
        order(host, &Order::Arm { confirm: host.clone() }).await;
    }
    let start = Instant::now();
    while site.app.store().webhook("chat").await.unwrap().unwrap().failures == 0 {
        assert!(start.elapsed() < PATIENCE, "the receiver is not asked");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for replica in &mut replicas {
        replica.kill();
    }
    for host in &hosts {
        order(host, &Order::Hold).await;
    }
    for replica in &mut replicas {
        replica.start_again();
    }
    receiver.until(8).await;
    for host in &hosts {
        order(host, &Order::Release).await;
    }
    receiver.until(12).await;
    let heard = receiver.heard();
    assert!(heard.iter().all(|one| receiver.is_signed(one)), "{heard:?}");
    let told: Vec<_> = heard.iter().filter(|one| one.status == 204).map(Heard::what).collect();
    let each = |event: &str| hosts.iter().map(|host| format!("host.{event} {host}")).collect();
    let all: [Vec<String>; 3] = ["arm", "hold", "release"].map(each);
    assert_eq!(told, all.concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_makes_a_key_and_tests_the_way() {
    let receiver = Receiver::start().await;
    let folder = receiver.folder().join("site");
    let made = bootmint(&["init", folder.to_str().unwrap()]);
    assert!(made.status.success(), "{made:?}");
    let (config, key) = (folder.join("bootmint.toml"), folder.join("chat.key"));
    let (config_path, key) = (config.to_str().unwrap(), key.to_str().unwrap());
    assert!(bootmint(&["webhook", "key", key]).status.success());
    assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!bootmint(&["webhook", "key", key]).status.success(), "it is left alone");
    let receiver = receiver.with_key(fs::read_to_string(key).unwrap().trim());
    let text = fs::read_to_string(&config).unwrap();
    let url = format!("{}?token=T0PSECRET", receiver.hook());
    let section =
        format!("\n[[webhook]]\nname = \"chat\"\nurl = \"{url}\"\nsecret-file = \"chat.key\"\n");
    fs::write(&config, text + &section).unwrap();
    let run = |args: &[&str]| {
        let args: Vec<_> = ["--config", config_path].iter().chain(args).copied().collect();
        // The receiver answers on other threads.
        tokio::task::block_in_place(|| bootmint(&args))
    };
    let tested = run(&["webhook", "test", "chat"]);
    assert!(tested.status.success(), "{tested:?}");
    let heard = receiver.heard();
    assert_eq!((heard.len(), &heard[0].json()["type"]), (1, &"ping".into()));
    assert!(receiver.is_signed(&heard[0]));
    receiver.answer(&[401]);
    let refused = run(&["webhook", "test", "chat"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("401"), "{said}");
    let listed = run(&["webhook", "list"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("chat http://127.0.0.1:") && listed.contains("not begun"), "{listed}");
    let skipped = run(&["webhook", "skip", "chat"]);
    assert!(!skipped.status.success(), "there is nothing to skip");
    let checked = run(&["config", "check"]);
    assert!(checked.status.success(), "{checked:?}");
    for output in [said, listed, String::from_utf8(checked.stdout).unwrap()] {
        assert!(!output.contains("T0PSECRET") && !output.contains("whsec_"), "{output}");
    }
    fs::set_permissions(key, fs::Permissions::from_mode(0o640)).unwrap();
    let exposed = run(&["config", "check"]);
    assert!(String::from_utf8_lossy(&exposed.stderr).contains("others can read it"));
}

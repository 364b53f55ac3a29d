//! The console: who may see what, what people do with it, and what is tried against it.

mod attacks;
mod browser;
mod disuse;
mod factor;
mod matrix;
mod openid;
mod profiles;
mod rotation;
mod workshop;

use crate::{
    api::tests::desk::Desk,
    app::Order,
    auth::{Credentials, Password},
    db::Actor,
    time::{Seconds, Timestamp},
};
use browser::{Browser, PASSWORD};

#[tokio::test]
async fn the_first_person_chooses_a_password_and_is_led_on() {
    let desk = Desk::open().await;
    let mut browser = Browser::new(&desk);
    let nobody = browser.get("/sign-in").await.text();
    assert!(nobody.contains("bootmint users add NAME"), "{nobody}");
    let (user, grants) = ("admin".parse().unwrap(), "admin".parse().unwrap());
    let (root, now) = (Actor::person("root"), Timestamp::now());
    let once = desk.app.add_account(&user, &grants, true, &root, now).await.unwrap().unwrap();
    let first = browser.get("/sign-in?next=/audit").await.text();
    assert!(first.contains("Welcome") && first.contains("name=\"new-password\""), "{first}");
    let refused = browser.sign_in("admin", once.reveal(), "").await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("for one use"), "{}", refused.text());
    let fields = [
        ("user", "admin"),
        ("password", once.reveal()),
        ("next", "/audit"),
        ("new-password", PASSWORD),
        ("again", PASSWORD),
    ];
    let mut differ = fields;
    differ[4].1 = "something else";
    assert_eq!(browser.post("/sign-in", &differ).await.status, 400);
    let signed = browser.post("/sign-in", &fields).await;
    assert_eq!((signed.status.as_u16(), signed.header("location")), (303, "/audit"));
    assert!(!browser.get("/sign-in").await.text().contains("Welcome"));
    let led = browser.get("/hosts/web-01?x=1").await;
    assert_eq!(led.header("location"), "/sign-in?next=/hosts/web-01%3Fx%3D1");
}

#[tokio::test]
async fn hosts_are_found_filtered_exported_and_shown() {
    let desk = Desk::open().await;
    let alice = Browser::of(&desk, "alice", "reimager@site:berlin,editor@site:berlin").await;
    let fleet = alice.get("/fleet").await.text();
    assert!(fleet.contains("web-01") && fleet.contains("2 of 2 hosts"), "{fleet}");
    assert!(!fleet.contains("db-01"), "it is at another site");
    let found = alice.get("/fleet?q=52%3A54%3A00%3A00%3A00%3A02").await.text();
    assert!(found.contains("data-host=\"web-02\"") && !found.contains("data-host=\"web-01\""));
    let none = alice.get("/fleet?state=armed").await.text();
    assert!(none.contains("No host is like that"), "{none}");
    let csv = alice.get("/fleet.csv").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.text().lines().count(), 3, "{}", csv.text());
    assert!(fleet.contains("href=\"/fleet.csv\""), "{fleet}");
    let some = alice.get("/fleet?q=web-02&state=new").await.text();
    assert!(some.contains("href=\"/fleet.csv?q=web-02&#38;state=new\""), "{some}");
    let csv = alice.get("/fleet.csv?q=web-02&state=new").await.text();
    assert!(csv.contains("web-02") && !csv.contains("web-01"), "what is filtered is exported");
    let host = alice.get("/hosts/web-01").await.text();
    for text in ["192.0.2.1/24", "It boots its local disk", "It never booted", "Arm web-01"] {
        assert!(host.contains(text), "{text}: {host}");
    }
    assert!(host.contains("No templates are published"), "{host}");
    let texts = alice.get("/hosts/web-01/render").await.text();
    assert!(texts.contains("preseed.cfg") && !texts.contains("topsecret"), "{texts}");
    assert_eq!(alice.get("/hosts/nothing").await.status, 404);
    let image = alice.get("/download/web-01.iso").await;
    assert_eq!(image.status, 404);
    assert!(image.text().contains("<h1>Not Found</h1>"), "a person gets a page");
}

#[tokio::test]
async fn a_view_is_kept_shown_and_forgotten_by_its_owner() {
    let desk = Desk::open().await;
    let alice = Browser::of(&desk, "alice", "viewer").await;
    let bob = Browser::of(&desk, "bob", "viewer").await;
    let plain = alice.get("/fleet").await.text();
    assert!(!plain.contains("id=\"view\""), "there is nothing to keep");
    let fields = [("name", "web <b>"), ("q", "web & co"), ("site", "berlin")];
    let kept = alice.post("/fleet/views", &fields).await;
    let address = "/fleet?q=web%20%26%20co&site=berlin";
    assert_eq!((kept.status.as_u16(), kept.header("location")), (303, address));
    let link = "href=\"/fleet?q=web%20%26%20co&#38;site=berlin\"";
    let page = alice.get("/fleet").await.text();
    assert!(page.contains(link) && page.contains("web &#60;b&#62;</a>"), "{page}");
    assert!(!bob.get("/fleet").await.text().contains(link));
    let there = alice.get(address).await.text();
    assert!(there.contains("aria-current=\"true\"") && there.contains("Forget the view web"));
    bob.post("/fleet/views/forget", &[("name", "web <b>")]).await;
    assert!(alice.get("/fleet").await.text().contains(link), "it is not bob's");
    alice.post("/fleet/views/forget", &[("name", "web <b>")]).await;
    assert!(!alice.get("/fleet").await.text().contains(link));
    let long = "x".repeat(61);
    for name in ["", long.as_str(), "a\nb"] {
        let refused = alice.post("/fleet/views", &[("name", name), ("site", "berlin")]).await;
        assert_eq!(refused.status, 400, "{name:?}");
    }
}

#[tokio::test]
async fn an_order_needs_the_name_and_leaves_the_row_that_the_interface_leaves() {
    let desk = Desk::open().await;
    let alice = Browser::of(&desk, "alice", "reimager@site:berlin").await;
    let arm = async |confirm: &str, generation: &str| {
        let fields = [("confirm", confirm), ("generation", generation), ("reason", "new disk <b>")];
        alice.post("/hosts/web-01/arm", &fields).await
    };
    let wrong = arm("web-02", "1").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("type the host&#39;s name"), "{}", wrong.text());
    assert_eq!(arm("web-01", "7").await.status, 412, "it is not as alice saw it");
    let armed = arm("web-01", "1").await;
    assert_eq!((armed.status.as_u16(), armed.header("location")), (303, "/hosts/web-01?armed"));
    let page = alice.get("/hosts/web-01?armed").await.text();
    assert!(
        page.contains("its next boot installs it, and wipes") && page.contains("arm: new → armed")
    );
    assert!(page.contains("It installs") && page.contains("Somebody armed it, until"));
    for (path, said) in [
        ("/hosts/web-02?armed", "its next boot installs it, and wipes"),
        ("/hosts/web-02?asked", "another person must approve"),
        ("/hosts/web-01?disarm", "It is not armed any more"),
        ("/hosts/web-01?hold", "It is held"),
        ("/hosts/web-01?release", "It is released"),
    ] {
        assert!(!alice.get(path).await.text().contains(said), "an address arms nothing: {path}");
    }
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    let row = rows.iter().find(|row| row.event == "arm").unwrap();
    assert_eq!((row.actor.as_str(), row.role.as_str()), ("user:alice", "reimager"));
    assert_eq!((row.reason.as_str(), row.result.as_str()), ("new disk <b>", "done"));
    assert_eq!((row.request.as_str(), row.token.len()), (armed.header("x-request-id"), 16));
    assert_eq!(alice.post("/hosts/db-01/hold", &[]).await.status, 403);
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    assert!(rows.iter().any(|row| row.event == "denied" && row.host == "db-01"));

    let both = [("host", "web-01"), ("host", "web-02"), ("asked", "yes"), ("confirm", "web-01")];
    let again = alice.post("/fleet/arm", &both).await;
    assert_eq!(again.status, 400, "one name is missing");
    let seen = |host: &str, generation: i64| format!("name=\"seen\" value=\"{host} {generation}\"");
    let stored = desk.app.stored(&"web-01".parse().unwrap()).await.unwrap();
    assert!(again.text().contains(&seen("web-01", stored.generation)), "{}", again.text());
    let mut typed = both;
    typed[3].1 = "web-02\r\nweb-01";
    let stale = [&typed[..], &[("seen", "web-01 99"), ("seen", "web-02 99")]].concat();
    let stale = alice.post("/fleet/arm", &stale).await.text();
    assert_eq!(stale.matches("has changed since you looked").count(), 2, "{stale}");
    let done = alice.post("/fleet/arm", &typed).await.text();
    assert_eq!(done.matches("is armed").count(), 2, "{done}");
    let held = alice.post("/fleet/hold", &[("host", "web-01"), ("host", "db-01")]).await;
    assert_eq!(held.status, 403, "one of them is at another site");
    assert!(held.text().contains("is held") && held.text().contains("hosts-hold"));
}

#[tokio::test]
async fn a_feed_shows_its_faults_then_what_it_changes_then_is_imported() {
    let desk = Desk::open().await;
    let ed = Browser::of(&desk, "ed", "editor").await;
    let bad = "name,mac,address,server\r\nweb-01,xx,192.0.2.1/24,http://a\r\n";
    let faults = ed.post("/import", &[("format", "csv"), ("feed", bad)]).await;
    assert_eq!(faults.status, 422);
    assert!(faults.text().contains(">2</td><td data-label=\"Column\">8</td>"), "{}", faults.text());
    assert!(faults.text().contains("web-01,xx"), "what was typed stays");
    let good = "name,mac,address,server,site\r\nweb-09,52:54:00:00:00:09,192.0.2.9/24,,berlin\r\n\
                db-01,52:54:00:00:00:03,192.0.2.33/24,,paris\r\n";
    let fields = [("format", "csv"), ("server", "http://192.0.2.2:8080"), ("feed", good)];
    let seen = ed.post("/import", &fields).await.text();
    assert!(seen.contains("What would change") && seen.contains("192.0.2.33/24"), "{seen}");
    let start = seen.find("name=\"seen\" value=\"").unwrap() + 19;
    let digest = &seen[start..start + 64];
    assert_eq!(desk.app.store().hosts(None, 10).await.unwrap().len(), 3, "nothing is changed yet");
    let [format, server, feed] = fields;
    let wrong = "0".repeat(64);
    let moved = [format, server, feed, ("apply", "yes"), ("seen", wrong.as_str())];
    let again = ed.post("/import", &moved).await.text();
    assert!(
        again.contains("Meanwhile something changed") && !again.contains("<h2>Done"),
        "{again}"
    );
    let done =
        ed.post("/import", &[format, server, feed, ("apply", "yes"), ("seen", digest)]).await;
    assert!(done.text().contains("<h2>Done"), "{}", done.text());
    assert_eq!(desk.app.store().hosts(None, 10).await.unwrap().len(), 4);
}

#[tokio::test]
async fn an_auditor_reads_filters_verifies_and_exports() {
    let desk = Desk::open().await;
    let auditor = Browser::of(&desk, "au", "auditor").await;
    assert_eq!(auditor.get("/").await.header("location"), "/audit", "the first page she may see");
    let all = auditor.get("/audit").await.text();
    assert!(all.contains("import") && all.contains("sign-in"), "{all}");
    let signs = auditor.get("/audit?event=sign-in&result=done").await.text();
    assert!(signs.contains("user:au") && !signs.contains("db-01"), "{signs}");
    assert!(auditor.get("/audit?host=nothing").await.text().contains("No row is like that"));
    assert!(auditor.get("/audit/verify").await.text().contains("The chain holds"));
    let rows = desk.app.store().audit(0, 1000).await.unwrap().len();
    assert_eq!(auditor.get("/audit/export.csv").await.text().lines().count(), rows + 1);
    let lines = auditor.get("/audit/export.ndjson").await.text();
    for line in lines.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert_eq!(lines.lines().count(), rows);
    let some = auditor.get("/audit/export.ndjson?event=sign-in").await.text();
    assert!(
        some.lines().count() > 0 && some.lines().all(|line| line.contains("sign-in")),
        "{some}"
    );
    let past = auditor.get("/audit?until=2020-01-01&event=import").await.text();
    assert!(past.contains("No row is like that"), "{past}");
    let since = auditor.get("/audit?from=2020-01-01T00%3A00&event=import").await.text();
    assert!(since.contains("db-01") && since.contains("value=\"2020-01-01T00:00\""), "{since}");
    let link = "/audit/export.csv?event=import&#38;from=2020-01-01T00%3A00";
    assert!(since.contains(link), "{since}");
    let csv = auditor.get("/audit/export.csv?until=2020-01-01").await.text();
    assert_eq!(csv.lines().count(), 1, "its head: {csv}");
    let wrong = auditor.get("/audit?from=yesterday").await;
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.text().contains("from: &#34;yesterday&#34; is no time in UTC"),
        "{}",
        wrong.text()
    );
    let token = desk.token("ship", "auditor").await;
    let page = desk.get("/api/v1/audit?from=2020-01-01&event=import&limit=1", &token).await.json();
    assert_eq!(page["items"][0]["event"], "import");
    assert!(page["next"].is_string(), "there are more: {page}");
    let none = desk.get("/api/v1/audit?until=2020-01-01T00:00:00Z", &token).await.json();
    assert_eq!(none["items"], serde_json::json!([]));
    assert_eq!(desk.get("/api/v1/audit?until=soon", &token).await.status, 400);
}

#[tokio::test]
async fn a_long_timeline_is_read_to_its_beginning() {
    let desk = Desk::open().await;
    let alice = Browser::of(&desk, "alice", "reimager").await;
    let who = Actor::person("root");
    let start = Timestamp::from_unix(1_700_000_000);
    let name = "web-01".parse().unwrap();
    for number in 0..60 {
        let order = if number % 2 == 0 { Order::Hold } else { Order::Release };
        let at = start.after(Seconds::new(number + 1));
        desk.app
            .order(&name, &order, None, &who.clone().because(&format!("n{number}.")), at)
            .await
            .unwrap();
    }
    let mut path = "/hosts/web-01".to_owned();
    let mut seen = std::collections::BTreeSet::new();
    for pages in 1.. {
        let text = alice.get(&path).await.text();
        seen.extend((0..60).filter(|number| text.contains(&format!("n{number}."))));
        let Some(at) = text.find("rel=\"next\" href=\"") else {
            assert_eq!(pages, 2, "{text}");
            break;
        };
        path = text[at + 17..].split('#').next().unwrap().to_owned();
    }
    assert_eq!(seen.len(), 60, "{seen:?}");
    assert_eq!(alice.get("/hosts/web-01?until=now").await.status, 400);
}

#[tokio::test]
async fn an_administrator_manages_accounts_and_tokens() {
    let desk = Desk::open().await;
    let root = Browser::of(&desk, "root", "admin").await;
    let made = root.post("/accounts", &[("name", "bob"), ("roles", "viewer, editor")]).await.text();
    assert!(made.contains("one-time password; it is not shown again"), "{made}");
    let start = made.find("aria-label=\"One-time password\">").unwrap() + 31;
    let once = made[start..start + 23].to_owned();
    let bob = "bob".parse().unwrap();
    let now = Timestamp::now();
    let new = Password::new(PASSWORD);
    let who = Actor::person("bob");
    desk.app
        .sign_in(&Credentials::new("bob", &Password::new(once)).renewing(Some(&new)), &who, now)
        .await
        .unwrap();
    let post = async |path: &str, fields: &[(&str, &str)]| root.post(path, fields).await;
    let fields = [("roles", "approver"), ("reason", "joins the <b> team")];
    assert_eq!(post("/accounts/bob/roles", &fields).await.status, 303);
    let account = desk.app.store().account(&bob).await.unwrap().unwrap();
    assert_eq!(account.grants.to_string(), "approver");
    // What the page showed before is another account by now.
    let shown = root.get("/accounts").await.text();
    let mark = |page: &str| {
        let row = page.find("<form id=\"of-bob\"").unwrap();
        let start = row + page[row..].find("name=\"seen\" value=\"").unwrap() + 19;
        page[start..start + 32].to_owned()
    };
    let seen = mark(&shown);
    let fields = [("roles", "approver, viewer"), ("seen", seen.as_str())];
    assert_eq!(post("/accounts/bob/roles", &fields).await.status, 303);
    let late = post("/accounts/bob/lock", &[("locked", "yes"), ("seen", &seen)]).await;
    assert_eq!(late.status, 412);
    assert!(late.text().contains("has changed since you looked"), "{}", late.text());
    assert_ne!(mark(&late.text()), seen, "and the page shows what it is now");
    assert_eq!(post("/accounts/bob/roles", &[("roles", "king")]).await.status, 400);
    assert_eq!(post("/accounts/bob/lock", &[("locked", "yes")]).await.status, 303);
    assert!(desk.app.store().account(&bob).await.unwrap().unwrap().disabled);
    assert_eq!(post("/accounts/bob/remove", &[("confirm", "bo")]).await.status, 400);
    let fields = [("confirm", "bob"), ("reason", "left")];
    assert_eq!(post("/accounts/bob/remove", &fields).await.status, 303);
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    for (event, why) in [("change-account", "joins the <b> team"), ("remove-account", "left")] {
        assert!(rows.iter().any(|row| row.event == event && row.reason == why), "{event}");
    }
    assert_eq!(post("/accounts/root/remove", &[("confirm", "root")]).await.status, 409, "the last");
    let token = [("label", "ci"), ("roles", "viewer"), ("days", "1")];
    let page = post("/tokens", &token).await.text();
    let start = page.find("bmt_").unwrap();
    let token = page[start..].split('<').next().unwrap().to_owned();
    assert_eq!(desk.get("/api/v1/hosts", &token).await.status, 200);
    let id = token.split('_').nth(1).unwrap();
    assert_eq!(post(&format!("/tokens/{id}/end"), &[]).await.status, 303);
    assert_eq!(desk.get("/api/v1/hosts", &token).await.status, 401);
    let settings = root.get("/settings").await.text();
    assert!(settings.contains("root-password-hash") && !settings.contains("topsecret"));
}

#[tokio::test]
async fn a_secret_is_set_as_the_page_showed_it() {
    let desk = Desk::open().await;
    let root = Browser::of(&desk, "root", "admin").await;
    let set = async |seen: Option<&str>| {
        let fields = [("name", "vault"), ("value", "x"), ("shown", "yes")];
        let seen = seen.map(|seen| ("set", seen));
        root.post("/secrets", &fields.into_iter().chain(seen).collect::<Vec<_>>()).await
    };
    assert_eq!(set(None).await.status, 303);
    let late = set(None).await;
    assert_eq!(late.status, 412, "somebody set it after the page was shown");
    let text = late.text();
    let start = text.find("name=\"set\" value=\"").unwrap() + 18;
    let seen = text[start..start + 38].to_owned();
    assert!(seen.starts_with("vault "), "{seen}");
    assert_eq!(set(Some(&seen)).await.status, 303);
    assert_eq!(set(Some(&seen)).await.status, 412);
    let (_, mark) = seen.split_once(' ').unwrap();
    let removed = root.post("/secrets/vault/remove", &[("seen", mark)]).await;
    assert_eq!(removed.status, 412);
}

#[tokio::test]
async fn a_host_is_edited_and_removed_where_it_is_shown() {
    let desk = Desk::open().await;
    let ed = Browser::of(&desk, "ed", "editor@site:berlin").await;
    let page = ed.get("/hosts/web-01").await.text();
    assert!(page.contains("href=\"/import?host=web-01\"") && page.contains("/hosts/web-01/remove"));
    let edit = ed.get("/import?host=web-01").await;
    assert!(edit.text().contains("&#34;name&#34;: &#34;web-01&#34;"), "{}", edit.text());
    assert!(edit.text().contains("<option selected>json</option>"));
    assert_eq!(ed.get("/import?host=db-01").await.status, 403, "it is at another site");
    let viewer = Browser::of(&desk, "vi", "viewer").await;
    assert!(!viewer.get("/hosts/web-01").await.text().contains("/hosts/web-01/remove"));

    let stored = desk.app.stored(&"web-01".parse().unwrap()).await.unwrap();
    let generation = stored.generation.to_string();
    let remove = async |confirm, generation| {
        let fields = [("confirm", confirm), ("generation", generation)];
        ed.post("/hosts/web-01/remove", &fields).await.status
    };
    assert_eq!(remove("web-02", &generation).await, 400);
    assert_eq!(remove("web-01", "99").await, 412);
    assert_eq!(remove("web-01", &generation).await, 303);
    assert_eq!(ed.get("/hosts/web-01").await.status, 404);
    assert!(desk.app.stored(&"web-01".parse().unwrap()).await.is_err());
}

#[tokio::test]
async fn a_machine_that_is_no_host_is_a_feeds_first_line() {
    let desk = Desk::open().await;
    let ed = Browser::of(&desk, "ed", "editor").await;
    let facts = r#"{"mac":"52:54:00:00:00:aa","serial":"a,b\"<","product":"x"}"#;
    let id = crate::secret::Digest::of(b"machine");
    let now = crate::time::Timestamp::now();
    desk.app.store().record_discovered(&id, now, "192.0.2.9", facts).await.unwrap();
    let page = ed.get("/discovered").await.text();
    let start = page.find("/import?").unwrap();
    let to = page[start..].split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
    let feed = ed.get(&to).await.text();
    assert!(feed.contains("name,address,gateway,dns,mac,serial"), "{feed}");
    assert!(feed.contains(",,,,52:54:00:00:00:aa,&#34;a,b&#34;&#34;&#60;&#34;"), "{feed}");
}

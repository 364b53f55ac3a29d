//! OS profiles: published, gone back from, and what hosts, installers and other replicas get.

use super::desk::{Answer, Desk};
use crate::{
    app::{App, AppError, Facts, Proof, Report},
    db::{Actor, Trace},
    machine::State,
    script::Script,
    secret::Digest,
    time::Timestamp,
};
use axum::http::StatusCode as S;
use serde_json::{Value, json};

const TEXT: &str = "# Kali Linux on ";

/// The texts of a profile, as somebody edits them.
async fn files(desk: &Desk, token: &str, profile: &str) -> Value {
    desk.get(&format!("/api/v1/profiles/{profile}"), token).await.json()["files"].clone()
}

async fn publish(desk: &Desk, token: &str, profile: &str, seen: &str, files: &Value) -> Answer {
    let line = format!("POST /api/v1/profiles/{profile}/publish");
    let body = json!({ "files": files, "reason": "a new mirror" }).to_string();
    desk.ask(&line, token, &[("if-match", seen)], body).await
}

async fn revert(desk: &Desk, token: &str, profile: &str, seen: &str, version: i64) -> Answer {
    let line = format!("POST /api/v1/profiles/{profile}/revert");
    let body = json!({ "version": version, "reason": "it was wrong" }).to_string();
    desk.ask(&line, token, &[("if-match", seen)], body).await
}

/// The texts, with something in place of something in a file.
fn edited(files: &Value, file: &str, from: &str, to: &str) -> Value {
    let mut files = files.clone();
    let text = files[file].as_str().unwrap();
    assert!(text.contains(from), "{from}: {text}");
    files[file] = json!(text.replacen(from, to, 1));
    files
}

#[tokio::test]
async fn a_version_is_checked_published_seen_compared_and_gone_back_from() {
    let desk = Desk::open().await;
    let ed = desk.token("ed", "editor").await;
    let read = desk.get("/api/v1/profiles/kali", &ed).await;
    assert_eq!((read.status, read.header("etag")), (S::OK, "\"g0\""));
    let digest = read.json()["digest"].as_str().unwrap().to_owned();
    let first = edited(&read.json()["files"], "preseed.cfg", "# ", "# MINE ");
    let checked = desk
        .ask("POST /api/v1/profiles/kali/check", &ed, &[], json!({ "files": first }).to_string())
        .await;
    assert_eq!(checked.status, S::OK, "{}", checked.text());
    assert_eq!((&checked.json()["good"], &checked.json()["users"]), (&json!(true), &json!(3)));

    let line = "POST /api/v1/profiles/kali/publish";
    let body = json!({ "files": first, "reason": "x" }).to_string();
    assert_eq!(desk.ask(line, &ed, &[], body).await.status, S::PRECONDITION_REQUIRED);
    let silent = json!({ "files": first, "reason": " " }).to_string();
    let silent = desk.ask(line, &ed, &[("if-match", "\"g0\"")], silent).await;
    assert_eq!(silent.status, S::BAD_REQUEST, "{}", silent.text());
    let done = publish(&desk, &ed, "kali", "\"g0\"", &first).await;
    assert_eq!((done.status, done.header("etag")), (S::OK, "\"g1\""), "{}", done.text());
    let render = desk.get("/api/v1/hosts/web-01/render", &ed).await.text();
    assert!(render.contains("# MINE "), "{render}");
    assert_eq!(publish(&desk, &ed, "kali", "\"g0\"", &first).await.status, S::PRECONDITION_FAILED);
    assert_eq!(publish(&desk, &ed, "kali", "\"g1\"", &first).await.status, S::CONFLICT, "the same");

    let page = desk.get("/api/v1/profiles/kali/versions", &ed).await.json();
    let version = &page["items"][0];
    assert_eq!(
        (&version["author"], &version["reason"]),
        (&json!("user:ed"), &json!("a new mirror"))
    );
    assert_eq!((&version["origin"], page.get("next")), (&json!("written"), None));
    let diff = desk.get("/api/v1/profiles/kali/diff?from=0&to=1", &ed).await.json();
    let unified = diff["items"][0]["unified"].as_str().unwrap();
    assert!(
        unified.starts_with("--- preseed.cfg\n") && unified.contains("\n+# MINE "),
        "{unified}"
    );

    assert_eq!(revert(&desk, &ed, "kali", "\"g1\"", 7).await.status, S::NOT_FOUND);
    let back = revert(&desk, &ed, "kali", "\"g1\"", 0).await;
    assert_eq!(back.json()["version"], 2, "{}", back.text());
    let now = desk.get("/api/v1/profiles/kali", &ed).await.json();
    assert_eq!((&now["version"], &now["newest"]), (&json!(0), &json!(2)));
    assert_eq!(now["digest"], json!(digest));
    assert_eq!(revert(&desk, &ed, "kali", "\"g2\"", 0).await.status, S::CONFLICT, "it is there");
    let again = revert(&desk, &ed, "kali", "\"g2\"", 1).await;
    assert_eq!(again.json()["version"], 3, "{}", again.text());
    let third = desk.get("/api/v1/profiles/kali/versions/3", &ed).await.json();
    assert_eq!((&third["origin"], &third["files"]), (&json!("version 1"), &first));
    let pages = desk.get("/api/v1/profiles/kali/versions?limit=2", &ed).await.json();
    assert_eq!(pages["next"], "2");
    let last = desk.get("/api/v1/profiles/kali/versions?limit=2&after=2", &ed).await.json();
    assert_eq!(last["items"].as_array().unwrap().len(), 1);

    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    let rows: Vec<_> = rows.iter().filter(|row| row.event == "publish-profile").collect();
    assert_eq!(rows.len(), 3);
    let mine = third["digest"].as_str().unwrap();
    assert_eq!(rows[0].detail, format!("profile kali version 1 (written): {digest} to {mine}"));
    assert_eq!(rows[1].detail, format!("profile kali version 2 (folder): {mine} to {digest}"));
    assert_eq!((rows[1].reason.as_str(), rows[1].role.as_str()), ("it was wrong", "editor"));
}

#[tokio::test]
async fn a_repeated_publication_is_one() {
    let desk = Desk::open().await;
    let ed = desk.token("ed", "editor").await;
    let texts = edited(&files(&desk, &ed, "kali").await, "preseed.cfg", "# ", "# MINE ");
    let body = json!({ "files": texts, "reason": "x" }).to_string();
    let headers = [("if-match", "\"g0\""), ("idempotency-key", "k1")];
    let send =
        async || desk.ask("POST /api/v1/profiles/kali/publish", &ed, &headers, body.as_str()).await;
    let (first, second) = (send().await, send().await);
    assert_eq!((first.status, &first.body), (S::OK, &second.body));
    assert_eq!(desk.app.store().count_profile_versions().await.unwrap(), 1);
}

#[tokio::test]
async fn nothing_broken_is_published_and_every_fault_has_its_place() {
    let desk = Desk::open().await;
    let ed = desk.token("ed", "editor").await;
    let good = files(&desk, &ed, "kali").await;
    let refused = async |files: &Value, file: &str, row: u64, what: &str| {
        let answer = publish(&desk, &ed, "kali", "\"g0\"", files).await;
        assert_eq!(answer.status, S::UNPROCESSABLE_ENTITY, "{what}: {}", answer.text());
        let faults = answer.json()["faults"].clone();
        let fits = |fault: &Value| {
            fault["file"] == json!(file)
                && (row == 0 || fault["row"] == json!(row))
                && fault["message"].as_str().unwrap().contains(what)
        };
        assert!(faults.as_array().unwrap().iter().any(fits), "{file}:{row}: {what}: {faults}");
    };
    let preseed = |text: &str| {
        let mut files = good.clone();
        files["preseed.cfg"] = json!(text);
        files
    };
    refused(&preseed("a\n{{ host.name\n"), "preseed.cfg", 2, "syntax error").await;
    refused(&preseed("a\n\n{{ host.nothing }}\n"), "preseed.cfg", 3, "undefined").await;
    refused(&preseed("{{ fail('not this one') }}"), "preseed.cfg", 1, "not this one").await;
    refused(&preseed("{% include 'x' %}"), "preseed.cfg", 1, "include").await;
    let forever = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    refused(&preseed(forever), "preseed.cfg", 0, "fuel").await;
    let double = "{% set x = x ~ x %}".repeat(60);
    let huge = format!("{{% set x = 'xxxxxxxx' %}}{double}{{{{ x }}}}");
    refused(&preseed(&huge), "preseed.cfg", 0, "fuel").await;
    refused(&preseed("a\u{202e}b"), "preseed.cfg", 1, "no text file").await;
    let toml = |from: &str, to: &str| edited(&good, "profile.toml", from, to);
    refused(&toml("title", "titel"), "profile.toml", 1, "titel").await;
    refused(&toml("[install]", "[instal"), "profile.toml", 0, "").await;
    refused(&toml("\"preseed\" }", "\"yaml\", \"x\" = \"text\" }"), "x", 0, "add it").await;
    let mut more = good.clone();
    more["note"] = json!("x");
    refused(&more, "note", 0, "does not name this file").await;
    let yaml = edited(&preseed("a: b: c\n"), "profile.toml", "\"preseed\" }", "\"yaml\" }");
    refused(&yaml, "preseed.cfg", 0, "yaml").await;
    for bad in ["../x", "a/b", "/etc/passwd", "<b>", ""] {
        let mut files = good.clone();
        files[bad] = json!("x");
        refused(&files, "", 0, "name").await;
    }
    let mut many = good.clone();
    for number in 0..16 {
        many[format!("f{number}")] = json!("");
    }
    refused(&many, "", 0, "more than 16 files").await;
    refused(&preseed(&"x".repeat((256 << 10) + 1)), "preseed.cfg", 0, "bytes").await;
    assert_eq!(desk.app.store().count_profile_versions().await.unwrap(), 0);
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    assert!(rows.iter().all(|row| row.event != "publish-profile"));
}

#[tokio::test]
async fn no_secret_is_told_by_a_template() {
    let desk = Desk::open().await;
    let ed = desk.token("ed", "editor").await;
    let mut texts = files(&desk, &ed, "kali").await;
    // It is refused only with the true value, and says it.
    texts["preseed.cfg"] = json!(
        "{% set s = secrets['root-password-hash'] %}\n{{ s }}\n\
         {% if s != 'hidden' %}{{ fail('it is ' ~ s) }}{% endif %}\n"
    );
    let body = json!({ "files": texts, "host": "web-01" }).to_string();
    let seen = desk.ask("POST /api/v1/profiles/kali/preview", &ed, &[], body).await;
    assert_eq!(seen.status, S::OK, "{}", seen.text());
    assert!(!seen.text().contains("topsecret") && seen.text().contains("hidden"));
    assert_eq!(publish(&desk, &ed, "kali", "\"g0\"", &texts).await.status, S::OK);
    let re = desk.token("re", "reimager").await;
    let armed =
        desk.ask("POST /api/v1/hosts/web-01/arm", &re, &[], r#"{"confirm":"web-01"}"#).await;
    assert_eq!(armed.status, S::CONFLICT);
    let text = armed.text();
    assert!(!text.contains("topsecret") && text.contains("secrets as they are"), "{text}");
}

async fn boot(desk: &Desk, host: &str) -> Result<Script, AppError> {
    let stored = desk.app.stored(&host.parse().unwrap()).await.unwrap();
    let token = Digest::of_token(&desk.app.token_of(&stored.host).unwrap());
    let facts = Facts::from_form([("platform", "pcbios")]);
    desk.app.boot(&Proof::Token(token), &facts, &Trace::default(), Timestamp::now()).await
}

#[tokio::test]
async fn an_installation_under_way_goes_on_with_the_version_it_began_with() {
    let desk = Desk::open().await;
    let (ed, re) = (desk.token("ed", "editor").await, desk.token("re", "reimager").await);
    let folder = files(&desk, &ed, "kali").await;
    let begin = async |host: &str| {
        let arm = format!("POST /api/v1/hosts/{host}/arm");
        let armed = desk.ask(&arm, &re, &[], json!({ "confirm": host }).to_string()).await;
        assert_eq!(armed.status, S::OK, "{}", armed.text());
        let script = boot(&desk, host).await.unwrap().as_str().to_owned();
        let after = |text: &str| {
            let at = script.find(text).unwrap_or_else(|| panic!("no {text}: {script}"));
            script[at + text.len()..][..32].to_owned()
        };
        (after("/attempt/").parse().unwrap(), after("/answer/"))
    };
    let text = async |secret: &str, file: &str| {
        desk.app.answer(secret, file, &Trace::default(), Timestamp::now()).await
    };
    let (_, of_folder) = begin("web-01").await;
    let first = edited(&folder, "preseed.cfg", "# ", "# FIRST ");
    assert_eq!(publish(&desk, &ed, "kali", "\"g0\"", &first).await.status, S::OK);
    let (attempt, of_first) = begin("web-02").await;
    // The second has the file under another name, and another rule for when it is done.
    let mut second = edited(&first, "profile.toml", "\"preseed.cfg\" = ", "\"other.cfg\" = ");
    second = edited(&second, "profile.toml", "/preseed.cfg", "/other.cfg");
    second = edited(
        &second,
        "profile.toml",
        "[install]",
        "[policy]\ncomplete-on = \"serve\"\n[install]",
    );
    second["other.cfg"] = second["preseed.cfg"].take();
    second.as_object_mut().unwrap().remove("preseed.cfg");
    // When machines install is for those who may arm them.
    let refused = publish(&desk, &ed, "kali", "\"g1\"", &second).await;
    assert_eq!(refused.status, S::FORBIDDEN, "{}", refused.text());
    let both = desk.token("eve", "editor, reimager@site:berlin").await;
    let refused = publish(&desk, &both, "kali", "\"g1\"", &second).await;
    assert_eq!(refused.status, S::FORBIDDEN, "{}", refused.text());
    let admin = desk.token("ada", "admin").await;
    let done = publish(&desk, &admin, "kali", "\"g1\"", &second).await;
    assert_eq!(done.status, S::OK, "{}", done.text());

    assert!(matches!(text(&of_folder, "other.cfg").await, Err(AppError::Script(_))));
    let old = text(&of_folder, "preseed.cfg").await.unwrap();
    assert!(!old.contains("FIRST") && old.contains("topsecret"), "{old}");
    let own = text(&of_first, "preseed.cfg").await.unwrap();
    assert!(own.contains("# FIRST "), "{own}");
    let (_, of_second) = begin("db-01").await;
    assert!(text(&of_second, "other.cfg").await.unwrap().contains("# FIRST "));
    let now = Timestamp::now();
    desk.app.report(attempt, &of_first, Report::Done, "", &Trace::default(), now).await.unwrap();
    let stored = desk.app.stored(&"web-02".parse().unwrap()).await.unwrap();
    assert_eq!(stored.state, State::Installed);
}

#[tokio::test]
async fn other_replicas_take_what_was_published() {
    let desk = Desk::open().await;
    let other = App::open(desk.app.config().clone()).await.unwrap();
    let ed = desk.token("ed", "editor").await;
    let texts = edited(&files(&desk, &ed, "kali").await, "profile.toml", "Kali", "Our Kali");
    let title = |app: &App| app.profiles().get("kali").unwrap().title().to_owned();
    let before = title(&other);
    assert_eq!(publish(&desk, &ed, "kali", "\"g0\"", &texts).await.status, S::OK);
    assert_eq!(title(&other), before, "it was not told yet");
    assert!(other.refresh_profiles().await.unwrap());
    assert!(title(&other).starts_with("Our Kali"));
    assert!(!other.refresh_profiles().await.unwrap(), "there is nothing new");
    let third = App::open(desk.app.config().clone()).await.unwrap();
    assert!(title(&third).starts_with("Our Kali"), "what starts later has it too");
    other.store().close().await;
    third.store().close().await;
}

#[tokio::test]
async fn a_menu_keeps_what_it_shows_and_a_profile_without_a_folder_goes() {
    let desk = Desk::open().await;
    let ed = desk.token("ed", "editor").await;
    let shell = json!({ "profile.toml": "title = \"Fresh\"\n[shell]\n" });
    let menu = |entry: &str| json!({ "profile.toml": format!("title = \"M\"\n[menu]\nentries = [\"{entry}\"]\ndefault = \"{entry}\"\n") });
    let lost = publish(&desk, &ed, "our-menu", "\"g0\"", &menu("fresh")).await;
    assert_eq!(lost.status, S::UNPROCESSABLE_ENTITY);
    assert!(lost.text().contains("there is no profile"), "{}", lost.text());
    assert_eq!(publish(&desk, &ed, "fresh", "\"g0\"", &shell).await.status, S::OK);
    assert_eq!(publish(&desk, &ed, "our-menu", "\"g0\"", &menu("fresh")).await.status, S::OK);
    // Who comes by the menu is rendered for, too.
    let mut host = desk.app.stored(&"web-01".parse().unwrap()).await.unwrap().host;
    host.vars.insert("boot".parse().unwrap(), "our-menu".parse().unwrap());
    host.token = None;
    desk.app.import(&[host], &Actor::person("root"), Timestamp::now()).await.unwrap();
    let chain =
        json!({ "profile.toml": "title = \"F\"\n[chain]\nurl = \"http://a/{{ host.uuid }}\"\n" });
    let wrong = publish(&desk, &ed, "fresh", "\"g1\"", &chain).await;
    assert_eq!(wrong.status, S::UNPROCESSABLE_ENTITY);
    let fault = &wrong.json()["faults"][0];
    assert_eq!((&fault["host"], &fault["row"]), (&json!("web-01"), &json!(3)), "{}", wrong.text());
    let shown = revert(&desk, &ed, "fresh", "\"g1\"", 0).await;
    assert_eq!(shown.status, S::UNPROCESSABLE_ENTITY);
    assert!(shown.text().contains("our-menu"), "{}", shown.text());
    let needed = revert(&desk, &ed, "our-menu", "\"g1\"", 0).await;
    assert_eq!(needed.status, S::UNPROCESSABLE_ENTITY, "a host boots it: {}", needed.text());
    let plain = crate::testing::host("web-01", 1);
    desk.app.import(&[plain], &Actor::person("root"), Timestamp::now()).await.unwrap();
    assert_eq!(revert(&desk, &ed, "our-menu", "\"g1\"", 0).await.status, S::OK);
    assert_eq!(revert(&desk, &ed, "fresh", "\"g1\"", 0).await.status, S::OK);
    assert_eq!(desk.get("/api/v1/profiles/fresh", &ed).await.status, S::NOT_FOUND);
    let kept = desk.get("/api/v1/profiles/fresh/versions", &ed).await.json();
    assert_eq!(kept["items"].as_array().unwrap().len(), 2, "nothing is lost");
    assert_eq!(revert(&desk, &ed, "fresh", "\"g2\"", 1).await.status, S::OK);
    assert_eq!(desk.get("/api/v1/profiles/fresh", &ed).await.status, S::OK);
}

#[tokio::test]
async fn a_host_that_was_broken_before_is_told_and_hinders_nobody() {
    let desk = Desk::open().await;
    let ed = desk.token("ed", "editor").await;
    let mut host = desk.app.stored(&"web-01".parse().unwrap()).await.unwrap().host;
    host.vars.insert("boot".parse().unwrap(), "nothing".parse().unwrap());
    host.token = None;
    desk.app.import(&[host], &Actor::person("root"), Timestamp::now()).await.unwrap();
    let good = edited(&files(&desk, &ed, "kali").await, "preseed.cfg", TEXT, "# Our Kali on ");
    let body = json!({ "files": good }).to_string();
    let checked = desk.ask("POST /api/v1/profiles/kali/check", &ed, &[], body).await.json();
    assert_eq!((&checked["good"], &checked["known"][0]["host"]), (&json!(true), &json!("web-01")));
    assert_eq!(publish(&desk, &ed, "kali", "\"g0\"", &good).await.status, S::OK);
}

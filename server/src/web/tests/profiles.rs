//! The editor of profiles: nothing typed is lost, conflicts are shown, and texts stay texts.

use super::browser::Browser;
use crate::api::tests::desk::{Answer, Desk};

const EVIL: &str = "</textarea></pre><script>alert(1)</script><img src=x onerror=alert(1)>";

/// The value of a file's field.
async fn text_of(browser: &Browser<'_>, file: &str) -> String {
    let token = browser.get(&format!("/profiles/kali/edit?{file}")).await.text();
    let at = token.find(&format!("<legend>{file}</legend>")).unwrap();
    let field = &token[at..];
    let start = field.find("<textarea").unwrap();
    let start = start + field[start..].find(">\n").unwrap() + 2;
    let end = field.find("</textarea>").unwrap();
    let text = field[start..end].to_owned();
    let marks = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    marks.iter().fold(text, |text, (mark, sign)| text.replace(mark, sign))
}

async fn send(
    browser: &Browser<'_>,
    what: &str,
    base: &str,
    (profile, preseed): (&str, &str),
) -> Answer {
    let (profile, preseed) = (profile.replace('\n', "\r\n"), preseed.replace('\n', "\r\n"));
    let fields = [
        ("do", what),
        ("base", base),
        ("name", "profile.toml"),
        ("text", &profile),
        ("name", "preseed.cfg"),
        ("text", &preseed),
        ("host", "web-01"),
        ("reason", "because <b>"),
    ];
    browser.post("/profiles/kali/edit", &fields).await
}

#[tokio::test]
async fn a_person_mends_previews_publishes_and_goes_back() {
    let desk = Desk::open().await;
    let ed = Browser::of(&desk, "ed", "editor").await;
    let list = ed.get("/profiles").await.text();
    assert!(list.contains("href=\"/profiles/kali\"") && list.contains("A new profile"), "{list}");
    let (profile, good) = (text_of(&ed, "profile.toml").await, text_of(&ed, "preseed.cfg").await);
    let broken = format!("# typed by ed\n{{{{ host.nothing }}}}\n{good}");
    for what in ["check", "preview", "publish"] {
        let answer = send(&ed, what, "0", (&profile, &broken)).await;
        assert_eq!(answer.status, 422, "{what}");
        let page = answer.text();
        for part in [
            "<a href=\"#text-1\" data-line=\"2\">preseed.cfg</a>",
            "<td data-label=\"Line\">2</td>",
            "undefined value",
            "<code>{{ host.nothing }}</code>",
            "# typed by ed\n",
            "because &#60;b&#62;",
        ] {
            assert!(page.contains(part), "{what}: {part}: {page}");
        }
    }
    let mine = format!("# mine, on {{{{ host.name }}}}\n{good}");
    let fine = send(&ed, "check", "0", (&profile, &mine)).await;
    assert_eq!(fine.status, 200);
    assert!(fine.text().contains("with any of the 3 hosts"), "{}", fine.text());
    let seen = send(&ed, "preview", "0", (&profile, &mine)).await.text();
    assert!(seen.contains("# mine, on web-01\n") && !seen.contains("topsecret"), "{seen}");
    let done = send(&ed, "publish", "0", (&profile, &mine)).await;
    assert_eq!(done.header("location"), "/profiles/kali?published", "{}", done.text());
    let page = ed.get("/profiles/kali?published").await.text();
    assert!(page.contains("version 1") && page.contains("user:ed"), "{page}");
    assert!(ed.get("/hosts/web-01/render").await.text().contains("# mine, on web-01"));
    let diff = ed.get("/profiles/kali/diff?from=0&to=1").await.text();
    assert!(diff.contains("<ins>+# mine, on {{ host.name }}</ins>"), "{diff}");
    let versions = ed.get("/profiles/kali/versions").await.text();
    assert!(versions.contains("because &#60;b&#62;") && versions.contains("As the server read it"));
    let back = ed.get("/profiles/kali/versions/0").await.text();
    assert!(back.contains("<del>-# mine, on {{ host.name }}</del>"), "{back}");
    let fields = [("version", "0"), ("base", "1"), ("reason", "it was wrong")];
    let stale = [("version", "0"), ("base", "0"), ("reason", "my words")];
    let refused = ed.post("/profiles/kali/revert", &stale).await;
    assert_eq!(refused.status, 412);
    assert!(refused.text().contains("my words"), "{}", refused.text());
    let done = ed.post("/profiles/kali/revert", &fields).await;
    assert_eq!(done.header("location"), "/profiles/kali?reverted", "{}", done.text());
    assert!(!ed.get("/hosts/web-01/render").await.text().contains("# mine"));
}

#[tokio::test]
async fn who_was_slower_sees_what_the_other_changed() {
    let desk = Desk::open().await;
    let (ed, al) =
        (Browser::of(&desk, "ed", "editor").await, Browser::of(&desk, "al", "admin").await);
    let (profile, good) = (text_of(&ed, "profile.toml").await, text_of(&ed, "preseed.cfg").await);
    let (one, two) = (format!("# of ed\n{good}"), format!("# of al\n{good}"));
    assert_eq!(send(&ed, "publish", "0", (&profile, &one)).await.status, 303);
    let conflict = send(&al, "publish", "0", (&profile, &two)).await;
    assert_eq!(conflict.status, 412);
    let page = conflict.text();
    for part in [
        "Somebody published version 1 meanwhile",
        "<ins>+# of ed</ins>",
        "<del>-# of ed</del>",
        "<ins>+# of al</ins>",
        "name=\"base\" value=\"1\"",
        "# of al\n",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(send(&al, "publish", "1", (&profile, &two)).await.status, 303, "having seen it");
    let versions = ed.get("/profiles/kali/versions").await.text();
    assert!(versions.contains("Version 2") && versions.contains("user:al"));
}

#[tokio::test]
async fn hostile_texts_and_names_stay_texts() {
    let desk = Desk::open().await;
    let ed = Browser::of(&desk, "ed", "editor").await;
    let profile = text_of(&ed, "profile.toml").await;
    let harmless = |page: &str, what: &str| {
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{what}: {page}");
    };
    let typed = send(&ed, "check", "0", (&profile, &format!("{{{{ {EVIL}\n"))).await;
    assert_eq!(typed.status, 422);
    harmless(&typed.text(), "the fault");
    let done = send(&ed, "publish", "0", (&profile, &format!("# {EVIL}\n"))).await;
    assert_eq!(done.status, 303, "{}", done.text());
    for path in [
        "/profiles/kali",
        "/profiles/kali/edit",
        "/profiles/kali/versions",
        "/profiles/kali/versions/1",
        "/profiles/kali/diff?from=0&to=1",
        "/hosts/web-01/render",
    ] {
        let page = ed.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        harmless(&page.text(), path);
    }
    let diff = ed.get("/profiles/kali/diff?from=0&to=1").await.text();
    assert!(diff.contains("<ins>+# &#60;/textarea&#62;"), "{diff}");
    for name in [EVIL, "../../etc/passwd", "a/b", "x\" onfocus=\"alert(1)"] {
        let fields = [("do", "publish"), ("base", "1"), ("name", name), ("text", "kept")];
        let refused = ed.post("/profiles/kali/edit", &fields).await;
        assert_eq!(refused.status, 422, "{name}");
        let page = refused.text();
        harmless(&page, name);
        assert!(page.contains("kept") && !page.contains("\" onfocus="), "{page}");
        let path = format!("/new-profile?name={}", super::super::page::encode(name));
        let new = ed.get(&path).await;
        assert_eq!(new.status, 400, "{name}");
        harmless(&new.text(), name);
    }
    assert_eq!(ed.get("/profiles/kali/diff?from=x&to=1").await.status, 400);
    assert_eq!(ed.get("/profiles/kali/versions/99").await.status, 404);
    assert_eq!(ed.get("/profiles/nothing/versions").await.status, 404);
}

#[tokio::test]
async fn a_profile_is_begun_from_scratch_or_as_a_copy() {
    let desk = Desk::open().await;
    let ed = Browser::of(&desk, "ed", "editor").await;
    let scratch = ed.get("/new-profile?name=fresh").await.text();
    assert!(scratch.contains("kernel = &#34;fresh/linux&#34;"), "{scratch}");
    let copy = ed.get("/new-profile?name=fresh&from=kali").await.text();
    assert!(copy.contains("New OS profile fresh") && copy.contains("<legend>preseed.cfg</legend>"));
    assert_eq!(ed.get("/new-profile?name=fresh&from=nothing").await.status, 404);
    let there = ed.get("/new-profile?name=kali").await;
    assert_eq!(there.header("location"), "/profiles/kali/edit");
    let text = "title = \"Fresh\"\r\n[install]\r\nkernel = \"k\"\r\narguments = \"\"\r\n\
                answers = { \"a.cfg\" = \"text\" }\r\n";
    let fields = [
        ("do", "publish"),
        ("base", "0"),
        ("reason", "new"),
        ("name", "profile.toml"),
        ("text", text),
        ("name", "a.cfg"),
        ("text", "a\r\nb\r\n"),
        ("name", "gone.cfg"),
        ("text", "x"),
        ("remove", "2"),
    ];
    let done = ed.post("/profiles/fresh/edit", &fields).await;
    assert_eq!(done.header("location"), "/profiles/fresh?published", "{}", done.text());
    let profiles = desk.app.profiles();
    let files = profiles.get("fresh").unwrap().files();
    assert_eq!(files.get("a.cfg"), Some("a\nb\n"), "lines end as they do in files");
    let page = ed.get("/profiles/fresh").await.text();
    assert!(page.contains("None that you may see"), "{page}");
    let gone = [("version", "0"), ("base", "1"), ("reason", "not needed")];
    let none = ed.post("/profiles/fresh/revert", &gone).await;
    assert_eq!(none.header("location"), "/profiles?gone", "{}", none.text());
    let viewer = Browser::of(&desk, "vi", "viewer@site:berlin").await;
    let page = viewer.get("/profiles/kali").await.text();
    assert!(
        page.contains("web-01") && !page.contains("db-01") && !page.contains("/edit"),
        "{page}"
    );
}

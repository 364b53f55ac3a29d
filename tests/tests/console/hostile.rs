//! Hostile texts, wherever somebody else's texts are shown: in a real browser none of them runs,
//! and the pages' policy never has to stop one.

use crate::desk::Desk;
use bootmint_image_factory::ticket::TokenKey;
use bootmint_tests::{
    server::Site,
    world::{self, HOST},
};
use std::fs;

/// Sets `ran`, in each of the ways in which a text can run.
const EVIL: &str = "</pre></textarea><script>window.ran=1</script><img src=x onerror=window.ran=1>\
                    <svg onload=window.ran=1></svg><a href=javascript:window.ran=1>x</a>'\">\
                    {{7*7}}${7*7}";
/// What of it would be an element of the page.
const ELEMENTS: &str = "main script, main img, main svg[onload], main [href^='javascript:']";

/// A text as a part of a form.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A host whose profile has a hostile comment in an answer file. Its title can't be hostile, nor
/// can names and variables: closed character sets refuse them.
fn prepare(site: &Site) -> anyhow::Result<()> {
    let preseed = include_str!("../../../server/profiles/debian/preseed.cfg");
    let plain = EVIL.replace("{{", "{").replace("}}", "}");
    site.put("profiles/debian/preseed.cfg", format!("{preseed}\n# {plain}\n"))?;
    world::known(site, "http://192.0.2.2:8080", &[("os", "debian"), ("mirror-host", "m")])?;
    Ok(())
}

#[test]
fn what_others_say_never_runs() -> anyhow::Result<()> {
    let Some(desk) = Desk::open("console-hostile", &[], prepare)? else { return Ok(()) };
    let browser = &desk.browser;
    // A machine says hostile things of itself, and so does one that is no host.
    let key = TokenKey::new(&fs::read(desk.site.folder().join("token.key"))?)?;
    let token = key.token(&HOST.parse()?)?;
    let evil = encoded(EVIL);
    let facts = format!("mac=52:54:00:aa:00:01&serial={evil}&product={evil}&host={evil}");
    for path in [format!("/boot/{}", token.as_str()), "/boot".to_owned()] {
        desk.server.request("POST", &path, &facts)?;
    }

    // A stranger's name, and what people with an account write.
    desk.go("/sign-in")?;
    browser.fill("#user", EVIL)?;
    browser.fill("#password", "x")?;
    browser.click("main .primary")?;
    is_harmless(&desk, "the sign-in of a stranger")?;
    desk.sign_in_as_admin()?;
    desk.go("/hosts/web-01")?;
    browser.fill("#order-reason", EVIL)?;
    browser.click("[action='/hosts/web-01/hold'] button:not([formaction])")?;
    browser.reads("main [role=status]", "It is held")?;
    is_harmless(&desk, "a held host")?;
    desk.go("/tokens")?;
    browser.fill("#label", &EVIL[..100])?;
    browser.click("main .primary")?;
    browser.reads("main [role=status]", "Copy this token")?;
    is_harmless(&desk, "a token's label")?;
    desk.go("/import")?;
    browser.fill("#feed", &format!("name,mac,{EVIL}\n{EVIL},{EVIL},{EVIL}\n"))?;
    browser.click("#check")?;
    browser.reads("main [role=alert]", "fault")?;
    is_harmless(&desk, "a feed")?;

    for (path, shows) in [
        ("/hosts/web-01", "#timeline"),
        ("/hosts/web-01/render", "main"),
        ("/discovered", "main"),
        ("/audit", "main"),
        ("/tokens", "main"),
    ] {
        desk.go(path)?;
        browser.reads(shows, "<script>window.ran=1</script>")?;
        is_harmless(&desk, path)?;
    }
    for path in ["/fleet?q=", "/audit?actor=", "/hosts/", "/sign-in?next=", "/nothing/"] {
        desk.go(&format!("{path}{evil}"))?;
        is_harmless(&desk, path)?;
    }
    a_violation_is_seen_and_stopped(&desk)
}

/// Nothing ran, nothing became an element, and the browser had nothing to stop.
fn is_harmless(desk: &Desk, what: &str) -> anyhow::Result<()> {
    let ran = desk.browser.run("return typeof window.ran", &[])?;
    assert_eq!(ran, "undefined", "{what}: a text ran");
    assert_eq!(desk.browser.count(ELEMENTS)?, 0, "{what}: a text became an element");
    assert_eq!(desk.browser.complaints()?, [""; 0], "{what}");
    Ok(())
}

/// What the checks above rest on: were a text to become part of a page, the policy would stop it,
/// and the browser would say so.
fn a_violation_is_seen_and_stopped(desk: &Desk) -> anyhow::Result<()> {
    desk.go("/fleet")?;
    let insert = "document.querySelector('main').insertAdjacentHTML('beforeend', arguments[0])";
    desk.browser.run(insert, &[EVIL])?;
    assert!(desk.browser.count(ELEMENTS)? > 0);
    let stopped = || {
        let complaints = desk.browser.complaints()?;
        Ok(complaints.iter().any(|one| one.contains("Content Security Policy")))
    };
    desk.browser.wait("the browser to complain", stopped)?;
    assert_eq!(desk.browser.run("return typeof window.ran", &[])?, "undefined");
    Ok(())
}

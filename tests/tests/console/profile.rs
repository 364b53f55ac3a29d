//! A person edits an OS profile: makes a fault, is led to its line, mends it, looks at what a host
//! would get, publishes it, and goes back.

use crate::{desk::Desk, pages::Inspector};
use anyhow::Context;
use bootmint_tests::{
    browser::{Browser, Scheme, Width},
    server::Site,
    world,
};
use std::fs;

/// The answer file's field.
const PRESEED: &str = "#text-1";
const FAULT: &str = "{{ host.nothing }}";
const OWN: &str = "# Ours, for {{ host.name }}";
/// What of a hostile text would be an element of the page.
const EVIL: &str =
    "# </textarea></pre><script>window.ran=1</script><img src=x onerror=window.ran=1>";

fn prepare(site: &Site) -> anyhow::Result<()> {
    world::known(site, "http://192.0.2.2:8080", &[("os", "debian"), ("mirror-host", "m")])?;
    Ok(())
}

/// Puts a line before the text, as somebody who pastes it.
fn paste(browser: &Browser, line: &str) -> anyhow::Result<()> {
    let body = "const field = document.querySelector(arguments[0]);
                field.value = arguments[1] + '\\n' + field.value";
    browser.run(body, &[PRESEED, line]).map(drop)
}

#[test]
fn a_profile_is_edited_previewed_published_and_gone_back_from() -> anyhow::Result<()> {
    let Some(desk) = Desk::open("console-profile", &[], prepare)? else { return Ok(()) };
    let (browser, inspector) = (&desk.browser, Inspector::new(&desk)?);
    desk.sign_in_as_admin()?;
    inspector.visit("/profiles")?;
    inspector.visit("/profiles/debian/versions")?;
    desk.go("/hosts/web-01")?;
    browser.click("a[href='/profiles/debian']")?;
    browser.reads("main", "Nothing of it was published here yet")?;
    inspector.inspect("/profiles/debian, the folder's")?;
    browser.click("#edit")?;
    browser.reads("h1", "Edit debian")?;
    inspector.inspect("/profiles/debian/edit")?;

    mend(&desk, &inspector)?;
    browser.fill("#reason", "our own first line")?;
    browser.click("#publish")?;
    browser.reads("main [role=status]", "It is published")?;
    inspector.inspect("/profiles/debian, published")?;
    desk.go("/hosts/web-01/render")?;
    browser.reads("main", "# Ours, for web-01")?;

    desk.go("/profiles/debian/versions")?;
    browser.reads("main table", "our own first line")?;
    inspector.inspect("/profiles/debian/versions, with one")?;
    browser.click("input[name=from][value='0']")?;
    browser.click("input[name=to][value='1']")?;
    browser.click("#compare")?;
    browser.reads("pre ins", "+# Ours, for {{ host.name }}")?;
    inspector.inspect("/profiles/debian/diff")?;

    hostile(&desk)?;
    desk.go("/profiles/debian/versions/0")?;
    browser.reads("pre del", "-# </textarea>")?;
    inspector.inspect("/profiles/debian/versions/0")?;
    browser.fill("#reason", "as it was")?;
    browser.click("#revert")?;
    browser.reads("main [role=status]", "It is published again")?;
    desk.go("/hosts/web-01/render")?;
    browser.reads("main", "Debian on web-01")?;
    assert!(!browser.text("main")?.contains("# Ours"));
    begin_another(&desk, &inspector)?;
    from_a_folder(&desk)?;
    assert_eq!(browser.complaints()?, [""; 0]);
    inspector.conclude();
    Ok(())
}

/// Makes a fault, is led to it, mends it, and previews the text for the host.
fn mend(desk: &Desk, inspector: &Inspector<'_>) -> anyhow::Result<()> {
    let browser = &desk.browser;
    paste(browser, FAULT)?;
    paste(browser, OWN)?;
    browser.click("#check")?;
    browser.reads("main [role=alert]", "1 fault:")?;
    let faults = browser.rows("[aria-label=Faults]")?;
    assert!(faults[0].starts_with("preseed.cfg | 2 | undefined value"), "{faults:?}");
    assert!(faults[0].contains(FAULT) && faults[0].ends_with("web-01"), "{faults:?}");
    inspector.inspect("/profiles/debian/edit, a fault")?;
    browser.click("[aria-label=Faults] a")?;
    let selected = "const field = document.activeElement;
                    return field.value.slice(field.selectionStart, field.selectionEnd)";
    assert_eq!(browser.run(selected, &[])?, FAULT, "the fault leads to its line");
    let mend = "const field = document.querySelector(arguments[0]);
                field.value = field.value.replace(arguments[1] + '\\n', '')";
    browser.run(mend, &[PRESEED, FAULT])?;
    browser.fill("#host", "web-01")?;
    browser.click("#preview")?;
    browser.reads("#texts", "# Ours, for web-01")?;
    assert!(browser.text("#texts")?.contains("hidden"), "secrets have other values");
    inspector.inspect("/profiles/debian/edit, a preview")?;
    inspector.picture("profile", (Scheme::Light, Width::Desk))
}

/// A hostile text is published, and stays one.
fn hostile(desk: &Desk) -> anyhow::Result<()> {
    let browser = &desk.browser;
    desk.go("/profiles/debian/edit")?;
    paste(browser, EVIL)?;
    browser.fill("#reason", "a <b>test</b>")?;
    browser.click("#publish")?;
    browser.reads("main [role=status]", "It is published")?;
    for path in ["", "/edit", "/versions", "/versions/2", "/diff?from=1&to=2"] {
        desk.go(&format!("/profiles/debian{path}"))?;
        assert_eq!(browser.run("return typeof window.ran", &[])?, "undefined", "{path}");
        assert_eq!(browser.count("main script, main img, main b")?, 0, "{path}");
    }
    Ok(())
}

/// A new profile is begun as a copy, and left.
fn begin_another(desk: &Desk, inspector: &Inspector<'_>) -> anyhow::Result<()> {
    let browser = &desk.browser;
    desk.go("/profiles")?;
    browser.fill("#name", "debian-lab")?;
    browser.run("document.querySelector('#from').value = 'debian'", &[])?;
    browser.click("main .primary")?;
    browser.reads("h1", "New OS profile debian-lab")?;
    inspector.inspect("/new-profile")
}

/// The same by the command line, from a folder and to one.
fn from_a_folder(desk: &Desk) -> anyhow::Result<()> {
    desk.site.command(&["users", "add", "git", "--program", "--role", "editor"])?;
    let new = ["tokens", "add", "git", "--label", "git", "--role", "editor", "--days", "1"];
    let token = desk.lab.folder().join("token");
    fs::write(&token, desk.site.command(&new)?)?;
    let folder = desk.lab.folder().join("debian");
    let (token, folder_name) =
        (token.to_str().context("UTF-8")?, folder.to_str().context("UTF-8")?);
    let server = desk.url("");
    let remote = |args: &[&str]| {
        let all = ["remote", "--server", &server, "--token-file", token, "profiles"];
        desk.site.command(&[&all[..], args].concat())
    };
    remote(&["export", "debian", folder_name, "--version", "1"])?;
    let preseed = folder.join("preseed.cfg");
    let text = fs::read_to_string(&preseed)?;
    assert!(text.starts_with("# Ours, for {{ host.name }}\n"), "{text}");
    fs::write(&preseed, format!("{{{{ host.nothing }}}}\n{text}"))?;
    assert!(remote(&["publish", "debian", folder_name, "--check"]).is_err());
    fs::write(&preseed, format!("# From a folder\n{text}"))?;
    let why = ["--reason", "from git"];
    let publish = ["publish", "debian", folder_name, "--base"];
    assert!(remote(&[&publish[..], &["1"], &why].concat()).is_err(), "there are newer ones");
    let done = remote(&[&publish[..], &["3"], &why].concat())?;
    assert_eq!(done, "debian version 4 is published\n");
    assert!(remote(&["list"])?.contains("version 4"));
    assert_eq!(remote(&["versions", "debian"])?.lines().count(), 4);
    remote(&["revert", "debian", "--to", "0", "--reason", "enough"])?;
    assert!(!remote(&["list"])?.contains("version "));
    Ok(())
}

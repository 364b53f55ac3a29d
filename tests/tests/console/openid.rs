//! Somebody of a real OpenID provider signs in by its own page, and is out when it says so.

use crate::{desk::Desk, pages::Inspector};
use anyhow::Context;
use bootmint_tests::{
    lab::Lab,
    openid::{Manner, Provider, SECRET},
    server::Site,
};
use serde_json::{Value, json};
use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt,
};

/// A port of this computer that nobody listens to now.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// nora, in these groups.
pub(crate) fn nora(groups: &[&str]) -> Value {
    json!({ "7f3a": { "login": "nora", "word": "correct horse", "name": "nora@example.org",
                      "shown": "Nora", "groups": groups } })
}

/// Lets the site's people come from the provider.
pub(crate) fn join(site: &Site, provider: &Provider, console: &str) -> anyhow::Result<()> {
    site.put("oidc-secret", SECRET)?;
    let secret = site.folder().join("oidc-secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
    let file = site.folder().join("bootmint.toml");
    let config = fs::read_to_string(&file)?;
    let config = config.replacen("[console]\n", &format!("[console]\nurl = \"{console}\"\n"), 1);
    let section = format!(
        "[oidc]\nissuer = \"{}\"\nca-file = \"{}\"\nclient-id = \"bootmint\"\n\
         client-secret-file = \"oidc-secret\"\nlabel = \"Sign in at Example\"\n\
         recheck-seconds = 2\n\
         groups = [{{ group = \"reimagers\", grants = [\"editor\", \"reimager\"] }}, \
         {{ group = \"auditors\", grants = [\"auditor\"] }}]\n",
        provider.issuer,
        provider.ca.display(),
    );
    site.put("bootmint.toml", format!("{config}\n{section}"))
}

#[test]
fn somebody_signs_in_by_the_providers_page_and_out_there_too() -> anyhow::Result<()> {
    let Some(lab) = Lab::with("console-openid-provider", &[])? else { return Ok(()) };
    let port = free_port()?;
    let console = format!("http://127.0.0.1:{port}");
    let manner = Manner { in_token: true, refresh: true };
    let Some(provider) = Provider::start(&lab, &console, manner)? else { return Ok(()) };
    provider.know(&nora(&["reimagers"]))?;
    let listen = format!("BOOTMINT_CONSOLE__LISTEN=127.0.0.1:{port}");
    let prepare = |site: &Site| join(site, &provider, &console);
    let desk = Desk::open_at("console-openid", &[], &[&listen], prepare)?;
    let Some(desk) = desk else { return Ok(()) };
    let browser = &desk.browser;
    desk.go("/import")?;
    browser.reads("#provider", "Sign in at Example")?;
    let inspector = Inspector::new(&desk)?;
    inspector.inspect("the sign-in page with a provider")?;
    inspector.conclude();
    browser.click("#provider")?;
    for (word, heard) in [("wrong", false), ("correct horse", true)] {
        browser.reads("h1", "Who are you?")?;
        browser.fill("#login", "nora")?;
        browser.fill("#word", word)?;
        browser.click("#enter")?;
        if !heard {
            browser.reads("[role=alert]", "That is wrong")?;
        }
    }
    browser.reads("header", "nora@example.org")?;
    browser.reads("h1", "Import")?;
    assert!(browser.address()?.starts_with(&console), "{}", browser.address()?);
    let audit = desk.site.command(&["audit"])?;
    let row = audit.lines().find(|row| row.contains("sign-in") && row.contains("nora@example.org"));
    let row = row.with_context(|| format!("nora's sign-in is not there:\n{audit}"))?;
    assert!(row.contains("by the identity provider"), "{row}");

    // Out of the group, and in another: what she may do follows within seconds here.
    provider.know(&nora(&["auditors"]))?;
    browser.wait("the group to count", || {
        desk.go("/me")?;
        browser.reads("h1", "Your account")?;
        Ok(browser.text("main")?.contains("auditor"))
    })?;
    browser.click("header .out button")?;
    browser.reads("h1", "Leave?")?;
    browser.click("#leave")?;
    browser.reads("h1", "Sign in")?;
    browser.click("#provider")?;
    browser.reads("h1", "Who are you?")?;
    browser.click("#abort")?;
    browser.reads("main [role=alert]", "the person went away")?;
    Ok(())
}

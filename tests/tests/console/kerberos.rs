//! Somebody of a real domain signs in without typing anything, if their browser was told to.

use crate::{
    desk::Desk,
    directory::{SECRET, fill, join},
    openid::free_port,
    pages::Inspector,
    realm::Realm,
    samba::Samba,
};
use anyhow::Context;
use bootmint_tests::{
    browser::{Browser, Extras},
    server::Site,
};
use std::fs;

/// A name that every browser takes for this computer.
const NAME: &str = "boot.localhost";

/// Lets the site's people come by tickets.
fn take_tickets(site: &Site, realm: &Realm<'_>) -> anyhow::Result<()> {
    realm.export(&site.folder().join("http.keytab"), &[NAME]);
    let config = fs::read_to_string(site.folder().join("bootmint.toml"))?;
    let section =
        format!("[directory.kerberos]\nkeytab-file = \"http.keytab\"\nservice = \"HTTP@{NAME}\"\n");
    site.put("bootmint.toml", format!("{config}\n{section}"))
}

#[test]
fn somebody_of_the_domain_comes_in_without_typing_anything() -> anyhow::Result<()> {
    let Some(samba) = Samba::start(true) else { return Ok(()) };
    let Some(realm) = Realm::of(&samba) else { return Ok(()) };
    tokio::runtime::Runtime::new()?.block_on(async {
        fill(&samba).await;
        realm.add_service(&mut samba.admin().await, "web", NAME).await;
    });
    realm.sign_on("nora", SECRET);
    let port = free_port()?;
    let prepare = |site: &Site| {
        join(site, &samba)?;
        take_tickets(site, &realm)
    };
    let told = Extras {
        environment: vec![
            format!("KRB5_CONFIG={}", realm.config().display()),
            format!("KRB5CCNAME={}", realm.cache("nora")),
        ],
        arguments: vec![format!("--auth-server-allowlist={NAME}")],
        was_asked_for_tickets: true,
    };
    let settings = [&format!("BOOTMINT_CONSOLE__LISTEN=127.0.0.1:{port}")[..]];
    let desk = Desk::open_with("console-kerberos", &[], &settings, &told, prepare)?;
    let Some(desk) = desk else { return Ok(()) };
    let (browser, page) = (&desk.browser, format!("http://{NAME}:{port}/import"));
    browser.go(&page)?;
    browser.reads("#kerberos", "Sign in with Kerberos")?;
    let inspector = Inspector::new(&desk)?;
    inspector.inspect("the sign-in page with Kerberos")?;
    inspector.conclude();
    browser.click("#kerberos")?;
    browser.reads("header", "nora@ad.test")?;
    browser.reads("h1", "Import")?;
    let audit = desk.site.command(&["audit"])?;
    let row = audit.lines().find(|row| row.contains("sign-in") && row.contains("nora@ad.test"));
    let row = row.with_context(|| format!("nora's sign-in is not there:\n{audit}"))?;
    assert!(row.contains("by Kerberos"), "{row}");

    // A browser that was not told shows nothing, and its owner reads what to do.
    let untold = Extras { arguments: Vec::new(), ..told };
    let other = Browser::open_with(&desk.lab, "untold", &untold)?;
    other.go(&page)?;
    other.click("#kerberos")?;
    other.reads("main [role=alert]", "showed no Kerberos ticket")?;
    assert_eq!(other.count("#password")?, 1, "there is another way");
    Ok(())
}

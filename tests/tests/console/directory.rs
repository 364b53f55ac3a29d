//! Somebody of a real Active Directory domain signs in and gets a machine armed, without a
//! command line; and is out when the domain says so.

use crate::{
    desk::Desk,
    samba::{self, BASE, Samba},
};
use anyhow::Context;
use bootmint_tests::{server::Site, world};
use std::{fs, os::unix::fs::PermissionsExt};

pub(crate) const SECRET: &str = "S3cret-pass-phrase";

pub(crate) fn dn(name: &str) -> String {
    format!("CN={name},CN=Users,{BASE}")
}

/// Puts nora into a group that is in the group of those who reimage, and audrey among the
/// auditors.
pub(crate) async fn fill(samba: &Samba) {
    let mut admin = samba.admin().await;
    for group in ["Reimagers", "Night shift", "Auditors"] {
        let account = [("objectClass", &["group"][..]), ("sAMAccountName", &[group][..])];
        admin.add(&dn(group), &account).await;
    }
    for (name, group) in [("nora", "Night shift"), ("audrey", "Auditors")] {
        admin.add_user(&dn(name), name, SECRET).await;
        admin.put_into(&dn(group), &dn(name)).await;
    }
    admin.put_into(&dn("Reimagers"), &dn("Night shift")).await;
}

/// Lets the site's people come from the domain.
pub(crate) fn join(site: &Site, samba: &Samba) -> anyhow::Result<()> {
    site.put("directory-password", samba::PASSWORD)?;
    let password = site.folder().join("directory-password");
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600))?;
    let config = fs::read_to_string(site.folder().join("bootmint.toml"))?;
    let section = format!(
        "[directory]\nkind = \"active-directory\"\ncontrollers = [\"{}\"]\nca-file = \"{}\"\n\
         base = \"{BASE}\"\ndomain = \"ad.test\"\nnetbios-domain = \"ADTEST\"\n\
         service-user = \"{}\"\nservice-password-file = \"directory-password\"\n\
         recheck-seconds = 1\nconnect-seconds = 60\nanswer-seconds = 60\n\
         groups = [{{ group = \"{}\", grants = [\"editor\", \"reimager\"] }},
                   {{ group = \"{}\", grants = [\"auditor\"] }}]\n",
        samba.ip,
        samba.ca.display(),
        samba::ADMIN,
        dn("Reimagers"),
        dn("Auditors"),
    );
    site.put("bootmint.toml", format!("{config}\n{section}"))
}

#[test]
fn somebody_of_the_domain_gets_a_machine_armed() -> anyhow::Result<()> {
    let Some(samba) = Samba::start(true) else { return Ok(()) };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(fill(&samba));
    let prepare = |site: &Site| {
        world::known(site, "http://192.0.2.2:8080", &[("os", "debian"), ("mirror-host", "m")])?;
        join(site, &samba)
    };
    let Some(desk) = Desk::open("console-directory", &[], prepare)? else { return Ok(()) };
    let browser = &desk.browser;
    desk.go("/hosts/web-01")?;
    for (password, heard) in [("wrong", false), (SECRET, true)] {
        browser.fill("#user", "ADTEST\\Nora")?;
        browser.fill("#password", password)?;
        browser.click("main .primary")?;
        if !heard {
            browser.reads("main [role=alert]", "name or password is wrong")?;
        }
    }
    browser.reads("header", "nora@ad.test")?;
    browser.reads("h1", "web-01")?;
    browser.fill("#confirm", "web-01")?;
    browser.click("main .danger")?;
    browser.reads("main [role=status]", "It is armed")?;
    assert_eq!(desk.site.state("web-01")?, "armed");
    let audit = desk.site.command(&["audit"])?;
    let row = audit.lines().find(|row| row.contains("sign-in") && row.contains("nora@ad.test"));
    let row = row.with_context(|| format!("nora's sign-in is not there:\n{audit}"))?;
    assert!(row.contains("by the directory"), "{row}");

    // Out of the group: the next page that is asked for is the sign-in, within seconds here.
    runtime.block_on(async {
        samba.admin().await.take_out(&dn("Night shift"), &dn("nora")).await;
    });
    browser.wait("the session to end", || {
        desk.go("/fleet")?;
        Ok(browser.count("#password")? == 1)
    })?;
    Ok(())
}

//! The way from the sign-in to an armed host by keyboard alone.

use crate::desk::{Desk, PASSWORD};
use anyhow::{Context, ensure};
use bootmint_tests::{
    browser::{Browser, key},
    server::Site,
    world,
};

/// How often the tabulator is pressed at most until something is reached.
const STEPS: usize = 60;

/// Whether the keyboard is at an element that the argument selects.
const AT: &str = "return document.activeElement.matches(arguments[0])";

/// What is wrong with how it is shown where the keyboard is; nothing if one sees it.
const UNSEEN: &str = "
    const item = document.activeElement, style = getComputedStyle(item);
    const box = item.getBoundingClientRect();
    const ringed = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    const there = box.width > 1 && box.height > 1 && box.bottom > 0 && box.right > 0
        && box.top < innerHeight && box.left < innerWidth;
    return ringed && there ? '' : item.outerHTML.slice(0, 120);";

/// Goes on with the tabulator until the keyboard is at `css`; one sees it all the way.
fn tab_to(browser: &Browser, css: &str) -> anyhow::Result<()> {
    for _ in 0..STEPS {
        browser.keys(&key::TAB.to_string())?;
        let unseen = browser.run(UNSEEN, &[])?;
        ensure!(unseen == "", "one does not see where the keyboard is: {unseen}");
        if browser.run(AT, &[css])? == true {
            return Ok(());
        }
    }
    anyhow::bail!("the tabulator does not lead to {css}")
}

#[test]
fn a_host_is_armed_by_keyboard_alone() -> anyhow::Result<()> {
    let prepare = |site: &Site| {
        world::known(site, "http://192.0.2.2:8080", &[("os", "debian"), ("mirror-host", "m")])?;
        Ok(())
    };
    let Some(desk) = Desk::open("console-keyboard", &[], prepare)? else { return Ok(()) };
    let (browser, tab, enter) = (&desk.browser, key::TAB, key::ENTER);
    // The name stands there already, so the keyboard is at the password.
    desk.go("/")?;
    let once = desk.site.one_time_password()?;
    browser.keys(&format!("{once}{tab}{PASSWORD}{tab}{PASSWORD}{enter}"))?;
    browser.arrives("/fleet")?;

    tab_to(browser, ".skip").context("the first of all")?;
    browser.keys(&enter.to_string())?;
    browser.wait("the skip link", || Ok(browser.run(AT, &["main"])? == true))?;
    tab_to(browser, "[href='/hosts/web-01']")?;
    browser.keys(&enter.to_string())?;
    browser.reads("h1", "web-01")?;
    tab_to(browser, "#confirm")?;
    browser.keys(&format!("web-01{enter}"))?;
    browser.reads("main [role=status]", "It is armed")?;
    assert_eq!(desk.site.state("web-01")?, "armed");

    // The key of the search field, unless somebody types.
    desk.go("/fleet")?;
    browser.keys("/")?;
    browser.wait("the search field", || Ok(browser.run(AT, &["#q"])? == true))?;
    browser.keys(&format!("nothing/{enter}"))?;
    browser.arrives("?q=nothing%2F&state=&site=&os=")?;
    browser.reads("main", "No host is like that")
}

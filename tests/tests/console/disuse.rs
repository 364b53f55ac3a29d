//! A page that was left open, and nobody before it.

use crate::desk::Desk;
use bootmint_tests::{server::Site, world};
use std::{thread::sleep, time::Duration};

#[test]
fn an_open_page_says_that_its_session_is_over() -> anyhow::Result<()> {
    let prepare = |site: &Site| {
        world::known(site, "http://192.0.2.2:8080", &[("os", "debian"), ("mirror-host", "m")])?;
        Ok(())
    };
    let settings = ["BOOTMINT_CONSOLE__IDLE_MINUTES=1"];
    let Some(desk) = Desk::open_at("console-disuse", &[], &settings, prepare)? else {
        return Ok(());
    };
    desk.sign_in_as_admin()?;
    desk.go("/fleet")?;
    desk.browser.reads("h1", "Fleet")?;
    // Its stream of events ends after a minute, and it asks for the next one.
    sleep(Duration::from_secs(45));
    desk.browser
        .wait("the page to lead to the sign-in", || Ok(desk.browser.count("#password")? == 1))
}

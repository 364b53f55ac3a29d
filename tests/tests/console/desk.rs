//! A site whose console stands open in a browser.

use anyhow::Context;
use bootmint_tests::{
    browser::{BROWSER, Browser, Extras},
    lab::Lab,
    server::{RunningServer, Site},
};
use std::path::Path;

/// What everybody chooses.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A server, and a browser that nobody has signed in with.
pub(crate) struct Desk {
    pub(crate) browser: Browser,
    pub(crate) server: RunningServer,
    pub(crate) site: Site,
    console: String,
    pub(crate) lab: Lab,
}

impl Desk {
    /// A desk for the test `name`, which needs `packages` besides a browser, and whose site is to
    /// have what `prepare` puts into it; none when tools are missing and that is allowed.
    pub(crate) fn open(
        name: &str,
        packages: &[&str],
        prepare: impl FnOnce(&Site) -> anyhow::Result<()>,
    ) -> anyhow::Result<Option<Self>> {
        Self::open_at(name, packages, &[], prepare)
    }

    /// The same, with more `settings` in the server's environment.
    pub(crate) fn open_at(
        name: &str,
        packages: &[&str],
        settings: &[&str],
        prepare: impl FnOnce(&Site) -> anyhow::Result<()>,
    ) -> anyhow::Result<Option<Self>> {
        Self::open_with(name, packages, settings, &Extras::default(), prepare)
    }

    /// The same, whose browser has more than others.
    pub(crate) fn open_with(
        name: &str,
        packages: &[&str],
        settings: &[&str],
        extras: &Extras,
        prepare: impl FnOnce(&Site) -> anyhow::Result<()>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(lab) = Lab::with(name, &[&BROWSER[..], packages].concat())? else {
            return Ok(None);
        };
        let program = Path::new(env!("CARGO_BIN_EXE_bootmint-tested"));
        let site = Site::init(program, &lab.folder().join("site"), &[])?;
        prepare(&site)?;
        let server = site.serve(None, settings, &lab.log("server"))?;
        let (console, browser) = (server.console()?, Browser::open_with(&lab, "browser", extras)?);
        Ok(Some(Self { browser, server, site, console, lab }))
    }

    /// The address of a page.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.console)
    }

    /// Goes to a page.
    pub(crate) fn go(&self, path: &str) -> anyhow::Result<()> {
        self.browser.go(&self.url(path)).with_context(|| format!("going to {path}"))
    }

    /// Signs in with a one-time password, and chooses another.
    pub(crate) fn sign_in_first(&self, name: &str, once: &str) -> anyhow::Result<()> {
        let browser = &self.browser;
        self.go("/sign-in")?;
        browser.fill("#user", name)?;
        browser.fill("#password", once)?;
        if browser.count("#new-password")? == 0 {
            browser.click("main .primary")?;
            browser.reads("main [role=alert]", "for one use")?;
            browser.fill("#password", once)?;
        }
        browser.fill("#new-password", PASSWORD)?;
        browser.fill("#again", PASSWORD)?;
        browser.click("main .primary")?;
        browser.reads("header", name)
    }

    /// Signs in with a name and a password.
    pub(crate) fn sign_in(&self, name: &str, password: &str) -> anyhow::Result<()> {
        self.fill_in(name, password)?;
        self.browser.reads("header", name)
    }

    /// Signs in as somebody of a domain, by the name and password that they have there.
    pub(crate) fn sign_in_from(&self, domain: &str, name: &str, word: &str) -> anyhow::Result<()> {
        self.fill_in(&format!("{domain}\\{name}"), word)?;
        self.browser.reads("header", &format!("{name}@"))
    }

    /// Sends the form. Whoever goes on before its page is there takes the order back.
    fn fill_in(&self, name: &str, password: &str) -> anyhow::Result<()> {
        self.go("/sign-in")?;
        self.browser.fill("#user", name)?;
        self.browser.fill("#password", password)?;
        self.browser.click("main .primary")
    }

    /// As [`Desk::sign_in_first`], as the administrator whose password `init` printed.
    pub(crate) fn sign_in_as_admin(&self) -> anyhow::Result<()> {
        self.sign_in_first("admin", self.site.one_time_password()?)
    }
}

//! A real browser: Chromium without a window, told what to do as a person would, by ChromeDriver.
//!
//! What it is told is found by CSS selectors and waited for, so that tests need not know how long
//! a page takes. It has a profile, a home and a folder for downloads of its own in the test's
//! scratch folder, and reaches no other computer.

mod looks;
mod wire;

pub use looks::{Look, Scheme, Width};

use crate::{lab::Lab, run::Background, serial::Serial, server::listening_port};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use wire::{Refusal, Wire};
use xtask::qemu::CommandLine;

/// The Debian packages of what a browser needs.
pub const BROWSER: [&str; 3] = ["chromium", "chromium-driver", "fonts-dejavu-core"];

/// How long something may take until it is there.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for.
const POLL: Duration = Duration::from_millis(50);
/// What stands before the port in what the driver says.
const STARTED: &str = "ChromeDriver was started successfully on port ";
/// What the protocol calls the reference of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// What may pass when it is tried again: the page is not as far yet, or has just changed.
const MAY_PASS: [&str; 4] = [
    "no such element",
    "stale element reference",
    "element not interactable",
    "element click intercepted",
];

/// Keys without a character.
pub mod key {
    /// The tabulator.
    pub const TAB: char = '\u{e004}';
    /// Enter.
    pub const ENTER: char = '\u{e007}';
}

/// What a browser is given besides what all have.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Settings in its environment: `NAME=value`.
    pub environment: Vec<String>,
    /// Arguments of its command line.
    pub arguments: Vec<String>,
    /// Whether a server has asked it for a Kerberos ticket before. On Linux it shows none until it
    /// was started again after that.
    pub was_asked_for_tickets: bool,
}

/// A running browser. It ends when this is dropped.
#[derive(Debug)]
pub struct Browser {
    session: Wire,
    downloads: PathBuf,
    _driver: Background,
}

impl Browser {
    /// Starts a browser; `label` tells this test's browsers apart in the logs.
    pub fn open(lab: &Lab, label: &str) -> anyhow::Result<Self> {
        Self::open_with(lab, label, &Extras::default())
    }

    /// Likewise, with more than others have.
    pub fn open_with(lab: &Lab, label: &str, extras: &Extras) -> anyhow::Result<Self> {
        let home = lab.folder().join(format!("browser-{label}"));
        let downloads = home.join("downloads");
        fs::create_dir_all(&downloads).context("making the browser's folders")?;
        let mut line = CommandLine { program: "env", args: Vec::new() };
        for (name, folder) in [("HOME", ""), ("XDG_CONFIG_HOME", "c"), ("XDG_CACHE_HOME", "h")] {
            let mut setting = std::ffi::OsString::from(format!("{name}="));
            setting.push(home.join(folder));
            line.args.push(setting);
        }
        line.args.extend(extras.environment.iter().map(Into::into));
        line.args.extend(["chromedriver".into(), "--port=0".into()]);
        let (driver, output) = Background::start(&line)?;
        let output = Serial::read(output, &lab.log(label))?;
        let port = listening_port(&output, STARTED).context("starting ChromeDriver")?;
        let wire = Wire::new(port)?;
        let made = wire.post("/session", &capabilities(&home, &downloads, extras));
        let made = made.context("starting Chromium")?;
        let id = made["sessionId"].as_str().context("a session without an id")?;
        let session = wire.below(&format!("/session/{id}"));
        Ok(Self { session, downloads, _driver: driver })
    }

    /// Goes to an address and waits until it has loaded.
    pub fn go(&self, url: &str) -> anyhow::Result<()> {
        self.session.post("/url", &json!({ "url": url }))?;
        Ok(())
    }

    /// The address that is shown.
    pub fn address(&self) -> anyhow::Result<String> {
        Ok(self.session.get("/url")?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until an address is shown that ends with `end`.
    pub fn arrives(&self, end: &str) -> anyhow::Result<()> {
        self.wait(&format!("the address to end with {end}"), || Ok(self.address()?.ends_with(end)))
    }

    /// Clicks.
    pub fn click(&self, css: &str) -> anyhow::Result<()> {
        self.act(css, |id| self.session.post(&format!("/element/{id}/click"), &json!({})))?;
        Ok(())
    }

    /// Types into a field that holds nothing afterwards but this; a file's field takes a path.
    pub fn fill(&self, css: &str, text: &str) -> anyhow::Result<()> {
        self.act(css, |id| {
            if !self.is(css, ":read-only, [type=file]")? {
                self.session.post(&format!("/element/{id}/clear"), &json!({}))?;
            }
            self.session.post(&format!("/element/{id}/value"), &json!({ "text": text }))
        })?;
        Ok(())
    }

    /// Presses keys, one after the other, wherever the keyboard is.
    pub fn keys(&self, keys: &str) -> anyhow::Result<()> {
        let press = |key: char| {
            let value = key.to_string();
            ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": value }))
        };
        let strokes: Vec<Value> = keys.chars().flat_map(press).collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.session.post("/actions", &json!({ "actions": [keyboard] }))?;
        Ok(())
    }

    /// What a person reads at the first element like that.
    pub fn text(&self, css: &str) -> anyhow::Result<String> {
        let text = self.act(css, |id| self.session.get(&format!("/element/{id}/text")))?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until `wanted` can be read at the first element like that.
    pub fn reads(&self, css: &str, wanted: &str) -> anyhow::Result<()> {
        let seen = || Ok(self.text(css)?.contains(wanted));
        self.wait(&format!("\"{wanted}\" at {css}"), seen)
    }

    /// How many elements are like that now.
    pub fn count(&self, css: &str) -> anyhow::Result<usize> {
        let found = self.run("return document.querySelectorAll(arguments[0]).length", &[css])?;
        Ok(usize::try_from(found.as_u64().unwrap_or(0))?)
    }

    /// The rows of a table's body, cells apart by " | ".
    pub fn rows(&self, css: &str) -> anyhow::Result<Vec<String>> {
        let script = "return Array.from(document.querySelectorAll(arguments[0] + ' tbody tr'))
            .map((row) => Array.from(row.cells).map((cell) => cell.innerText).join(' | '))";
        looks::words(&self.run(script, &[css])?)
    }

    /// Whether the first element `css` is one that `like` selects too.
    fn is(&self, css: &str, like: &str) -> anyhow::Result<bool> {
        let script = "return document.querySelector(arguments[0]).matches(arguments[1])";
        Ok(self.run(script, &[css, like])? == true)
    }

    /// Runs the body of a function in the page; what it returns, or what its promise brings.
    pub fn run(&self, body: &str, args: &[&str]) -> anyhow::Result<Value> {
        self.session.post("/execute/sync", &json!({ "script": body, "args": args }))
    }

    /// Waits until `done` says so.
    pub fn wait(&self, what: &str, done: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !done()? {
            ensure!(Instant::now() < deadline, "waited in vain for {what}:\n{}", self.page()?);
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Opens another tab and goes on there; what [`Browser::turn_to`] leads back by.
    pub fn new_tab(&self) -> anyhow::Result<String> {
        let before = self.session.get("/window")?;
        let tab = self.session.post("/window/new", &json!({ "type": "tab" }))?;
        self.session.post("/window", &json!({ "handle": tab["handle"] }))?;
        Ok(before.as_str().unwrap_or_default().to_owned())
    }

    /// Goes on in the tab `tab`; the one before.
    pub fn turn_to(&self, tab: &str) -> anyhow::Result<String> {
        let before = self.session.get("/window")?;
        self.session.post("/window", &json!({ "handle": tab }))?;
        Ok(before.as_str().unwrap_or_default().to_owned())
    }

    /// The file that the browser downloads under that name, once it is whole.
    pub fn downloaded(&self, name: &str) -> anyhow::Result<PathBuf> {
        // Until then it has another name.
        let path = self.downloads.join(name);
        self.wait(&format!("the download of {name}"), || Ok(path.is_file()))?;
        Ok(path)
    }

    /// What the browser has complained of since it was asked last: violations of the pages'
    /// policy, and errors in their scripts. Answers that are errors are none.
    pub fn complaints(&self) -> anyhow::Result<Vec<String>> {
        let log = self.session.post("/se/log", &json!({ "type": "browser" }))?;
        let lines = log.as_array().context("a log is a list")?.iter();
        let lines = lines.filter(|line| line["source"] != "network");
        Ok(lines.map(|line| format!("{}: {}", line["source"], line["message"])).collect())
    }

    fn element(&self, css: &str) -> anyhow::Result<String> {
        let by = json!({ "using": "css selector", "value": css });
        let found = self.session.post("/element", &by)?;
        Ok(found[ELEMENT].as_str().context("an element without a reference")?.to_owned())
    }

    /// Does something with the first element like that, once it is there and lets it be done.
    fn act(&self, css: &str, act: impl Fn(&str) -> anyhow::Result<Value>) -> anyhow::Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.element(css).and_then(|id| act(&id)) {
                Err(error) if may_pass(&error) && Instant::now() < deadline => {
                    std::thread::sleep(POLL);
                }
                Err(error) if may_pass(&error) => {
                    return Err(error.context(format!("looking for {css}:\n{}", self.page()?)));
                }
                done => return done,
            }
        }
    }

    /// Where it is and what stands there, for who reads of a failure.
    fn page(&self) -> anyhow::Result<String> {
        let text = self.run("return document.body.innerText", &[])?;
        Ok(format!("{}\n{}", self.address()?, text.as_str().unwrap_or_default()))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver would end without ending what it started.
        let _ = self.session.delete("");
    }
}

/// Whether another try may succeed. While a page gives way to the next one, the driver calls a
/// stale element an unknown error.
fn may_pass(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| {
        MAY_PASS.contains(&refusal.kind.as_str())
            || refusal.message.contains("does not belong to the document")
    })
}

fn capabilities(home: &Path, downloads: &Path, extras: &Extras) -> Value {
    let mut args = vec![
        format!("--user-data-dir={}", home.join("profile").display()),
        "--headless=new".to_owned(),
        "--lang=en".to_owned(),
        // Letters without coloured edges, so that pictures are small.
        "--disable-lcd-text".to_owned(),
        // It ends with its driver, even if that is killed.
        "--remote-debugging-pipe".to_owned(),
        // Nothing beyond this computer, not even a look-up.
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE *.localhost"
            .to_owned(),
        "--no-proxy-server".to_owned(),
    ];
    let quiet = [
        "background-networking",
        "component-update",
        "sync",
        "default-apps",
        "extensions",
        "gpu",
        "dev-shm-usage",
        "quic",
        "domain-reliability",
    ];
    args.extend(quiet.map(|what| format!("--disable-{what}")));
    args.extend(["--no-first-run".to_owned(), "--no-default-browser-check".to_owned()]);
    if rustix::process::geteuid().is_root() {
        // Its sandbox is for other users than root.
        args.push("--no-sandbox".to_owned());
    }
    args.extend(extras.arguments.iter().cloned());
    let prefs = json!({
        "download.default_directory": downloads,
        "download.prompt_for_download": false,
        "credentials_enable_service": false,
        "profile.password_manager_leak_detection": false,
    });
    let state = json!({ "net.received_http_auth_negotiate_headers": extras.was_asked_for_tickets });
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        // It reaches this computer alone, where tests have authorities of their own.
        "acceptInsecureCerts": true,
        "goog:chromeOptions": { "args": args, "prefs": prefs, "localState": state },
        "goog:loggingPrefs": { "browser": "ALL" },
    } } })
}

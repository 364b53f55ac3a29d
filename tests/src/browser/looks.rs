//! How a page looks: by day and by night, at a desk and on a phone; what sticks out, what people
//! with disabilities could not use, and pictures.

use super::Browser;
use anyhow::{Context, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// The colours that a person prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// How wide the page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 960 pixels.
    Desk,
    /// 375 pixels, the narrowest of common phones.
    Phone,
}

impl Width {
    /// Width and height in pixels of a style sheet.
    const fn size(self) -> (u32, u32) {
        match self {
            Self::Desk => (960, 480),
            Self::Phone => (375, 760),
        }
    }
}

/// Colours and width.
pub type Look = (Scheme, Width);

/// What axe-core finds, in words. Of what it leaves to choice, the size of what fingers touch.
const AXE: &str = "
    return axe.run(document, {
        resultTypes: ['violations'], preload: false, rules: { 'target-size': { enabled: true } },
    }).then((found) => found.violations.map((one) => one.impact + ' ' + one.id + ': ' + one.help
        + one.nodes.map((node) => '\\n    ' + node.target.join(' ') + ': '
            + node.failureSummary.replaceAll('\\n', ' ')).join('')));";

/// Elements that reach over the page's edge, with or by what is in them, and are not in a part
/// that scrolls by itself; should none be found, the page.
const WIDER: &str = "
    const most = Number(arguments[0]);
    if (document.documentElement.scrollWidth <= most) return [];
    const scrolls = (item) => item && (getComputedStyle(item).overflowX !== 'visible'
        || scrolls(item.parentElement));
    const end = (item) => item.getBoundingClientRect().left
        + Math.max(item.scrollWidth, item.getBoundingClientRect().width);
    const found = Array.from(document.querySelectorAll('main *, header *'))
        .filter((item) => end(item) > most + 1 && !scrolls(item))
        .map((item) => item.outerHTML.slice(0, 100));
    return found.length ? found : ['the page'];";

impl Browser {
    /// Shows this tab's pages in these colours and at this width.
    pub fn look(&self, (scheme, width): Look) -> anyhow::Result<()> {
        let scheme = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            // What moves would be measured half way.
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }))?;
        let (wide, high) = width.size();
        let phone = width == Width::Phone;
        let size = json!({
            "width": wide, "height": high, "deviceScaleFactor": 1, "mobile": phone,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", &size)?;
        Ok(())
    }

    /// Writes a picture of what is seen of the page.
    pub fn picture(&self, to: &Path) -> anyhow::Result<()> {
        let picture = self.session.get("/screenshot")?;
        let text = picture.as_str().context("a picture is text in base64")?;
        let bytes = BASE64_STANDARD.decode(text).ok().context("a picture is not base64")?;
        ensure!(bytes.starts_with(b"\x89PNG"), "a picture is a PNG file");
        fs::write(to, bytes).with_context(|| format!("writing {}", to.display()))
    }

    /// The elements that reach over the edge of a page of that width.
    pub fn sticks_out(&self, width: Width) -> anyhow::Result<Vec<String>> {
        words(&self.run(WIDER, &[&width.size().0.to_string()])?)
    }

    /// What axe-core, whose script is `axe`, finds wrong with the page, each with its impact.
    pub fn barriers(&self, axe: &str) -> anyhow::Result<Vec<String>> {
        if self.run("return typeof axe === 'object'", &[])? != true {
            self.run(axe, &[])?;
        }
        words(&self.run(AXE, &[])?)
    }

    fn devtools(&self, command: &str, params: &Value) -> anyhow::Result<Value> {
        self.session.post("/goog/cdp/execute", &json!({ "cmd": command, "params": params }))
    }
}

/// A list of texts that a script returned.
pub(super) fn words(list: &Value) -> anyhow::Result<Vec<String>> {
    let list = list.as_array().context("the page answers with a list")?;
    Ok(list.iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect())
}

//! Whether people can use a page as they meet it: by day and by night, at a desk and on a phone,
//! with a screen reader; and pictures of it for the documentation.

use crate::desk::Desk;
use anyhow::Context;
use bootmint_ipxe_src::cache::Cache;
use bootmint_tests::{
    browser::{Look, Scheme, Width},
    lab,
};
use std::{
    cell::RefCell,
    env, fs,
    path::{Path, PathBuf},
};
use xtask::axe;

/// Names a folder that the documentation's pictures are written to.
const PICTURES: &str = "BOOTMINT_SCREENSHOTS";
/// The largest picture, in bytes: people fetch them with the source.
const MAX_PICTURE: u64 = 80_000;
/// How pages are looked at: both colours and both widths. The last is how they stay.
const LOOKS: [Look; 3] = [(Scheme::Dark, Width::Phone), (Scheme::Dark, Width::Desk), USUAL];
const USUAL: Look = (Scheme::Light, Width::Desk);

/// Somebody who looks at pages, and notes what is wrong with them.
pub(crate) struct Inspector<'d> {
    desk: &'d Desk,
    axe: Option<String>,
    folder: PathBuf,
    wrong: RefCell<Vec<String>>,
}

impl<'d> Inspector<'d> {
    pub(crate) fn new(desk: &'d Desk) -> anyhow::Result<Self> {
        let axe = match axe::script(&Cache::open(None)?) {
            Ok(script) => Some(script),
            Err(error) => {
                let why = format!("no page was checked for accessibility: {error:#}");
                lab::skip("console (axe-core)", &why);
                None
            }
        };
        let folder = env::var_os(PICTURES).map(|folder| {
            // Cargo runs tests in their crate's folder; a person names one from the root.
            Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder)
        });
        let folder = folder.unwrap_or_else(|| desk.lab.folder().join("pictures"));
        fs::create_dir_all(&folder).context("making the folder of pictures")?;
        desk.browser.look(USUAL)?;
        Ok(Self { desk, axe, folder, wrong: RefCell::default() })
    }

    /// Looks at the page that is shown, which a report calls `name`.
    pub(crate) fn inspect(&self, name: &str) -> anyhow::Result<()> {
        for look in LOOKS {
            self.desk.browser.look(look)?;
            let mut found = self.desk.browser.sticks_out(look.1)?;
            for item in &mut found {
                item.insert_str(0, "reaches over the edge: ");
            }
            if let Some(axe) = &self.axe {
                found.extend(self.desk.browser.barriers(axe)?);
            }
            let found = found.into_iter().map(|one| format!("{name} {look:?}: {one}"));
            self.wrong.borrow_mut().extend(found);
        }
        Ok(())
    }

    /// Goes to a page and looks at it.
    pub(crate) fn visit(&self, path: &str) -> anyhow::Result<()> {
        self.desk.go(path)?;
        self.inspect(path)
    }

    /// Makes the documentation's picture `name` of the page that is shown.
    pub(crate) fn picture(&self, name: &str, look: Look) -> anyhow::Result<()> {
        self.desk.browser.look(look)?;
        let path = self.folder.join(format!("{name}.png"));
        self.desk.browser.picture(&path)?;
        let size = fs::metadata(&path)?.len();
        if size > MAX_PICTURE {
            self.wrong.borrow_mut().push(format!("the picture {name} has {size} bytes"));
        }
        self.desk.browser.look(USUAL)
    }

    /// Whether the check finds what is wrong at all: on a page that is spoiled.
    pub(crate) fn finds_what_is_wrong(&self) -> anyhow::Result<()> {
        let spoil = "document.querySelector('main').innerHTML +=
            '<button></button><p class=\"spoiled\">' + 'x'.repeat(500) + '</p>'";
        self.desk.browser.run(spoil, &[])?;
        assert!(!self.desk.browser.sticks_out(Width::Desk)?.is_empty());
        if let Some(axe) = &self.axe {
            let found = self.desk.browser.barriers(axe)?;
            let nameless = |one: &String| one.starts_with("critical button-name: ");
            assert!(found.iter().any(nameless), "{found:?}");
        }
        Ok(())
    }

    /// Fails with all that was wrong.
    pub(crate) fn conclude(self) {
        let wrong = self.wrong.into_inner();
        assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    }
}

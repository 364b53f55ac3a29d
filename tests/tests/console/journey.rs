//! From the first sign-in to an installed machine, all in the browser: somebody of a real Active
//! Directory domain imports a feed, with faults and without, fetches an image, orders an install,
//! and sees the machine's boot live; and what the domain's auditor sees of it.

use crate::{
    desk::{Desk, PASSWORD},
    directory::{SECRET, fill, join},
    pages::Inspector,
    samba::Samba,
};
use anyhow::Context;
use bootmint_ipxe_src::firmware::Chosen;
use bootmint_tests::{
    browser::{Scheme, Width},
    guest::SWITCHED_OFF,
    installer,
    lab::MACHINES,
    server::Site,
    world::{HERE, HOST, MAC},
};
use clap::Parser;
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};
use xtask::{build_images, firmware, qemu::Board, ui};

/// The row of the host in the fleet.
const ROW: &str = "tr[data-host=web-01]";
/// The answer file's line before which it waits until it is let on, so that nobody misses the
/// state in between.
const REPORTS: &str = "wget -q -O /dev/null --post-data";
const WAITS: &str = "until wget -q -O /dev/null {{ files }}/small/go; do sleep 1; done\n";

/// The command line of `xtask`, as far as it is used here.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    ui: ui::Args,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    BuildImages(Box<build_images::Args>),
    Choose {
        #[command(flatten)]
        firmware: firmware::FirmwareArgs,
        #[command(flatten)]
        cache: firmware::CacheArgs,
    },
}

/// A command for the quickest firmware to be had: compiled, else the distribution's.
fn command(name: &str, paths: &[(&str, &Path)]) -> anyhow::Result<(Command, ui::Ui)> {
    let mut line: Vec<OsString> = ["x", name, "--quiet", "--profile", "kvm"].map(Into::into).into();
    for (option, path) in paths {
        line.extend([option.into(), path.as_os_str().to_owned()]);
    }
    let line = Line::try_parse_from(line)?;
    Ok((line.command, ui::Ui::new(&line.ui)))
}

/// That firmware.
fn choose_firmware() -> anyhow::Result<Chosen> {
    let (Command::Choose { firmware, cache }, ui) = command("choose", &[])? else {
        anyhow::bail!("another command");
    };
    Ok(firmware::choose(&cache.open()?, &firmware, &ui)?.1)
}

/// Runs `cargo xtask build-images` for the site's hosts; its output folder.
fn build_images(desk: &Desk, feed: &Path) -> anyhow::Result<PathBuf> {
    let out = desk.lab.folder().join("out");
    let key = desk.site.folder().join("token.key");
    let paths = [("--hosts", feed), ("--token-key", &key), ("--out", &out)];
    if let (Command::BuildImages(args), ui) = command("build-images", &paths)? {
        build_images::run(*args, &ui)?;
    }
    Ok(out)
}

/// The installer, which installs who is armed and nobody else, and waits for a file.
fn put_installer(site: &Site) -> anyhow::Result<()> {
    installer::put(site)?;
    let profile = installer::PROFILE.replace("\"install\"", "\"local\"");
    site.put("profiles/small/profile.toml", profile)?;
    let waits = format!("{WAITS}{REPORTS}");
    site.put("profiles/small/install.sh", installer::ANSWER.replacen(REPORTS, &waits, 1))
}

/// The feed: the machine, and others that make a fleet of it.
fn feed(port: u16) -> String {
    let server = format!("http://{HERE}:{port}");
    let others = [
        ("web-02", "02", "berlin", "small", "r2"),
        ("web-03", "03", "berlin", "small", "r2"),
        ("db-01", "04", "paris", "debian", "r7"),
        ("db-02", "05", "paris", "debian", "r7"),
        ("mail-01", "06", "paris", "small", "r8"),
    ];
    let mut feed = format!(
        "name,mac,address,gateway,server,site,profile,os,mirror-host,rack\n\
         {HOST},{MAC},192.0.2.10/24,{HERE},{server},berlin,kvm,small,mirror.example.net,r1\n"
    );
    for (name, number, site, os, rack) in others {
        feed.push_str(&format!(
            "{name},52:54:00:aa:00:{number},192.0.2.1{number}/24,{HERE},{server},{site},kvm,{os},\
             mirror.example.net,{rack}\n"
        ));
    }
    feed
}

#[test]
fn a_machine_is_installed_without_a_command_line() -> anyhow::Result<()> {
    let Some(samba) = Samba::start(true) else { return Ok(()) };
    tokio::runtime::Runtime::new()?.block_on(fill(&samba));
    let chosen = choose_firmware()?;
    let prepare = |site: &Site| {
        put_installer(site)?;
        join(site, &samba)
    };
    let packages = [&MACHINES[..], &installer::PACKAGES].concat();
    let Some(desk) = Desk::open("console", &packages, prepare)? else { return Ok(()) };
    let inspector = Inspector::new(&desk)?;

    desk.go("/")?;
    desk.browser.reads("main", "Nobody has signed in here yet")?;
    inspector.inspect("/sign-in")?;
    desk.sign_in_as_admin()?;
    desk.browser.reads("main", "No hosts yet")?;
    inspector.inspect("/fleet, empty")?;
    make_account(&desk, &inspector)?;
    let token = make_token(&desk, &inspector)?;
    sign_out(&desk)?;

    inspector.picture("sign-in", (Scheme::Light, Width::Desk))?;
    desk.sign_in_from("ADTEST", "nora", SECRET)?;
    let feed = feed(desk.server.port());
    import(&desk, &inspector, &feed)?;
    let path = desk.lab.folder().join("hosts.csv");
    fs::write(&path, &feed)?;
    let out = build_images(&desk, &path)?;
    let folder = chosen.folder.to_str().context("UTF-8")?;
    desk.site.command(&[
        "templates",
        "publish",
        out.to_str().context("UTF-8")?,
        "--firmware",
        folder,
    ])?;
    let iso = download(&desk, &token, &out)?;
    install(&desk, &inspector, &iso)?;
    give_orders(&desk, &inspector)?;
    sign_out(&desk)?;
    desk.sign_in("admin", PASSWORD)?;
    look_around(&desk, &inspector)?;
    sign_out(&desk)?;
    desk.sign_in_from("ADTEST", "audrey", SECRET)?;
    audit(&desk, &inspector)?;
    assert_eq!(desk.browser.complaints()?, [""; 0]);
    desk.go("/roles")?;
    inspector.finds_what_is_wrong()?;
    inspector.conclude();
    Ok(())
}

/// An account for somebody who is in no domain.
fn make_account(desk: &Desk, inspector: &Inspector<'_>) -> anyhow::Result<()> {
    desk.go("/accounts")?;
    desk.browser.fill("#name", "paula")?;
    desk.browser.fill("#roles", "approver")?;
    desk.browser.click("main .primary")?;
    assert!(!desk.browser.text("[aria-label='One-time password']")?.is_empty());
    inspector.inspect("/accounts")
}

/// A token for the command line, in a file.
fn make_token(desk: &Desk, inspector: &Inspector<'_>) -> anyhow::Result<PathBuf> {
    desk.go("/tokens")?;
    desk.browser.fill("#label", "the command line")?;
    desk.browser.click("main .primary")?;
    let token = desk.browser.text("[aria-label='The token']")?;
    inspector.inspect("/tokens")?;
    let path = desk.lab.folder().join("token");
    fs::write(&path, token)?;
    Ok(path)
}

/// Imports hosts: first from a file with two faults, then as pasted text.
fn import(desk: &Desk, inspector: &Inspector<'_>, good: &str) -> anyhow::Result<()> {
    let browser = &desk.browser;
    let bad =
        good.replacen(MAC, "52:54:00:aa:00", 1).replacen("192.0.2.102/24", "192.0.2.302/24", 1);
    let path = desk.lab.folder().join("bad.csv");
    fs::write(&path, bad)?;
    inspector.visit("/import")?;
    browser.fill("#file", path.to_str().context("UTF-8")?)?;
    let read = "return document.querySelector('#feed').value.length > 100";
    browser.wait("the file to be read", || Ok(browser.run(read, &[])? == true))?;
    browser.click("#check")?;
    browser.reads("main [role=alert]", "2 faults")?;
    let faults = browser.rows("[aria-label=Faults]")?;
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with("2 | 8 | web-01 | "), "{faults:?}");
    assert!(faults[1].starts_with("3 | 26 | web-02 | "), "{faults:?}");
    inspector.inspect("/import, faults")?;
    inspector.picture("import", (Scheme::Light, Width::Desk))?;

    browser.fill("#feed", good)?;
    browser.click("#check")?;
    browser.reads("main section", "6 new, 0 changed")?;
    assert_eq!(desk.site.command(&["hosts", "list"])?.lines().count(), 0, "it only looked");
    inspector.inspect("/import, what would change")?;
    browser.click("#apply")?;
    browser.reads("main section h2", "Done")?;

    // What changes of hosts that are there stands beside what was.
    browser.fill("#feed", &good.replace(",r7\n", ",r9\n"))?;
    browser.click("#check")?;
    browser.reads("[aria-label=Changes]", "r9")?;
    let changes = browser.rows("[aria-label=Changes]")?;
    assert!(changes.iter().any(|row| row.contains("var.rack | r7 | r9")), "{changes:?}");
    inspector.inspect("/import, changes")
}

/// Downloads the machine's image; it is the one that the command line gets, and the one of a batch.
fn download(desk: &Desk, token: &Path, out: &Path) -> anyhow::Result<PathBuf> {
    desk.go("/fleet")?;
    desk.browser.click(&format!("{ROW} a"))?;
    desk.browser.reads("h1", HOST)?;
    desk.browser.click(".downloads a[href$='.iso']")?;
    let iso = desk.browser.downloaded("web-01.iso")?;
    let got = desk.lab.folder().join("got.iso");
    let (token, to) = (token.to_str().context("UTF-8")?, got.to_str().context("UTF-8")?);
    let server = desk.url("");
    let remote = ["remote", "--server", &server, "--token-file", token, "images"];
    desk.site.command(&[&remote[..], &["get", HOST, "--out", to]].concat())?;
    let link = desk.site.command(&[&remote[..], &["link", HOST]].concat())?;
    let bytes = fs::read(&iso)?;
    assert!(bytes == fs::read(&got)?, "the command line gets other bytes");
    assert!(bytes == fs::read(out.join("berlin/web-01.iso"))?, "a batch makes other bytes");
    // Where the machine's BMC would follow it.
    let linked = reqwest::blocking::get(link.trim().replacen(HERE, "127.0.0.1", 1))?;
    assert!(linked.error_for_status()?.bytes()? == bytes, "a link leads to other bytes");
    Ok(iso)
}

/// Arms the machine and boots it, while another tab shows what becomes of it.
fn install(desk: &Desk, inspector: &Inspector<'_>, iso: &Path) -> anyhow::Result<()> {
    let browser = &desk.browser;
    let state = format!("{ROW} .state");
    let host = browser.new_tab()?;
    desk.go("/fleet")?;
    browser.reads(&state, "new")?;
    // It would be gone if the page were loaded again.
    browser.run("window.stayed = true", &[])?;

    let fleet = browser.turn_to(&host)?;
    inspector.inspect("/hosts/web-01, new")?;
    browser.fill("#confirm", "web-02")?;
    browser.click("#arm")?;
    assert_eq!(browser.count("#confirm:invalid")?, 1, "another host's name confirms nothing");
    browser.fill("#confirm", HOST)?;
    browser.fill("#arm-reason", "a new release")?;
    browser.click("#arm")?;
    browser.reads("main [role=status]", "It is armed")?;
    inspector.inspect("/hosts/web-01, armed")?;
    inspector.picture("host", (Scheme::Light, Width::Desk))?;

    browser.turn_to(&fleet)?;
    browser.reads(&state, "armed")?;
    let guest = desk.lab.start("boot", &installer::machine(&desk.lab, Board::Bios, iso)?)?;
    guest.expect(installer::HAS_ANSWERS)?;
    browser.reads(&state, "installing")?;
    desk.site.put("files/small/go", "")?;
    let text = guest.expect_exit(SWITCHED_OFF)?;
    anyhow::ensure!(text.contains(installer::REPORTED), "{text}");
    browser.reads(&state, "installed")?;
    assert_eq!(browser.run("return window.stayed", &[])?, true, "the page was loaded again");

    browser.turn_to(&host)?;
    browser.reads("#standing .state", "installed")?;
    browser.reads("#timeline", "installing → installed")?;
    assert_eq!(browser.count("main [role=status]")?, 0, "it still says that it is armed");
    inspector.inspect("/hosts/web-01, installed")
}

/// Orders for several hosts.
fn give_orders(desk: &Desk, inspector: &Inspector<'_>) -> anyhow::Result<()> {
    let browser = &desk.browser;
    desk.go("/fleet")?;
    browser.click("tr[data-host=mail-01] input")?;
    browser.click("[formaction='/fleet/hold']")?;
    browser.reads("main", "mail-01 is held")?;
    desk.go("/fleet?site=paris&q=db")?;
    browser.fill("#view", "databases of Paris")?;
    browser.click("#keep")?;
    browser.reads("nav [aria-current=true]", "databases of Paris")?;
    inspector.inspect("/fleet, a view")?;
    browser.click("[data-mark-all]")?;
    browser.click("[formaction='/fleet/arm']")?;
    browser.reads("main", "wipes its disk")?;
    inspector.inspect("/fleet/arm")?;
    browser.fill("#confirm", "db-01 db-02")?;
    browser.click("main .danger")?;
    browser.reads("main", "db-02 is armed")?;
    inspector.inspect("/fleet/arm, done")
}

/// All other pages.
fn look_around(desk: &Desk, inspector: &Inspector<'_>) -> anyhow::Result<()> {
    inspector.visit("/fleet")?;
    inspector.picture("fleet", (Scheme::Light, Width::Desk))?;
    inspector.picture("fleet-phone", (Scheme::Dark, Width::Phone))?;
    desk.server.request("POST", "/boot", "mac=52:54:00:aa:00:99&product=Standard+PC")?;
    for path in [
        "/fleet?q=nothing",
        "/hosts/web-01/render",
        "/discovered",
        "/workshop?hosts=web-01+web-02&format=iso",
        "/roles",
        "/secrets?place=host:web-01",
        "/settings",
        "/me",
        "/hosts/nothing",
    ] {
        inspector.visit(path)?;
    }
    // A firmware that is there, two formats, two hosts: what a person would choose.
    desk.go("/workshop?hosts=web-01+web-02&format=iso&format=usb")?;
    inspector.inspect("/workshop, two formats")?;
    desk.browser.run("document.querySelector('[aria-label=Images]').scrollIntoView()", &[])?;
    inspector.picture("workshop", (Scheme::Light, Width::Desk))?;
    desk.go("/accounts")?;
    let shown = desk.browser.text("[aria-label=Accounts]")?;
    assert!(shown.contains("nora@ad.test") && !shown.contains("None"), "what is hidden: {shown}");
    inspector.inspect("/accounts, with groups")?;
    inspector.picture("accounts", (Scheme::Light, Width::Desk))?;
    desk.go("/me")?;
    desk.browser.fill("#own", PASSWORD)?;
    desk.browser.click("[action='/me/factor'] button")?;
    inspector.inspect("/me/factor")
}

/// Signs out, in all tabs.
fn sign_out(desk: &Desk) -> anyhow::Result<()> {
    desk.go("/me")?;
    desk.browser.click(".out button")?;
    desk.browser.reads("h1", "Sign in")?;
    desk.go("/hosts/web-01")?;
    desk.browser.arrives("/sign-in?next=/hosts/web-01")
}

/// The auditor reads what happened, and can do nothing.
fn audit(desk: &Desk, inspector: &Inspector<'_>) -> anyhow::Result<()> {
    let browser = &desk.browser;
    browser.arrives("/audit")?;
    inspector.inspect("/audit")?;
    let log = browser.rows("[aria-label='Audit log']")?;
    let tells = |words: &[&str]| log.iter().any(|row| words.iter().all(|word| row.contains(word)));
    for words in [
        &["user:nora@ad.test", "arm", HOST, "a new release"][..],
        &["user:nora@ad.test", "image", HOST],
        &["boot", HOST, "armed → installing"],
        &["user:nora@ad.test", "sign-in", "done", "by the directory"],
        &["user:audrey@ad.test", "sign-in", "done", "by the directory"],
    ] {
        assert!(tells(words), "{words:?}: {log:#?}");
    }
    browser.click("a[href='/audit/verify']")?;
    browser.reads("main [role=status]", "The chain holds")?;
    inspector.picture("audit", (Scheme::Light, Width::Desk))?;

    desk.go("/hosts/web-01")?;
    browser.reads("main [role=alert]", "hosts-read")?;
    assert_eq!(browser.count("#arm, #confirm, form[action*='/hosts/']")?, 0);
    inspector.inspect("/hosts/web-01, denied")
}

//! The image workshop: what is shown of images, and images of a script of one's own.

use super::browser::Browser;
use crate::api::tests::{desk::Desk, images::published};

const SCRIPT: &str = "#!ipxe\r\necho hello\r\nshell";

#[tokio::test]
async fn images_are_looked_at_before_they_are_fetched() {
    let desk = Desk::open().await;
    let alice = Browser::of(&desk, "alice", "reimager@site:berlin").await;
    let early = alice.get("/workshop").await.text();
    assert!(early.contains("bootmint templates publish"), "{early}");
    let (_, host, _work) = published(&desk).await;
    let token = host.token.unwrap();
    let page = alice.get("/workshop?hosts=web-01%0D%0Aweb-02&format=iso").await;
    let text = page.text();
    assert_eq!(page.status, 200, "{text}");
    for part in ["/download/web-01.iso", "/download/web-02.iso", "192.0.2.1", "&#60;token&#62;"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains(token.as_str()), "the token is the machine's");
    for kind in ["zip", "tar"] {
        let link = format!("/download.{kind}?format=iso&#38;hosts=web-01%2Cweb-02");
        assert!(text.contains(&link), "{text}");
    }
    let tar = alice.get("/download.tar?format=iso&hosts=web-01%2Cweb-02").await;
    assert_eq!(tar.status, 200);
    assert!(!text.contains("your own script"), "a reimager writes none");
    let elsewhere = alice.get("/workshop?hosts=db-01&format=iso").await;
    assert!(elsewhere.status.is_client_error() && !elsewhere.text().contains("/download/db-01"));
    let wrong = alice.get("/workshop?hosts=web-01&format=dvd").await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
}

#[tokio::test]
async fn what_is_against_an_image_is_said_and_nothing_is_minted_to_show_it() {
    let desk = Desk::open().await;
    let (_, mut host, _work) = published(&desk).await;
    let alice = Browser::of(&desk, "alice", "reimager").await;
    // This firmware has neither VLANs nor menus.
    host.token = None;
    let tagged = crate::network::tests::two_vlans().nics.remove(1);
    host.nics.push(tagged);
    host.vars.insert("boot".parse().unwrap(), "tools".parse().unwrap());
    desk.app
        .import(&[host], &crate::db::Actor::person("root"), crate::time::Timestamp::now())
        .await
        .unwrap();
    let query = "hosts=web-01+web-02&format=iso&format=usb&format=floppy&firmware=default";
    let text = alice.get(&format!("/workshop?{query}")).await.text();
    for part in [
        "Cannot be made: host &#34;web-01&#34;: a NIC is in a VLAN",
        "There is no archive",
        "was published without the format floppy",
        "no web-02.floppy.img",
        "/download/web-02.iso?firmware=default",
        "Warning: ordinary boot: a menu is shown, but the bios firmware lacks &#34;menu&#34;",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(desk.app.shelf().remembered(), 0, "to look is cheap");
    let both = "format=iso&format=usb&hosts=web-02&firmware=default";
    let text = alice.get(&format!("/workshop?{both}")).await.text();
    let link = "/download.zip?format=iso%2Cusb&#38;hosts=web-02&#38;firmware=default";
    assert!(text.contains(link), "{text}");
    let zip = alice.get(&link.replace("&#38;", "&")).await;
    assert_eq!((zip.status.as_u16(), zip.header("content-type")), (200, "application/zip"));
    assert_eq!(zip.header("content-length"), zip.body.len().to_string());
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&zip.body[..])).unwrap();
    for (index, name) in ["web-02.iso", "web-02.usb.img"].into_iter().enumerate() {
        assert_eq!(archive.by_index(index).unwrap().enclosed_name().unwrap().to_str(), Some(name));
    }
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    let row = rows.iter().rfind(|row| row.event == "image").unwrap();
    assert_eq!(row.detail, "iso, usb on default in an archive");
    let other = alice.get("/download/web-02.iso?firmware=none").await;
    assert_eq!(other.status, 404, "{}", other.text());
}

#[tokio::test]
async fn a_script_of_ones_own_becomes_an_image_that_is_nobodys() {
    let desk = Desk::open().await;
    let (iso, _, _work) = published(&desk).await;
    let builder = Browser::of(&desk, "bob", "image-builder").await;
    let page = builder.get("/workshop").await.text();
    assert!(page.contains("your own script"), "{page}");
    let fields = |script| [("firmware", "default"), ("format", "iso"), ("script", script)];
    let made = builder.post("/workshop/script", &fields(SCRIPT)).await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(made.header("content-disposition"), "attachment; filename=\"script.iso\"");
    assert_eq!(made.body.len(), iso.len());
    let alone = made.body.clone();
    let read = bootmint_image_factory::layout::read_back::read_back(
        std::io::Cursor::new(&made.body[..]),
        bootmint_image_factory::format::Format::Iso,
    );
    let tickets = read.unwrap().tickets;
    assert!(!tickets.is_empty());
    for ticket in &tickets {
        let script = bootmint_image_factory::slot::unpad(&ticket.bytes).unwrap();
        assert_eq!(script, "#!ipxe\necho hello\nshell\n");
    }
    let both = [&fields(SCRIPT)[..], &[("format", "usb")]].concat();
    let made = builder.post("/workshop/script", &both).await;
    assert_eq!((made.status.as_u16(), made.header("content-type")), (200, "application/zip"));
    assert_eq!(made.header("content-disposition"), "attachment; filename=\"script.zip\"");
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&made.body[..])).unwrap();
    let names: Vec<_> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names, ["script.iso", "script.usb.img"]);
    let mut member = Vec::new();
    std::io::Read::read_to_end(&mut zip.by_index(0).unwrap(), &mut member).unwrap();
    assert_eq!(member, alone, "as it is alone");
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    let row = rows.iter().rfind(|row| row.event == "image").unwrap();
    assert!(row.detail.starts_with("iso, usb of a script on default, SHA-256 "), "{}", row.detail);
    let none = [("firmware", "default"), ("script", SCRIPT)];
    let refused = builder.post("/workshop/script", &none).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("choose one at least"), "{}", refused.text());
    let missing = [&fields(SCRIPT)[..], &[("format", "floppy")]].concat();
    let refused = builder.post("/workshop/script", &missing).await;
    assert_eq!(refused.status, 404, "all of them, or none");
    let text = refused.text();
    assert!(text.contains("value=\"iso\" checked") && text.contains("without the format floppy"));
    for (script, why) in [
        ("echo hello", "begins with the line #!ipxe"),
        ("#!ipxe\necho h\u{e9}", "line 2"),
        (&format!("#!ipxe\n{}", "echo x\n".repeat(20_000)), "bytes at most"),
    ] {
        let refused = builder.post("/workshop/script", &fields(script)).await;
        assert_eq!(refused.status, 400, "{script:.20}");
        assert!(refused.text().contains(why), "{}", refused.text());
    }
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    let row = rows.iter().find(|row| row.event == "image").unwrap();
    assert!(row.detail.starts_with("iso of a script on default, SHA-256 "), "{}", row.detail);
}

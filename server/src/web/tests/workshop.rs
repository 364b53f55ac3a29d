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
    assert!(text.contains("/download.tar?format=iso&#38;hosts=web-01%2Cweb-02"), "{text}");
    let tar = alice.get("/download.tar?format=iso&hosts=web-01%2Cweb-02").await;
    assert_eq!(tar.status, 200);
    assert!(!text.contains("your own script"), "a reimager writes none");
    let elsewhere = alice.get("/workshop?hosts=db-01&format=iso").await;
    assert!(elsewhere.status.is_client_error() && !elsewhere.text().contains("/download/db-01"));
    let wrong = alice.get("/workshop?hosts=web-01&format=dvd").await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
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
    let row = rows.iter().rfind(|row| row.event == "image").unwrap();
    assert!(row.detail.starts_with("iso of a script on default, SHA-256 "), "{}", row.detail);
}

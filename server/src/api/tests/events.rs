//! Changes are told as they happen, to who may see the host.

use super::desk::Desk;

#[tokio::test]
async fn a_watcher_is_told_of_its_hosts_as_they_change() {
    let desk = Desk::open().await;
    let viewer = desk.token("v", "viewer@site:berlin").await;
    let reimager = desk.token("re", "reimager").await;
    // From here on, however late the watcher comes on a busy machine.
    let seen = desk.app.store().audit_head().await.unwrap().to_string();
    let seen = [("last-event-id", seen.as_str())];
    let act = async {
        for host in ["web-01", "db-01", "web-02"] {
            let line = format!("POST /api/v1/hosts/{host}/hold");
            desk.ask(&line, &reimager, &[], "").await;
        }
        // Several looks of the stream, on a machine that is busy too.
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        // What never ends by itself ends with the server.
        desk.app.close();
    };
    let watch = desk.ask("GET /api/v1/events", &viewer, &seen, "");
    let (answer, ()) = tokio::join!(watch, act);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let text = answer.text();
    let told: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(told.len(), 2, "{text}");
    let first: serde_json::Value = serde_json::from_str(told[0]).unwrap();
    assert_eq!((&first["host"], &first["became"]), (&"web-01".into(), &"held".into()));
    assert!(!text.contains("db-01"), "it is at another site");

    let id = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    // Whoever is cut off goes on behind the last event that it saw.
    let after: i64 = id.parse().unwrap();
    let rows = desk.app.store().audit(after, 10).await.unwrap();
    assert!(rows.iter().any(|row| row.host == "web-01" && row.event == "hold"));
}

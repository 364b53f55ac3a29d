//! Archives are checked as a person would check them: with other tools, and after damage.

use super::*;
use crate::{api::tests::desk::Desk, config::write_private};

async fn archive(desk: &Desk, days: i64, to: &Path) -> Result<Archived, ArchiveError> {
    let now = Timestamp::now();
    desk.app.archive_audit(now.after_days(-days), to, &Actor::person("root"), now).await
}

#[tokio::test]
async fn rows_move_to_files_that_the_chain_goes_through() {
    // The desk's own hosts were imported now, so that its rows are first and new.
    let desk = Desk::open().await;
    let work = tempfile::tempdir().unwrap();
    let nothing = archive(&desk, 30, &work.path().join("none")).await.unwrap_err();
    assert!(matches!(nothing, ArchiveError::Nothing), "{nothing}");
    assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 0, "no file is left");
    let late = Timestamp::now().after_days(400);
    let files = [work.path().join("1.ndjson"), work.path().join("2.ndjson")];
    let root = Actor::person("root");
    let first = desk.app.archive_audit(late.after_days(-30), &files[0], &root, late).await.unwrap();
    assert_eq!(first.first, 1);
    let later = late.after_days(400);
    let second =
        desk.app.archive_audit(later.after_days(-30), &files[1], &root, later).await.unwrap();
    assert_eq!(second.first, first.end.seq + 1);
    let start = desk.app.store().audit_start().await.unwrap();
    assert_eq!(start, second.end);
    assert!(desk.app.store().verify_audit().await.unwrap().is_ok());
    let noted = Digest::stored(first.end.hash.clone());
    let archives = verify_archives(&files, &start, Some(&noted)).unwrap();
    assert_eq!((archives.rows as i64, archives.found), (second.end.seq, Some(first.end.seq)));
    let other = Digest::of(b"another chain");
    assert_eq!(verify_archives(&files, &start, Some(&other)).unwrap().found, None);
    let row = desk.app.store().audit(0, 10).await.unwrap().remove(0);
    let text = std::fs::read(&files[1]).unwrap();
    let digest = crate::secret::hex(&Sha256::digest(&text));
    assert!(row.detail.contains(&format!("in 2.ndjson with SHA-256 {digest}")), "{}", row.detail);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&files[0]).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn an_archive_that_was_touched_or_left_out_is_found() {
    let desk = Desk::open().await;
    let work = tempfile::tempdir().unwrap();
    let files = [work.path().join("1.ndjson"), work.path().join("2.ndjson")];
    let (mut now, root) = (Timestamp::now(), Actor::person("root"));
    for file in &files {
        now = now.after_days(400);
        desk.app.archive_audit(now, file, &root, now).await.unwrap();
    }
    let start = desk.app.store().audit_start().await.unwrap();
    let check = |files: &[PathBuf]| verify_archives(files, &start, None).map_err(|e| e.to_string());
    let [one, two] = files.clone();
    assert!(check(std::slice::from_ref(&one)).unwrap_err().contains("what follows begins after"));
    assert!(check(&[two.clone(), one.clone()]).unwrap_err().contains("what follows"));
    assert!(check(std::slice::from_ref(&two)).is_ok(), "the later one alone leads to the chain");
    let text = std::fs::read_to_string(&one).unwrap();
    std::fs::write(&one, text.replace("import", "impart")).unwrap();
    let error = verify_archives(&files, &start, None).unwrap_err();
    assert!(matches!(error, ArchiveError::Broken { .. }), "{error}");
    std::fs::write(&one, text.replacen('{', "[", 1)).unwrap();
    assert!(check(&files).unwrap_err().contains("line 1 is no row"));
    std::fs::write(&one, "").unwrap();
    assert!(check(&files).is_err());
    std::fs::write(&one, &text).unwrap();
    let again = desk
        .app
        .archive_audit(now.after_days(1), &one, &root, now.after_days(400))
        .await
        .unwrap_err();
    assert!(matches!(again, ArchiveError::Exists(_)), "no file is written over: {again}");
    assert_eq!(std::fs::read_to_string(&one).unwrap(), text);
}

#[tokio::test]
async fn a_server_archives_by_itself_where_it_is_told_to() {
    let desk = Desk::open().await;
    let now = Timestamp::now();
    assert_eq!(desk.app.archive_by_itself(now.after_days(9000)).await.unwrap(), None);
    let folder = desk.site().join("audit");
    let section = "\n[audit]\narchive-folder = \"audit\"\narchive-after-days = 100\n";
    let app = desk.replica(section, "").await;
    let early = app.archive_by_itself(now.after_days(129)).await.unwrap();
    assert_eq!(early, None, "what is old enough waits for more, so that files do not get many");
    let later = now.after_days(131);
    let missing = app.archive_by_itself(later).await.unwrap_err();
    assert!(matches!(missing, ArchiveError::File { .. }), "{missing}");
    // It hinders nothing else that is old from being forgotten.
    desk.token("kim", "viewer").await;
    let failed = app.clean(later.after_days(400)).await;
    assert!(failed.len() == 1 && failed[0].is::<ArchiveError>(), "{failed:?}");
    let tokens = app.store().tokens_after(None, (Timestamp::default(), ""), 10).await.unwrap();
    assert!(tokens.is_empty(), "{tokens:?}");
    std::fs::create_dir(&folder).unwrap();
    let (first, archived) = app.archive_by_itself(later).await.unwrap().unwrap();
    assert_eq!((&first, archived.first), (&folder.join("audit-000000000001.ndjson"), 1));
    // A new row tells of the archive; it is one of now, whatever the time is for the test.
    assert_eq!(app.archive_by_itself(later).await.unwrap(), None, "the rest is too new");
    let (second, more) = app.archive_by_itself(later.after_days(131)).await.unwrap().unwrap();
    assert_eq!(more.first, archived.end.seq + 1);
    let mut files = [second, first];
    files.sort();
    let start = app.store().audit_start().await.unwrap();
    assert_eq!(start, more.end);
    let rows = verify_archives(&files, &start, None).unwrap().rows;
    assert_eq!(rows as i64, more.end.seq, "all rows are in the files, in the order of their names");
    assert!(app.store().verify_audit().await.unwrap().is_ok());
    let row = app.store().audit(start.seq, 1).await.unwrap().remove(0);
    assert_eq!((row.event.as_str(), row.actor.as_str()), ("audit-archive", "clock"));
    // What is there is not written over.
    let next = format!("audit-{:012}.ndjson", start.seq + 1);
    std::fs::write(folder.join(next), "x").unwrap();
    let again = app.archive_by_itself(later.after_days(999)).await.unwrap_err();
    assert!(again.to_string().contains("its rows are still in the database"), "{again}");
}

#[tokio::test]
async fn what_a_webhook_waits_for_stays() {
    let desk = Desk::open().await;
    let store = desk.app.store();
    store.begin_webhook("chat").await.unwrap();
    write_private(&desk.site().join("chat.key"), &crate::webhook::new_key().unwrap()).unwrap();
    let hook = "\n[[webhook]]\nname = \"chat\"\nurl = \"https://192.0.2.9/\"\nsecret-file = \"chat.key\"\n";
    let waits = desk.replica(hook, "").await;
    let later = Timestamp::now().after_days(400);
    let work = tempfile::tempdir().unwrap();
    let to = work.path().join("a.ndjson");
    let root = Actor::person("root");
    let place = store.webhook("chat").await.unwrap().unwrap();
    let done = waits.archive_audit(later, &to, &root, later).await.unwrap();
    assert_eq!(done.end.seq, place.delivered, "rows that came later were not delivered");
    let more =
        waits.archive_audit(later, &work.path().join("b"), &root, later.after_days(99)).await;
    assert!(matches!(more, Err(ArchiveError::Nothing)));
}

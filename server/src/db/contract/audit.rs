//! The audit chain, and the logs beside it.

use super::*;
use std::{collections::BTreeSet, sync::Arc};
use tokio::task::JoinSet;

pub(super) async fn logs_are_kept_and_forgotten<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    for (id, at) in [(b"a", NOW), (b"a", NOW.after(Seconds::new(5))), (b"b", NOW)] {
        assert!(store.record_discovered(&Digest::of(id), at, "192.0.2.9", "{}").await.unwrap());
    }
    for _ in 0..100 {
        store.record_boot(boot(NOW));
    }
    store.record_boot(boot(NOW.after(Seconds::new(5))));
    store.close().await;
    let store = fresh.open().await;
    assert_eq!(store.boots(&name("web-01"), Timestamp::END, 1000).await.unwrap().len(), 101);
    let (mut seen, mut before) = (Vec::new(), END);
    loop {
        let page = store.boots_before(&name("web-01"), before, 40).await.unwrap();
        let Some((id, boot)) = page.last() else { break };
        before = (boot.0, *id);
        seen.extend(page.iter().map(|(id, _)| *id));
    }
    assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (101, 101));
    let found = store.discovered(10).await.unwrap();
    let second = store.discovered_before((found[0].last_seen, &found[0].id), 10).await.unwrap();
    assert_eq!(second, found[1..]);
    assert_eq!(found.iter().map(|one| one.boots).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(store.forget(NOW.after(Seconds::new(1))).await.unwrap(), 101);
    assert_eq!(store.discovered(10).await.unwrap().len(), 1);
    assert_eq!(store.boots(&name("web-01"), Timestamp::END, 10).await.unwrap().len(), 1);
}

pub(super) async fn the_audit_chain_shows_what_was_touched<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let hosts: Vec<_> = (1..=5).map(|n| testing::host(&format!("web-0{n}"), n)).collect();
    import(&store, &hosts).await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap(), Ok(5));
    for sql in ["UPDATE audit SET actor = 'x' WHERE seq = 3", "DELETE FROM audit WHERE seq = 3"] {
        let mut tx = store.engine.begin().await.unwrap();
        assert!(tx.execute(sql, []).await.is_err(), "{sql}");
    }
    let mut tx = store.engine.begin().await.unwrap();
    match &tx {
        Tx::Sqlite(_) | Tx::MySql(_) => tx.script("DROP TRIGGER audit_no_update").await.unwrap(),
        Tx::Postgres(_) => tx.script("DROP TRIGGER audit_no_change ON audit").await.unwrap(),
        Tx::SqlServer(_) => tx.script("DROP TRIGGER audit_no_change").await.unwrap(),
    }
    tx.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 3", []).await.unwrap();
    tx.commit().await.unwrap();
    let broken = store.verify_audit().await.unwrap().unwrap_err();
    assert_eq!(broken.seq, 3);
}

pub(super) async fn the_audit_log_is_read_by_host_and_by_filter<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let (one, two) = (testing::host("web-01", 1), testing::host("web-02", 2));
    import(&store, &[one.clone(), two.clone()]).await.unwrap();
    for (hour, host) in [(0, &one), (0, &one), (3600, &one), (3600, &two)] {
        let at = Timestamp::from_unix(7200 + hour);
        let boot = BootRow {
            at,
            host: host.name.clone(),
            action: "local",
            peer: "192.0.2.1".into(),
            facts: "{}".into(),
        };
        store.record_boot(boot);
    }
    store.boots.close().await;
    let mut boots = store.boots_by_hour(Timestamp::from_unix(7000)).await.unwrap();
    boots.sort();
    let line = |host: &str, at, count| (host.to_owned(), Timestamp::from_unix(at), count);
    let all = [line("web-01", 7200, 2), line("web-01", 10_800, 1), line("web-02", 10_800, 1)];
    assert_eq!(boots, all);
    let changes = store.transitions(&one.name, Timestamp::END, 10).await.unwrap();
    assert_eq!((changes.len(), changes[0].became.as_str()), (1, "new"));
    assert_eq!(store.audit_head().await.unwrap(), 2);
    let back = async |filter: AuditFilter, before| {
        let rows = store.audit_back(&filter, before, 10).await.unwrap();
        rows.into_iter().map(|row| row.seq).collect::<Vec<_>>()
    };
    assert_eq!(back(AuditFilter::default(), i64::MAX).await, [2, 1]);
    assert_eq!(back(AuditFilter::default(), 2).await, [1]);
    let of =
        AuditFilter { host: "web-02".into(), event: "import".into(), ..AuditFilter::default() };
    assert_eq!(back(of, i64::MAX).await, [2]);
    let other = AuditFilter { actor: "user:nobody".into(), ..AuditFilter::default() };
    assert!(back(other, i64::MAX).await.is_empty());
    let on = async |filter: AuditFilter, after| {
        let rows = store.audit_on(&filter, after, 10).await.unwrap();
        rows.into_iter().map(|row| row.seq).collect::<Vec<_>>()
    };
    assert_eq!(on(AuditFilter::default(), 0).await, [1, 2]);
    assert_eq!(on(AuditFilter::default(), 1).await, [2]);
    let at = store.audit(0, 1).await.unwrap()[0].at;
    let next = at.after(Seconds::new(1));
    let from = |from| AuditFilter { from: Some(from), ..AuditFilter::default() };
    let until = |until| AuditFilter { until: Some(until), ..AuditFilter::default() };
    assert_eq!((on(from(at), 0).await, back(until(next), 3).await), (vec![1, 2], vec![2, 1]));
    assert!(on(from(next), 0).await.is_empty() && back(until(at), 3).await.is_empty());
    let earlier = at.before(Seconds::new(1));
    assert!(store.transitions(&one.name, earlier, 10).await.unwrap().is_empty());
    assert_eq!(store.transitions(&one.name, at, 10).await.unwrap().len(), 1);
}

pub(super) async fn a_row_with_a_request_is_part_of_the_chain<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    import(&store, &[testing::host("web-01", 1)]).await.unwrap();
    let trace = Trace {
        role: "admin".into(),
        token: "0123456789abcdef".into(),
        source: "2001:db8::1".into(),
        request: "r1".into(),
        reason: "new disk\n\u{202e}".into(),
    };
    let actor = Actor::by_request("user:alice", &trace);
    let note = Note {
        at: NOW,
        actor: &actor,
        host: "web-01",
        event: "denied",
        detail: "",
        result: AuditResult::Denied,
    };
    store.note(&note).await.unwrap();
    let row = store.audit(1, 1).await.unwrap().remove(0);
    assert_eq!((row.role.as_str(), row.token.as_str()), ("admin", "0123456789abcdef"));
    assert_eq!((row.source.as_str(), row.reason.as_str()), ("2001:db8::1", "new disk??"));
    assert_eq!(row.result, "denied");
    assert_eq!(store.verify_audit().await.unwrap(), Ok(2));
    let mut tx = store.engine.begin().await.unwrap();
    match &tx {
        Tx::Sqlite(_) | Tx::MySql(_) => tx.script("DROP TRIGGER audit_no_update").await.unwrap(),
        Tx::Postgres(_) => tx.script("DROP TRIGGER audit_no_change ON audit").await.unwrap(),
        Tx::SqlServer(_) => tx.script("DROP TRIGGER audit_no_change").await.unwrap(),
    }
    tx.execute("UPDATE audit SET result = 'done' WHERE seq = 2", []).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap().unwrap_err().seq, 2);
}

/// So many that they share transactions, and statements of many rows and of one.
pub(super) async fn notes_that_come_together_are_all_in_the_chain<K>(fresh: &Fresh<K>) {
    const NOTES: usize = 99;
    let store = fresh.open().await;
    let store = Arc::new(store);
    let mut tasks = JoinSet::new();
    for n in 0..NOTES {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let (actor, detail) = (Actor::person("alice"), n.to_string());
            let note = Note {
                at: NOW,
                actor: &actor,
                host: "",
                event: "note",
                detail: &detail,
                result: AuditResult::Done,
            };
            store.note(&note).await
        });
    }
    while let Some(written) = tasks.join_next().await {
        written.unwrap().unwrap();
    }
    assert_eq!(store.verify_audit().await.unwrap(), Ok(99));
    let rows = store.audit(0, 1000).await.unwrap();
    let told: BTreeSet<_> = rows.into_iter().map(|row| row.detail).collect();
    assert_eq!(told, (0..NOTES).map(|n| n.to_string()).collect());
}

/// Writes so many notes; returns the rows.
async fn notes(store: &Store, count: usize) -> Vec<AuditRow> {
    for n in 0..count {
        let note = Note {
            at: NOW,
            actor: &Actor::person("alice"),
            host: "",
            event: "note",
            detail: &n.to_string(),
            result: AuditResult::Done,
        };
        store.note(&note).await.unwrap();
    }
    store.audit(0, 1000).await.unwrap()
}

fn end(row: &AuditRow) -> End {
    End { seq: row.seq, hash: row.hash.clone() }
}

pub(super) async fn old_rows_leave_for_an_archive_and_the_chain_holds<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let rows = notes(&store, 5).await;
    let (root, none) = (Actor::person("root"), End::default());
    let wrong = End { seq: 3, hash: rows[3].hash.clone() };
    let forget = async |from: &End, to: &End| {
        store.forget_audit((from, to), "in a.ndjson", &root, NOW).await.unwrap()
    };
    assert!(!forget(&none, &wrong).await);
    assert!(forget(&none, &end(&rows[2])).await);
    assert!(!forget(&none, &end(&rows[3])).await, "another was faster");
    assert_eq!(store.audit_start().await.unwrap(), end(&rows[2]));
    let left = store.audit(0, 1000).await.unwrap();
    assert_eq!(left.iter().map(|row| row.seq).collect::<Vec<_>>(), [4, 5, 6]);
    assert!(left[2].detail.contains(&rows[2].hash) && left[2].detail.ends_with("in a.ndjson"));
    assert_eq!(store.verify_audit().await.unwrap(), Ok(6));
    assert!(forget(&end(&rows[2]), &end(&left[0])).await);
    assert_eq!(store.verify_audit().await.unwrap(), Ok(7));
}

pub(super) async fn a_digest_that_was_noted_tells_a_chain_that_was_computed_anew<K>(
    fresh: &Fresh<K>,
) {
    let store = fresh.open().await;
    let rows = notes(&store, 3).await;
    let look = async |noted: &str| {
        let noted = Digest::parse(noted).unwrap();
        store.verify_audit_for(Some(&noted)).await.unwrap().unwrap()
    };
    for row in &rows {
        let whole = look(&row.hash).await;
        assert_eq!(whole, Whole { end: end(rows.last().unwrap()), found: Some(row.seq) });
    }
    assert_eq!(look(Digest::of(b"of another chain").as_str()).await.found, None);
    // What an archive ends with counts, too.
    let root = Actor::person("root");
    let cut = (&End::default(), &end(&rows[1]));
    assert!(store.forget_audit(cut, "in a.ndjson", &root, NOW).await.unwrap());
    assert_eq!(look(&rows[1].hash).await.found, Some(rows[1].seq));
    assert_eq!(look(&rows[0].hash).await.found, None, "its archive has it");
}

pub(super) async fn rows_that_no_archive_has_stay<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let rows = notes(&store, 4).await;
    let mut tx = store.engine.begin().await.unwrap();
    assert!(tx.execute("DELETE FROM audit WHERE seq = 1", []).await.is_err());
    drop(tx);
    // Who has the database can move its beginning, but no row tells of an archive.
    let mut tx = store.engine.begin().await.unwrap();
    let binds = [rows[1].hash.as_str().into()];
    tx.execute("UPDATE audit_start SET seq = 2, hash = $1 WHERE id = 1", binds).await.unwrap();
    assert!(tx.execute("DELETE FROM audit WHERE seq = 3", []).await.is_err());
    drop(tx);
    let mut tx = store.engine.begin().await.unwrap();
    let binds = [rows[1].hash.as_str().into()];
    tx.execute("UPDATE audit_start SET seq = 2, hash = $1 WHERE id = 1", binds).await.unwrap();
    tx.execute("DELETE FROM audit WHERE seq <= 2", []).await.unwrap();
    tx.commit().await.unwrap();
    let broken = store.verify_audit().await.unwrap().unwrap_err();
    assert!(broken.to_string().contains("no row tells of its archive"), "{broken}");
}

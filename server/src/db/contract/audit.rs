//! The audit chain, and the logs beside it.

use super::*;

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
    assert_eq!(store.boots(&name("web-01"), 1000).await.unwrap().len(), 101);
    let found = store.discovered(10).await.unwrap();
    assert_eq!(found.iter().map(|one| one.boots).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(store.forget(NOW.after(Seconds::new(1))).await.unwrap(), 101);
    assert_eq!(store.discovered(10).await.unwrap().len(), 1);
    assert_eq!(store.boots(&name("web-01"), 10).await.unwrap().len(), 1);
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
    let changes = store.transitions(&one.name, 10).await.unwrap();
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

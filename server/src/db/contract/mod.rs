//! What every engine must do: one suite, run on each of them.

mod broken;
mod foreign;
#[path = "../../../tests/servers/mod.rs"]
mod servers;

use super::*;
use crate::{
    machine::{AttemptId, State},
    secret::Digest,
    testing,
    time::{Seconds, Timestamp},
};
use bootmint_image_factory::host::{Host, HostName};
use servers::Server;
use std::{
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

pub(super) const NOW: Timestamp = Timestamp::from_unix(1_000_000);

/// A fresh database, and what must live as long as it is used.
pub(super) struct Fresh<Keep> {
    pub(super) address: Address,
    _keep: Keep,
}

impl<Keep> Fresh<Keep> {
    pub(super) async fn open(&self) -> Store {
        Store::open(&self.address, 4).await.unwrap()
    }
}

pub(super) fn sqlite() -> Fresh<tempfile::TempDir> {
    let folder = tempfile::tempdir().unwrap();
    Fresh { address: Address::Sqlite(folder.path().join("test.db")), _keep: folder }
}

/// A fresh database of a server that all tests share, if it is installed.
async fn fresh(
    server: &'static OnceLock<Option<Server>>,
    start: fn() -> Option<Server>,
) -> Option<Fresh<()>> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let url = tokio::task::spawn_blocking(move || {
        let server = server.get_or_init(start).as_ref()?;
        Some(server.create(&format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed))))
    });
    let address = Address::parse(&url.await.unwrap()?, Path::new("")).unwrap();
    Some(Fresh { address, _keep: () })
}

pub(super) async fn postgres() -> Option<Fresh<()>> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    fresh(&SERVER, || Server::postgres(None)).await
}

pub(super) async fn mariadb() -> Option<Fresh<()>> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    fresh(&SERVER, || Server::mariadb(None)).await
}

/// Makes a test of each function, for each engine.
macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&super::sqlite()).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(fresh) = super::postgres().await {
                    super::$name(&fresh).await;
                }
            })+
        }
        mod on_mariadb {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(fresh) = super::mariadb().await {
                    super::$name(&fresh).await;
                }
            })+
        }
    };
}

contract!(
    a_database_is_opened_again_as_it_was_left,
    hosts_are_imported_once_and_updated,
    an_import_is_all_or_nothing,
    hosts_are_found_by_what_they_prove,
    every_state_reads_back,
    a_change_needs_the_generation_it_saw,
    of_many_writers_one_wins,
    an_answer_is_released_as_often_as_allowed,
    due_hosts_come_in_the_order_of_their_times,
    logs_are_kept_and_forgotten,
    the_audit_chain_shows_what_was_touched,
    a_host_is_edited_by_who_saw_its_generation,
    accounts_and_tokens_are_kept_and_end,
    sessions_are_kept_and_end,
    views_are_their_owners_alone,
    the_audit_log_is_read_by_host_and_by_filter,
    tries_are_counted_until_they_are_blocked,
    a_change_with_a_key_is_claimed_once,
    a_row_with_a_request_is_part_of_the_chain,
);

#[tokio::test]
async fn others_cannot_read_the_embedded_database() {
    use std::os::unix::fs::PermissionsExt;
    let fresh = sqlite();
    let store = fresh.open().await;
    import(&store, &[testing::host("web-01", 1)]).await.unwrap();
    let Address::Sqlite(path) = &fresh.address else { panic!("not SQLite") };
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
}

fn entry(host: &Host) -> (Host, Option<Digest>) {
    (host.clone(), host.token.as_ref().map(Digest::of_token))
}

async fn import(store: &Store, hosts: &[Host]) -> Result<Imported, DbError> {
    let entries: Vec<_> = hosts.iter().map(entry).collect();
    store.import(&entries, &Actor::person("root"), NOW).await
}

fn name(text: &str) -> HostName {
    text.parse().unwrap()
}

fn change(host: &StoredHost, becomes: State) -> Change<'_> {
    Change {
        host: &host.host.name,
        generation: host.generation,
        was: host.state,
        becomes,
        event: "test",
        actor: Actor::machine(),
        at: NOW,
        begins: None,
        ends: None,
        note: String::new(),
        boot: None,
    }
}

/// Imports one host.
pub(super) async fn import_one(store: &Store, name: &str) {
    let mut host = testing::host(name, 200);
    host.token = None;
    import(store, &[host]).await.unwrap();
}

/// Fills a store with something in each table, and in one of them more than a page.
pub(super) async fn fill(store: &Store) {
    let view = KeptView { name: "broken".into(), query: "?state=failed".into() };
    store.keep_view(&"alice".parse().unwrap(), &view).await.unwrap();
    let mut full = testing::full_host();
    full.name = name("full-01");
    full.token = Some("another-token-0123456789".parse().unwrap());
    import(store, &[testing::host("web-01", 1), full]).await.unwrap();
    for number in 1..=3_u8 {
        let host = store.host(&name("web-01")).await.unwrap().unwrap();
        let id = AttemptId::from_bits(number.into());
        let mut change = change(&host, State::Installing { attempt: id, tries: 1, deadline: NOW });
        let secret = Digest::of(&[number]);
        change.begins = Some(NewAttempt { id, secret, profile: "kali".into(), due: NOW });
        change.ends = Some(Outcome::Superseded);
        change.note = "no disk".into();
        store.commit(&change).await.unwrap();
        assert!(store.release_answer(id, "preseed.cfg", 1).await.unwrap());
        let id = Digest::of(&[number]);
        assert!(store.record_discovered(&id, NOW, "192.0.2.9", "{}").await.unwrap());
    }
    for _ in 0..1100 {
        store.record_boot(boot(NOW));
    }
    store.boots.close().await;
    fill_accounts(store).await;
}

async fn fill_accounts(store: &Store) {
    let root = Actor::person("root");
    let (times, web) = ((NOW, NOW.after(Seconds::new(9))), name("web-01"));
    store.request_arm(&web, &State::Installed, &root, times, &[]).await.unwrap();
    let note = Note {
        at: NOW,
        actor: &root,
        host: "",
        event: "add",
        detail: "",
        result: AuditResult::Done,
    };
    let account = Account {
        name: "alice".parse().unwrap(),
        password: Some("$argon2id$".into()),
        one_time: false,
        disabled: false,
        grants: "viewer".parse().unwrap(),
        created: NOW,
    };
    store.save_account(&account, &note).await.unwrap();
    let token = crate::auth::token::ApiToken::random().unwrap();
    let stored = StoredToken {
        id: token.id().clone(),
        owner: account.name.clone(),
        label: "ci".into(),
        grants: account.grants.clone(),
        created: NOW,
        expires: NOW,
    };
    store.save_token(&stored, &token.digest(), &note).await.unwrap();
    let session = StoredSession {
        id: stored.id.clone(),
        owner: stored.owner.clone(),
        created: NOW,
        seen: NOW,
        expires: NOW,
    };
    store.save_session(&session, &Digest::of(b"session")).await.unwrap();
    store.count_try("user:alice", NOW, |_| None).await.unwrap();
    let (id, request) = (Digest::of(b"id"), Digest::of(b"request"));
    store.claim_reply(&id, &request, NOW).await.unwrap();
}

fn boot(at: Timestamp) -> BootRow {
    BootRow {
        at,
        host: name("web-01"),
        action: "local",
        peer: "192.0.2.9".into(),
        facts: "{}".into(),
    }
}

async fn a_database_is_opened_again_as_it_was_left<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    import(&store, &[testing::host("web-01", 1)]).await.unwrap();
    store.close().await;
    let store = fresh.open().await;
    store.ping().await.unwrap();
    let found = store.host(&name("web-01")).await.unwrap().unwrap();
    assert_eq!((found.state, found.generation, found.created), (State::New, 1, NOW));
}

async fn hosts_are_imported_once_and_updated<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let mut hosts = vec![testing::host("web-01", 1), testing::full_host()];
    hosts[1].name = name("web-02");
    hosts[1].token = Some("another-token-0123456789".parse().unwrap());
    let first = import(&store, &hosts).await.unwrap();
    assert_eq!((first.added.len(), first.updated.len(), first.unchanged), (2, 0, 0));
    let again = import(&store, &hosts).await.unwrap();
    assert_eq!((again.added.len(), again.updated.len(), again.unchanged), (0, 0, 2));
    hosts[1].serial = Some("other".parse().unwrap());
    let third = import(&store, &hosts).await.unwrap();
    assert_eq!(third.updated, [name("web-02")]);
    let found = store.host(&name("web-02")).await.unwrap().unwrap();
    assert_eq!((found.generation, found.host.serial), (2, hosts[1].serial.clone()));
    let listed = store.hosts(None, 1).await.unwrap();
    assert_eq!(listed[0].host.name, name("web-01"));
    let rest = store.hosts(Some(&name("web-01")), 10).await.unwrap();
    assert_eq!(rest.len(), 1);
}

async fn an_import_is_all_or_nothing<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let one = testing::host("web-01", 1);
    let mut same_token = testing::host("web-02", 2);
    same_token.token = one.token.clone();
    let error = import(&store, &[one.clone(), same_token]).await.unwrap_err();
    assert!(matches!(error, DbError::Taken { what: "token", .. }), "{error}");
    let same_mac = testing::host("web-03", 1);
    let error = import(&store, &[one, same_mac]).await.unwrap_err();
    assert!(matches!(error, DbError::Taken { what: "MAC address", .. }), "{error}");
    assert!(store.hosts(None, 10).await.unwrap().is_empty());
    assert_eq!(store.verify_audit().await.unwrap(), Ok(0));
}

async fn hosts_are_found_by_what_they_prove<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let (one, two) = (testing::host("web-02", 2), testing::full_host());
    import(&store, &[one.clone(), two.clone()]).await.unwrap();
    let digest = Digest::of_token(one.token.as_ref().unwrap());
    let by_token = store.host_by_token(&digest).await.unwrap().unwrap();
    assert_eq!(by_token.host.name, one.name);
    assert!(store.host_by_token(&Digest::of(b"other")).await.unwrap().is_none());
    let by_mac = store.host_by_ids(one.nics[0].mac, None).await.unwrap().unwrap();
    assert_eq!(by_mac.host.name, one.name);
    let by_uuid = store.host_by_ids(None, two.uuid).await.unwrap().unwrap();
    assert_eq!(by_uuid.host.name, two.name);
    let both = store.host_by_ids(one.nics[0].mac, two.uuid).await.unwrap();
    assert!(both.is_none(), "a machine that is two hosts is none");
    assert!(store.host_by_ids(None, None).await.unwrap().is_none());
}

async fn every_state_reads_back<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    import(&store, &[testing::host("web-01", 1)]).await.unwrap();
    let (attempt, until) = (AttemptId::from_bits(u128::MAX), NOW.after(Seconds::new(9)));
    for state in [
        State::Armed { until },
        State::Installing { attempt, tries: 255, deadline: until },
        State::Failed { attempt, tries: 1 },
        State::Stalled { attempt, tries: 2 },
        State::Held,
        State::Installed,
        State::New,
    ] {
        let host = store.host(&name("web-01")).await.unwrap().unwrap();
        assert_eq!(store.commit(&change(&host, state)).await.unwrap(), Committed::Done);
        let back = store.host(&name("web-01")).await.unwrap().unwrap();
        assert_eq!((back.state, back.generation), (state, host.generation + 1));
    }
}

async fn a_change_needs_the_generation_it_saw<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    import(&store, &[testing::host("web-01", 1)]).await.unwrap();
    let host = store.host(&name("web-01")).await.unwrap().unwrap();
    let first = change(&host, State::Held);
    assert_eq!(store.commit(&first).await.unwrap(), Committed::Done);
    assert_eq!(store.commit(&first).await.unwrap(), Committed::Stale);
    let rows = store.audit(0, 10).await.unwrap();
    let told: Vec<_> = rows.iter().map(|r| (r.event.as_str(), r.became.as_str())).collect();
    assert_eq!(told, [("import", "new"), ("test", "held")], "what was not done is not audited");
}

async fn of_many_writers_one_wins<K>(fresh: &Fresh<K>) {
    let store = Arc::new(fresh.open().await);
    import(&store, &[testing::host("web-01", 1)]).await.unwrap();
    let host = store.host(&name("web-01")).await.unwrap().unwrap();
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..50 {
        let (store, host) = (Arc::clone(&store), host.clone());
        racers.spawn(async move {
            let id = AttemptId::from_bits(racer);
            let mut change =
                change(&host, State::Installing { attempt: id, tries: 1, deadline: NOW });
            let secret = Digest::of(&racer.to_be_bytes());
            change.begins = Some(NewAttempt { id, secret, profile: "kali".into(), due: NOW });
            store.commit(&change).await.unwrap()
        });
    }
    let won = racers.join_all().await.into_iter().filter(|c| *c == Committed::Done).count();
    assert_eq!(won, 1);
    assert_eq!(store.verify_audit().await.unwrap(), Ok(2));
    let mut attempts = 0;
    for racer in 0..50u128 {
        let secret = Digest::of(&racer.to_be_bytes());
        attempts += usize::from(store.attempt_by_secret(&secret).await.unwrap().is_some());
    }
    assert_eq!(attempts, 1);
}

async fn an_answer_is_released_as_often_as_allowed<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    import(&store, &[testing::host("web-01", 1)]).await.unwrap();
    let host = store.host(&name("web-01")).await.unwrap().unwrap();
    let (id, secret) = (AttemptId::from_bits(7), Digest::of(b"secret"));
    let mut begin = change(&host, State::Installing { attempt: id, tries: 1, deadline: NOW });
    begin.begins =
        Some(NewAttempt { id, secret: secret.clone(), profile: "kali".into(), due: NOW });
    store.commit(&begin).await.unwrap();
    assert!(store.release_answer(id, "preseed.cfg", 1).await.unwrap());
    assert!(!store.release_answer(id, "preseed.cfg", 1).await.unwrap());
    assert!(store.release_answer(id, "preseed.cfg", 2).await.unwrap());
    assert!(store.release_answer(id, "other.cfg", 1).await.unwrap());
    let host = store.host(&name("web-01")).await.unwrap().unwrap();
    let mut end = change(&host, State::Installed);
    end.ends = Some(Outcome::Done);
    store.commit(&end).await.unwrap();
    let attempt = store.attempt_by_secret(&secret).await.unwrap().unwrap();
    assert_eq!((attempt.id, attempt.outcome), (id, Some(Outcome::Done)));
}

async fn due_hosts_come_in_the_order_of_their_times<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    for (number, late) in [(1, 30), (2, 10), (3, 20)] {
        let host = testing::host(&format!("web-0{number}"), number);
        import(&store, std::slice::from_ref(&host)).await.unwrap();
        let host = store.host(&host.name).await.unwrap().unwrap();
        let until = NOW.after(Seconds::new(late));
        store.commit(&change(&host, State::Armed { until })).await.unwrap();
    }
    let due = store.due(NOW.after(Seconds::new(20)), 10).await.unwrap();
    let names: Vec<_> = due.iter().map(|host| host.host.name.as_str()).collect();
    assert_eq!(names, ["web-02", "web-03"]);
}

async fn logs_are_kept_and_forgotten<K>(fresh: &Fresh<K>) {
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

async fn the_audit_chain_shows_what_was_touched<K>(fresh: &Fresh<K>) {
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
    }
    tx.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 3", []).await.unwrap();
    tx.commit().await.unwrap();
    let broken = store.verify_audit().await.unwrap().unwrap_err();
    assert_eq!(broken.seq, 3);
}

async fn a_host_is_edited_by_who_saw_its_generation<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let (root, mut host) = (Actor::person("root"), testing::host("web-01", 1));
    let token = Digest::of_token(host.token.as_ref().unwrap());
    store.add_host(&host, &token, &root, NOW).await.unwrap();
    let taken = store.add_host(&host, &token, &root, NOW).await.unwrap_err();
    assert!(matches!(taken, DbError::Taken { what: "name", .. }), "{taken}");
    host.serial = Some("SN1".parse().unwrap());
    let replace =
        async |generation| store.replace_host(&host, None, generation, &root, NOW).await.unwrap();
    assert_eq!(replace(1).await, Committed::Done);
    assert_eq!(replace(1).await, Committed::Stale);
    let found = store.host_by_token(&token).await.unwrap().unwrap();
    assert_eq!((found.generation, &found.host.serial), (2, &host.serial), "the token stays");
    let id = AttemptId::from_bits(1);
    let mut begin = change(&found, State::Installing { attempt: id, tries: 1, deadline: NOW });
    let new = NewAttempt { id, secret: Digest::of(b"s"), profile: "kali".into(), due: NOW };
    begin.begins = Some(new);
    store.commit(&begin).await.unwrap();
    assert!(store.release_answer(id, "preseed.cfg", 1).await.unwrap());
    let times = (NOW, NOW.after(Seconds::new(9)));
    let asked = store.request_arm(&host.name, &State::Installed, &root, times, &[]).await.unwrap();
    assert_eq!(asked, None);
    let remove =
        async |generation| store.remove_host(&host.name, generation, &root, NOW).await.unwrap();
    assert_eq!(remove(2).await, Committed::Stale);
    assert_eq!(remove(3).await, Committed::Done);
    assert!(store.host(&host.name).await.unwrap().is_none());
    assert!(store.attempt_by_secret(&Digest::of(b"s")).await.unwrap().is_none());
    assert_eq!(store.arm_request(&host.name).await.unwrap(), None);
    assert_eq!(store.verify_audit().await.unwrap(), Ok(5));
}

async fn accounts_and_tokens_are_kept_and_end<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let root = Actor::person("root");
    let note = |event| Note {
        at: NOW,
        actor: &root,
        host: "",
        event,
        detail: "",
        result: AuditResult::Done,
    };
    let mut account = Account {
        name: "alice".parse().unwrap(),
        password: Some("$argon2id$".into()),
        one_time: true,
        disabled: false,
        grants: "viewer,reimager@site:berlin".parse().unwrap(),
        created: NOW,
    };
    store.save_account(&account, &note("add")).await.unwrap();
    account.disabled = true;
    account.password = None;
    store.save_account(&account, &note("change")).await.unwrap();
    let back = store.account(&account.name).await.unwrap().unwrap();
    assert!(back.disabled && back.one_time && back.password.is_none());
    assert_eq!(back.grants, account.grants);
    let token = crate::auth::token::ApiToken::random().unwrap();
    let stored = StoredToken {
        id: token.id().clone(),
        owner: account.name.clone(),
        label: "ci".into(),
        grants: account.grants.clone(),
        created: NOW,
        expires: NOW,
    };
    store.save_token(&stored, &token.digest(), &note("token")).await.unwrap();
    let (found, owner) = store.token(&token.digest()).await.unwrap().unwrap();
    assert_eq!((found.id, owner.name), (stored.id.clone(), account.name.clone()));
    assert!(store.token(&Digest::of(b"other")).await.unwrap().is_none());
    assert!(store.remove_token(&stored.id, &note("revoke")).await.unwrap());
    assert!(!store.remove_token(&stored.id, &note("again")).await.unwrap());
    store.save_token(&stored, &token.digest(), &note("token")).await.unwrap();
    store.forget_accounts(NOW.after(Seconds::new(1))).await.unwrap();
    assert!(store.tokens().await.unwrap().is_empty(), "it ended");
    store.save_token(&stored, &token.digest(), &note("token")).await.unwrap();
    assert!(store.remove_account(&account.name, &note("remove")).await.unwrap());
    assert!(store.accounts().await.unwrap().is_empty());
    assert_eq!(store.verify_audit().await.unwrap(), Ok(7), "what was not done is not audited");
}

async fn sessions_are_kept_and_end<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let root = Actor::person("root");
    let note = |event| Note {
        at: NOW,
        actor: &root,
        host: "",
        event,
        detail: "",
        result: AuditResult::Done,
    };
    let account = Account {
        name: "alice".parse().unwrap(),
        password: Some("$argon2id$".into()),
        one_time: false,
        disabled: false,
        grants: "viewer".parse().unwrap(),
        created: NOW,
    };
    store.save_account(&account, &note("add")).await.unwrap();
    let (id, digest) =
        (crate::auth::token::TokenId::parse("0123456789abcdef").unwrap(), Digest::of(b"s"));
    let session = StoredSession {
        id: id.clone(),
        owner: account.name.clone(),
        created: NOW,
        seen: NOW,
        expires: NOW.after(Seconds::new(100)),
    };
    store.save_session(&session, &digest).await.unwrap();
    store.touch_session(&id, NOW.after(Seconds::new(7))).await.unwrap();
    let (found, owner) = store.session(&digest).await.unwrap().unwrap();
    assert_eq!((found.seen, owner.name), (NOW.after(Seconds::new(7)), account.name.clone()));
    assert!(store.session(&Digest::of(b"other")).await.unwrap().is_none());
    assert!(store.remove_session(&id, &note("out")).await.unwrap());
    assert!(!store.remove_session(&id, &note("again")).await.unwrap());
    store.save_session(&session, &digest).await.unwrap();
    store.remove_sessions_of(&account.name).await.unwrap();
    assert!(store.session(&digest).await.unwrap().is_none());
    store.save_session(&session, &digest).await.unwrap();
    store.forget_accounts(NOW.after(Seconds::new(101))).await.unwrap();
    assert!(store.session(&digest).await.unwrap().is_none(), "it ended");
    store.save_session(&session, &digest).await.unwrap();
    assert!(store.remove_account(&account.name, &note("remove")).await.unwrap());
}

async fn views_are_their_owners_alone<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let (alice, bob) = ("alice".parse().unwrap(), "bob".parse().unwrap());
    let view =
        |name: &str, query: &str| KeptView { name: name.to_owned(), query: query.to_owned() };
    store.keep_view(&alice, &view("Übrige", "?state=failed")).await.unwrap();
    store.keep_view(&alice, &view("broken", "?state=failed")).await.unwrap();
    store.keep_view(&bob, &view("broken", "?site=paris")).await.unwrap();
    store.keep_view(&alice, &view("broken", "?state=stalled")).await.unwrap();
    let mut kept = store.views(&alice).await.unwrap();
    kept.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(kept, [view("broken", "?state=stalled"), view("Übrige", "?state=failed")]);
    store.forget_view(&alice, "broken").await.unwrap();
    assert_eq!(store.views(&alice).await.unwrap().len(), 1);
    assert_eq!(store.views(&bob).await.unwrap(), [view("broken", "?site=paris")]);
}

async fn the_audit_log_is_read_by_host_and_by_filter<K>(fresh: &Fresh<K>) {
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

async fn tries_are_counted_until_they_are_blocked<K>(fresh: &Fresh<K>) {
    let store = Arc::new(fresh.open().await);
    let pause = |tries| (tries >= 3).then(|| Seconds::new(10));
    let count = async |at| store.count_try("user:a", at, pause).await.unwrap();
    for _ in 0..3 {
        assert_eq!(count(NOW).await, None);
    }
    let until = NOW.after(Seconds::new(10));
    assert_eq!(count(NOW).await, Some(until));
    assert_eq!(count(until).await, None, "time frees it");
    store.forget_tries("user:a").await.unwrap();
    assert_eq!(count(NOW).await, None);
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let store = Arc::clone(&store);
        racers.spawn(async move { store.count_try("user:b", NOW, pause).await.unwrap().is_none() });
    }
    let passed = racers.join_all().await.into_iter().filter(|free| *free).count();
    assert_eq!(passed, 3, "no two read the same count");
}

async fn a_change_with_a_key_is_claimed_once<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let (id, one, other) = (Digest::of(b"id"), Digest::of(b"one"), Digest::of(b"other"));
    let claim = async |request| store.claim_reply(&id, request, NOW).await.unwrap();
    assert_eq!(claim(&one).await, Reply::New);
    assert_eq!(claim(&one).await, Reply::Running);
    store.drop_reply(&id).await.unwrap();
    assert_eq!(claim(&one).await, Reply::New);
    store.keep_reply(&id, 200, "{}").await.unwrap();
    assert_eq!(claim(&one).await, Reply::Done(200, "{}".into()));
    assert_eq!(claim(&other).await, Reply::Other);
}

async fn a_row_with_a_request_is_part_of_the_chain<K>(fresh: &Fresh<K>) {
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
    }
    tx.execute("UPDATE audit SET result = 'done' WHERE seq = 2", []).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap().unwrap_err().seq, 2);
}

//! What the tests write, and how they write it.

use super::*;
use crate::{auth::sessions::Turns, mark::Seen};

/// What is kept of a token.
pub(crate) fn kept(token: &Token) -> KeptToken {
    KeptToken { digest: Digest::of_token(token), sealed: None }
}

/// A host as it is imported by who sees it as it is now.
pub(crate) async fn wanted<'h>(store: &Store, host: &'h Host) -> Wanted<'h> {
    let seen = store.host(&host.name).await.unwrap().map(|stored| stored.generation);
    Wanted { host, token: host.token.as_ref().map(kept), seen }
}

pub(crate) async fn import(store: &Store, hosts: &[Host]) -> Result<Imported, DbError> {
    let mut all = Vec::new();
    for host in hosts {
        all.push(wanted(store, host).await);
    }
    store.import(&all, &Actor::person("root"), NOW).await
}

pub(crate) fn name(text: &str) -> HostName {
    text.parse().unwrap()
}

pub(crate) fn change(host: &StoredHost, becomes: State) -> Change<'_> {
    Change {
        host: &host.host.name,
        generation: host.generation,
        was: host.state,
        becomes,
        event: "test",
        actor: Actor::machine(&Trace::default()),
        at: NOW,
        begins: None,
        ends: None,
        note: String::new(),
        boot: None,
    }
}

/// Whether an answer file of web-01 is released once more.
pub(crate) async fn release(store: &Store, id: AttemptId, file: &str, most: i64) -> bool {
    let note = Note {
        at: NOW,
        actor: &Actor::machine(&Trace::default()),
        host: "web-01",
        event: "answer",
        detail: file,
        result: AuditResult::Done,
    };
    store.release_answer(id, file, most, &note).await.unwrap()
}

/// Imports one host.
pub(crate) async fn import_one(store: &Store, name: &str) {
    let mut host = testing::host(name, 200);
    host.token = None;
    import(store, &[host]).await.unwrap();
}

/// Fills a store with something in each table, and in one of them more than a page.
pub(crate) async fn fill(store: &Store) {
    let mut full = testing::full_host();
    full.name = name("full-01");
    full.token = Some("another-token-0123456789".parse().unwrap());
    import(store, &[testing::host("web-01", 1)]).await.unwrap();
    let mut wanted = wanted(store, &full).await;
    wanted.token.as_mut().unwrap().sealed = Some("sealed-token".into());
    store.import(&[wanted], &Actor::person("root"), NOW).await.unwrap();
    // It was not new: what it was known by is remembered.
    let full = store.host(&name("full-01")).await.unwrap().unwrap();
    store.commit(&change(&full, State::Installed)).await.unwrap();
    let mut full = full.host;
    full.serial = Some("other".parse().unwrap());
    import(store, &[full]).await.unwrap();
    for number in 1..=3_u8 {
        let host = store.host(&name("web-01")).await.unwrap().unwrap();
        let id = AttemptId::from_bits(number.into());
        let mut change = change(&host, State::Installing { attempt: id, tries: 1, deadline: NOW });
        let secret = Digest::of(&[number]);
        change.begins =
            Some(NewAttempt { id, secret, profile: "kali".into(), version: 7, due: NOW });
        change.ends = Some(Outcome::Superseded);
        change.note = "no disk".into();
        store.commit(&change).await.unwrap();
        assert!(release(store, id, "preseed.cfg", 1).await);
        let id = Digest::of(&[number]);
        assert!(store.record_discovered(&id, NOW, "192.0.2.9", "{}").await.unwrap());
    }
    for _ in 0..1100 {
        store.record_boot(boot(NOW));
    }
    store.boots.close().await;
    fill_accounts(store).await;
}

impl Store {
    /// Makes an account, or makes the one of that name what this one is.
    pub(crate) async fn save_account(
        &self,
        account: &Account,
        note: &Note<'_>,
    ) -> Result<(), DbError> {
        let mut locked = self.lock_accounts().await?;
        if locked.account(&account.name).await?.is_none() {
            return locked.add(account, note).await;
        }
        let (grants, disabled) = (Some(&account.grants), Some(account.disabled));
        locked.change(&account.name, grants, disabled, note).await
    }
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
        directory: None,
        factor: false,
    };
    store.save_account(&account, &note).await.unwrap();
    people::fill(store, &account, &note).await;
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
        turns: Turns::begin(Digest::of(b"turn"), NOW),
    };
    store.save_session(&session, &Digest::of(b"session")).await.unwrap();
    let (turn, next) = (&session.turns.turn, Digest::of(b"next"));
    assert!(store.offer_turn(&session.id, (turn, &next), NOW, NOW).await.unwrap());
    store.count_try("user:alice", NOW, |_| None).await.unwrap();
    let (id, request) = (Digest::of(b"id"), Digest::of(b"request"));
    store.claim_reply(&id, &request, NOW).await.unwrap();
    store.begin_webhook("chat").await.unwrap();
    profiles::publish(store, "debian", 0, "{\"profile.toml\":\"'ä\"}").await;
    let view = KeptView { name: "broken".into(), query: "?state=failed".into() };
    store.keep_view(&account.name, &view).await.unwrap();
    let secret = secrets::sealed("", "root", "sealed");
    assert!(store.set_secret(&secret, &Seen::Nothing, &root).await.unwrap());
}

pub(crate) fn boot(at: Timestamp) -> BootRow {
    BootRow {
        at,
        host: name("web-01"),
        action: "local",
        peer: "192.0.2.9".into(),
        facts: "{}".into(),
    }
}

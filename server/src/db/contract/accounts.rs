//! Accounts, tokens, sessions, and tries to sign in.

use super::*;
use crate::auth::{Grants, UserName, sessions::Turns};

pub(super) async fn accounts_and_tokens_are_kept_and_end<K>(fresh: &Fresh<K>) {
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
        directory: None,
        factor: false,
    };
    store.save_account(&account, &note("add")).await.unwrap();
    let mut locked = store.lock_accounts().await.unwrap();
    assert_eq!(locked.count_tokens(&account.name, NOW).await.unwrap(), 0);
    locked.set_password(&account.name, "$argon2id$2", false, &note("password")).await.unwrap();
    let back = store.account(&account.name).await.unwrap().unwrap();
    assert_eq!((back.password.as_deref(), back.one_time), (Some("$argon2id$2"), false));
    account.disabled = true;
    store.save_account(&account, &note("lock")).await.unwrap();
    let back = store.account(&account.name).await.unwrap().unwrap();
    assert!(back.disabled && !back.one_time);
    assert_eq!(back.password.as_deref(), Some("$argon2id$2"), "nothing else is written");
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
    let begin = (Timestamp::default(), "");
    let ids = async |owner, after| {
        let found = store.tokens_after(owner, after, 1).await.unwrap();
        found.into_iter().map(|token| token.id).collect::<Vec<_>>()
    };
    let behind = (stored.created, stored.id.as_str());
    assert_eq!(ids(None, begin).await, std::slice::from_ref(&stored.id));
    assert_eq!(ids(Some(&account.name), begin).await, std::slice::from_ref(&stored.id));
    assert!(
        ids(None, behind).await.is_empty() && ids(Some(&account.name), behind).await.is_empty()
    );
    assert!(ids(Some(&"bob".parse().unwrap()), begin).await.is_empty());
    store.forget_accounts(NOW.after(Seconds::new(1))).await.unwrap();
    assert!(store.tokens().await.unwrap().is_empty(), "it ended");
    store.save_token(&stored, &token.digest(), &note("token")).await.unwrap();
    assert!(store.remove_account(&account.name, &note("remove")).await.unwrap());
    assert!(store.accounts().await.unwrap().is_empty());
    assert_eq!(store.verify_audit().await.unwrap(), Ok(8), "what was not done is not audited");
}

pub(super) async fn changes_of_accounts_come_one_after_the_other<K>(fresh: &Fresh<K>) {
    let store = Arc::new(fresh.open().await);
    let root = Actor::person("root");
    let (event, result) = ("change", AuditResult::Done);
    let note = Note { at: NOW, actor: &root, host: "", event, detail: "", result };
    let names: Vec<UserName> = (0..6).map(|n| format!("admin-{n}").parse().unwrap()).collect();
    let account = |name: &UserName| Account {
        name: name.clone(),
        password: Some("$argon2id$".into()),
        one_time: false,
        disabled: false,
        grants: "admin".parse().unwrap(),
        created: NOW,
        directory: None,
        factor: false,
    };
    for name in &names {
        store.lock_accounts().await.unwrap().add(&account(name), &note).await.unwrap();
    }
    // Each demotes itself unless it is the last: one stays, however they come.
    let mut racers = tokio::task::JoinSet::new();
    for name in names.clone() {
        let (store, root) = (Arc::clone(&store), root.clone());
        racers.spawn(async move {
            let note = Note { at: NOW, actor: &root, host: "", event, detail: "", result };
            let mut locked = store.lock_accounts().await.unwrap();
            let all = locked.accounts().await.unwrap();
            if all.iter().filter(|one| !one.grants.is_empty()).count() > 1 {
                let none = Grants::default();
                locked.change(&name, Some(&none), None, &note).await.unwrap();
            }
        });
    }
    racers.join_all().await;
    let mut pages = Vec::new();
    let mut after: Option<UserName> = None;
    loop {
        let page = store.accounts_after(after.as_ref(), 4).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.name.clone());
        pages.extend(page.into_iter().map(|account| account.name));
    }
    assert_eq!(pages, names);
    let all = store.accounts().await.unwrap();
    assert_eq!(all.iter().filter(|one| !one.grants.is_empty()).count(), 1, "{all:?}");
    // Each writes only what it changes.
    let (viewer, name) = ("viewer".parse().unwrap(), &names[0]);
    let lock = async || store.lock_accounts().await.unwrap();
    let (one, two, three) = tokio::join!(
        async { lock().await.change(name, Some(&viewer), None, &note).await },
        async { lock().await.change(name, None, Some(true), &note).await },
        async { lock().await.set_password(name, "$new$", true, &note).await },
    );
    [one, two, three].into_iter().collect::<Result<(), _>>().unwrap();
    let found = store.account(name).await.unwrap().unwrap();
    assert_eq!((found.grants, found.disabled, found.one_time), (viewer, true, true));
    assert_eq!(found.password.as_deref(), Some("$new$"));
    assert!(store.verify_audit().await.unwrap().is_ok());
}

pub(super) async fn sessions_are_kept_and_end<K>(fresh: &Fresh<K>) {
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
        directory: None,
        factor: false,
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
        turns: Turns::begin(Digest::of(b"turn"), NOW),
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

pub(super) async fn a_session_goes_from_key_to_key<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let root = Actor::person("root");
    let (event, result) = ("add", AuditResult::Done);
    let note = Note { at: NOW, actor: &root, host: "", event, detail: "", result };
    let account = people::carol();
    store.save_account(&account, &note).await.unwrap();
    let [a, b, c] = [b"a", b"b", b"c"].map(|key| Digest::of(key));
    let at = |seconds| NOW.after(Seconds::new(seconds));
    let session = StoredSession {
        id: crate::auth::token::TokenId::parse("0123456789abcdef").unwrap(),
        owner: account.name,
        created: NOW,
        seen: NOW,
        expires: at(1000),
        turns: Turns::begin(a.clone(), NOW),
    };
    let (id, digest) = (&session.id, Digest::of(b"s"));
    store.save_session(&session, &digest).await.unwrap();
    let turns = async || store.session(&digest).await.unwrap().unwrap().0.turns;
    assert_eq!(turns().await, session.turns);
    assert!(!store.offer_turn(id, (&c, &b), at(5), NOW).await.unwrap(), "it does not count");
    assert!(store.offer_turn(id, (&a, &b), at(5), NOW).await.unwrap());
    assert!(!store.offer_turn(id, (&a, &c), at(6), at(4)).await.unwrap(), "one is under way");
    store.turn_session(id, &c, at(7)).await.unwrap();
    let offered = Turns { coming: Some(b.clone()), offered: at(5), ..session.turns.clone() };
    assert_eq!(turns().await, offered, "what was not offered follows nothing");
    for seconds in [8, 9] {
        store.turn_session(id, &b, at(seconds)).await.unwrap();
        let now = turns().await;
        assert_eq!((&now.turn, now.turned, &now.coming), (&b, at(8), &None), "once");
        assert_eq!(now.former, Some(a.clone()));
    }
    assert!(!store.offer_turn(id, (&a, &c), at(10), at(10)).await.unwrap(), "it counts no more");
    assert!(store.offer_turn(id, (&b, &a), at(10), at(10)).await.unwrap());
    assert!(store.offer_turn(id, (&b, &c), at(11), at(10)).await.unwrap(), "in its place");
    assert_eq!(turns().await.coming, Some(c));
}

pub(super) async fn tries_are_counted_until_they_are_blocked<K>(fresh: &Fresh<K>) {
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

pub(super) async fn views_are_their_owners_alone<K>(fresh: &Fresh<K>) {
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

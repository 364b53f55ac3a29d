//! Accounts, tokens, sessions, and tries to sign in.

use super::*;

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
    let change = async |old, new| {
        store.change_password(&account.name, (old, new), &note("password")).await.unwrap()
    };
    assert!(change("$argon2id$", "$argon2id$2").await);
    assert!(!change("$argon2id$", "$argon2id$3").await, "it has another one");
    let back = store.account(&account.name).await.unwrap().unwrap();
    assert_eq!((back.password.as_deref(), back.one_time), (Some("$argon2id$2"), false));
    account.disabled = true;
    store.save_account(&account, &note("lock")).await.unwrap();
    let noted = note("password");
    let locked = store.change_password(&account.name, ("$argon2id$", "x"), &noted).await;
    assert!(!locked.unwrap(), "it is locked");
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
    assert_eq!(store.verify_audit().await.unwrap(), Ok(9), "what was not done is not audited");
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

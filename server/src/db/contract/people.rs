//! Accounts of a directory or provider, and second factors.

use super::{Fresh, NOW};
use crate::{
    auth::{
        UserName, factor::FactorNumber, ldap::PersonId, refresh::Sealed, sessions::Turns,
        token::TokenId,
    },
    db::{Account, Actor, AuditResult, InDirectory, Note, Realm, Store, StoredFlow, StoredSession},
    secret::Digest,
    time::Seconds,
};

fn id(digit: &str) -> PersonId {
    PersonId::parse(&digit.repeat(32)).unwrap()
}

fn number(digit: &str) -> FactorNumber {
    FactorNumber::parse(&digit.repeat(32)).unwrap()
}

/// Puts something into each table of these.
pub(super) async fn fill(store: &Store, local: &Account, note: &Note<'_>) {
    let directory = Some(InDirectory::of(Realm::Directory, id("a"), NOW));
    let name = "carol@ad.test".parse().unwrap();
    let carol = Account { name, password: None, directory, ..local.clone() };
    store.save_account(&carol, note).await.unwrap();
    assert!(store.offer_factor(&local.name, &number("1")).await.unwrap());
    assert!(store.begin_flow(&Digest::of(b"flow"), &flow(), 9, NOW).await.unwrap());
}

fn flow() -> StoredFlow {
    StoredFlow { next: "/fleet?q=a".into(), earlier: None, expires: NOW.after(Seconds::new(10)) }
}

pub(super) async fn a_sign_in_under_way_ends_once_and_in_time<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let session = TokenId::parse("0123456789abcdef").unwrap();
    let flow = StoredFlow { earlier: Some(session), ..flow() };
    let [one, two, three] = [b"1", b"2", b"3"].map(|name| Digest::of(name));
    let later = flow.expires;
    assert!(store.begin_flow(&one, &flow, 2, NOW).await.unwrap());
    assert!(store.begin_flow(&two, &flow, 2, NOW).await.unwrap());
    assert!(!store.begin_flow(&three, &flow, 2, NOW).await.unwrap(), "no more than two");
    assert_eq!(store.end_flow(&one, NOW).await.unwrap(), Some(flow.clone()));
    assert_eq!(store.end_flow(&one, NOW).await.unwrap(), None, "once");
    assert_eq!(store.end_flow(&two, later).await.unwrap(), None, "too late");
    assert!(store.begin_flow(&one, &flow, 1, NOW).await.unwrap(), "the late one is gone");
    let lasting = StoredFlow { expires: later.after(Seconds::new(10)), ..flow };
    assert!(store.begin_flow(&two, &lasting, 1, later).await.unwrap(), "what is over counts not");
}

pub(super) async fn people_of_a_provider_are_asked_about_by_one_replica<K>(fresh: &Fresh<K>) {
    let (store, root) = (fresh.open().await, Actor::person("root"));
    let (event, result) = ("add", AuditResult::Done);
    let note = Note { at: NOW, actor: &root, host: "", event, detail: "", result };
    let place = InDirectory::of(Realm::Openid, id("a"), NOW);
    let eve = Account { directory: Some(place.clone()), ..carol() };
    store.save_account(&eve, &note).await.unwrap();
    let later = NOW.after(Seconds::new(100));
    let session = StoredSession {
        id: TokenId::parse("0123456789abcdef").unwrap(),
        owner: eve.name.clone(),
        created: NOW,
        seen: NOW,
        expires: later,
        turns: Turns::begin(Digest::of(b"turn"), NOW),
    };
    store.save_session(&session, &Digest::of(b"s")).await.unwrap();
    let due = async |realm| store.unchecked(realm, later, later, 10).await.unwrap().len();
    assert_eq!(due(Realm::Openid).await, 0, "there is nothing to ask with");
    let sealed = Sealed::stored("sealed".into());
    store.keep_refresh(&id("a"), Some(&sealed)).await.unwrap();
    assert_eq!((due(Realm::Openid).await, due(Realm::Directory).await), (1, 0));
    let found = store.account(&eve.name).await.unwrap().unwrap();
    assert_eq!(found.directory, Some(InDirectory { refresh: Some(sealed.clone()), ..place }));
    // Whoever saves the account leaves it.
    store.save_account(&found, &note).await.unwrap();
    assert!(store.claim_person(&id("a"), later).await.unwrap());
    assert!(!store.claim_person(&id("a"), later).await.unwrap(), "another one is asking");
    assert!(store.claim_person(&id("a"), later.after(Seconds::new(60))).await.unwrap());
    assert!(store.claim_person(&id("a"), NOW).await.unwrap(), "a clock was wrong");
    store.keep_refresh(&id("a"), Some(&sealed)).await.unwrap();
    assert!(store.claim_person(&id("a"), later).await.unwrap(), "the claim was over");
    store.forget_accounts(NOW).await.unwrap();
    assert_eq!(due(Realm::Openid).await, 1, "there is a session yet");
    store.remove_sessions_of(&eve.name).await.unwrap();
    store.forget_accounts(NOW).await.unwrap();
    let found = store.account(&eve.name).await.unwrap().unwrap();
    assert_eq!(found.directory.unwrap().refresh, None);
}

pub(super) fn carol() -> Account {
    Account {
        name: "carol@ad.test".parse().unwrap(),
        password: None,
        one_time: false,
        disabled: false,
        grants: "viewer".parse().unwrap(),
        created: NOW,
        directory: Some(InDirectory::of(Realm::Directory, id("a"), NOW)),
        factor: false,
    }
}

pub(super) async fn people_of_a_directory_are_found_and_looked_up_again<K>(fresh: &Fresh<K>) {
    let (store, root) = (fresh.open().await, Actor::person("root"));
    let (event, result) = ("add", AuditResult::Done);
    let note = Note { at: NOW, actor: &root, host: "", event, detail: "", result };
    let carol = carol();
    store.save_account(&carol, &note).await.unwrap();
    let found = store.account_in_directory(&id("a")).await.unwrap().unwrap();
    assert_eq!((found.name, found.directory), (carol.name.clone(), carol.directory.clone()));
    assert!(store.account_in_directory(&id("b")).await.unwrap().is_none());
    // Nobody is looked up who can do nothing anyway.
    let later = NOW.after(Seconds::new(10));
    assert!(store.unchecked(Realm::Directory, later, later, 10).await.unwrap().is_empty());
    let session = StoredSession {
        id: crate::auth::token::TokenId::parse("0123456789abcdef").unwrap(),
        owner: carol.name.clone(),
        created: NOW,
        seen: NOW,
        expires: later,
        turns: Turns::begin(Digest::of(b"turn"), NOW),
    };
    store.save_session(&session, &Digest::of(b"s")).await.unwrap();
    assert_eq!(
        store.unchecked(Realm::Directory, later, later, 10).await.unwrap()[0].name,
        carol.name
    );
    assert!(
        store.unchecked(Realm::Directory, NOW, NOW, 10).await.unwrap().is_empty(),
        "it was asked then"
    );
    store.mark_checked(&id("a"), later).await.unwrap();
    assert!(store.unchecked(Realm::Directory, later, later, 10).await.unwrap().is_empty());
    let (_, owner) = store.session(&Digest::of(b"s")).await.unwrap().unwrap();
    assert_eq!(owner.directory.unwrap().checked, later);
    assert_eq!(
        store.unchecked(Realm::Directory, NOW, NOW, 10).await.unwrap().len(),
        1,
        "a clock was wrong"
    );
    let mut locked = carol.clone();
    locked.disabled = true;
    store.save_account(&locked, &note).await.unwrap();
    let grants = "editor".parse().unwrap();
    store.regrant(&id("a"), &grants, later, &note).await.unwrap();
    let found = store.account(&carol.name).await.unwrap().unwrap();
    assert_eq!((found.disabled, found.grants), (true, grants), "a lock stays");
    // The id is one account's.
    let second = Account { name: "eve@ad.test".parse().unwrap(), ..carol.clone() };
    assert!(store.save_account(&second, &note).await.is_err());
    assert!(store.remove_account(&carol.name, &note).await.unwrap());
    store.save_account(&second, &note).await.unwrap();
}

pub(super) async fn a_code_of_a_second_factor_is_taken_once<K>(fresh: &Fresh<K>) {
    let (store, root) = (fresh.open().await, Actor::person("root"));
    let (event, result) = ("factor", AuditResult::Done);
    let note = Note { at: NOW, actor: &root, host: "", event, detail: "", result };
    let alice: UserName = "alice".parse().unwrap();
    let account = Account { name: alice.clone(), directory: None, ..carol() };
    store.save_account(&account, &note).await.unwrap();
    let confirm = async |digit| {
        let locked = store.lock_accounts().await.unwrap();
        locked.confirm_factor(&alice, &number(digit), &note).await.unwrap()
    };
    let remove =
        async || store.lock_accounts().await.unwrap().remove_factor(&alice, &note).await.unwrap();
    assert!(store.factor(&alice).await.unwrap().is_none());
    assert!(store.offer_factor(&alice, &number("1")).await.unwrap());
    assert!(store.offer_factor(&alice, &number("2")).await.unwrap(), "not confirmed yet");
    assert!(!store.account(&alice).await.unwrap().unwrap().factor);
    assert!(!store.use_factor(&alice, &number("1"), 7).await.unwrap(), "that one is gone");
    assert!(store.use_factor(&alice, &number("2"), 7).await.unwrap());
    assert!(!store.use_factor(&alice, &number("2"), 7).await.unwrap(), "once");
    assert!(!store.use_factor(&alice, &number("2"), 6).await.unwrap(), "nor an older one");
    assert!(!confirm("1").await);
    assert!(confirm("2").await);
    assert!(!store.offer_factor(&alice, &number("3")).await.unwrap(), "it counts");
    let stored = store.factor(&alice).await.unwrap().unwrap();
    assert_eq!((stored.confirmed, stored.step, stored.number), (true, 7, number("2")));
    assert!(store.account(&alice).await.unwrap().unwrap().factor);
    assert!(remove().await);
    assert!(!remove().await);
    assert!(store.offer_factor(&alice, &number("3")).await.unwrap());
    assert!(store.remove_account(&alice, &note).await.unwrap());
}

//! Accounts of a directory, and second factors.

use super::{Fresh, NOW};
use crate::{
    auth::{UserName, factor::FactorNumber, ldap::PersonId},
    db::{Account, Actor, AuditResult, InDirectory, Note, Realm, Store, StoredSession},
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
}

fn carol() -> Account {
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
    assert!(store.factor(&alice).await.unwrap().is_none());
    assert!(store.offer_factor(&alice, &number("1")).await.unwrap());
    assert!(store.offer_factor(&alice, &number("2")).await.unwrap(), "not confirmed yet");
    assert!(!store.account(&alice).await.unwrap().unwrap().factor);
    assert!(!store.use_factor(&alice, &number("1"), 7).await.unwrap(), "that one is gone");
    assert!(store.use_factor(&alice, &number("2"), 7).await.unwrap());
    assert!(!store.use_factor(&alice, &number("2"), 7).await.unwrap(), "once");
    assert!(!store.use_factor(&alice, &number("2"), 6).await.unwrap(), "nor an older one");
    assert!(!store.confirm_factor(&alice, &number("1"), &note).await.unwrap());
    assert!(store.confirm_factor(&alice, &number("2"), &note).await.unwrap());
    assert!(!store.offer_factor(&alice, &number("3")).await.unwrap(), "it counts");
    let stored = store.factor(&alice).await.unwrap().unwrap();
    assert_eq!((stored.confirmed, stored.step, stored.number), (true, 7, number("2")));
    assert!(store.account(&alice).await.unwrap().unwrap().factor);
    assert!(store.remove_factor(&alice, &note).await.unwrap());
    assert!(!store.remove_factor(&alice, &note).await.unwrap());
    assert!(store.offer_factor(&alice, &number("3")).await.unwrap());
    assert!(store.remove_account(&alice, &note).await.unwrap());
}

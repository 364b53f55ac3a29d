//! Sealed secrets.

use super::*;
use crate::{mark::Seen, seal::Place};

pub(super) fn sealed(place: &str, name: &str, sealed: &str) -> SealedSecret {
    SealedSecret {
        place: place.parse().unwrap(),
        name: name.parse().unwrap(),
        sealed: sealed.into(),
        changed: NOW,
        changed_by: "person:root".into(),
    }
}

pub(super) async fn secrets_are_kept_sealed_by_place_and_go_with_their_host<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let root = Actor::person("root");
    import(&store, &[testing::host("web-01", 1)]).await.unwrap();
    let (everywhere, site, host) = (
        sealed("", "root", "a"),
        sealed("site:berlin", "root", "b"),
        sealed("host:web-01", "root", "c"),
    );
    let other = sealed("host:web-02", "root", "d");
    for secret in [&everywhere, &site, &host, &other, &sealed("", "admin", "e")] {
        assert!(store.set_secret(secret, &Seen::Nothing, &root).await.unwrap());
    }
    let again = SealedSecret { sealed: "f".into(), ..everywhere.clone() };
    let seen = Seen::This(everywhere.mark());
    assert!(!store.set_secret(&again, &Seen::Nothing, &root).await.unwrap(), "there is one");
    assert!(store.set_secret(&again, &seen, &root).await.unwrap());
    assert!(!store.set_secret(&everywhere, &seen, &root).await.unwrap(), "it has changed");
    let names = |secrets: &[SealedSecret]| {
        secrets.iter().map(|one| format!("{}/{}", one.place, one.name)).collect::<Vec<_>>()
    };
    let all = store.all_secrets().await.unwrap();
    let expected = ["/admin", "/root", "host:web-01/root", "host:web-02/root", "site:berlin/root"];
    assert_eq!(names(&all), expected);
    assert_eq!(
        store.secrets_after(&Place::Everywhere, None, 10).await.unwrap().last(),
        Some(&again)
    );
    let first = store.secrets_after(&Place::Everywhere, None, 1).await.unwrap();
    assert_eq!(names(&first), ["/admin"]);
    let rest = store.secrets_after(&Place::Everywhere, Some(&first[0].name), 10).await.unwrap();
    assert_eq!(names(&rest), ["/root"]);
    let berlin = "berlin".parse().unwrap();
    let mut own = store.secrets_for(&name("web-01"), Some(&berlin)).await.unwrap();
    own.sort_by_key(|one| (one.place.to_string(), one.name.to_string()));
    assert_eq!(names(&own), ["/admin", "/root", "host:web-01/root", "site:berlin/root"]);
    let none = store.secrets_for(&name("db-01"), None).await.unwrap();
    assert_eq!(none.len(), 2, "of no site, and no other host's");
    let everywhere_mark = everywhere.mark();
    let stale = [(again.clone(), "g".to_owned()), (everywhere, "g".to_owned())];
    assert!(!store.reseal(&stale, &[], &root, NOW).await.unwrap());
    assert_eq!(
        store.secrets_after(&Place::Everywhere, None, 10).await.unwrap().last(),
        Some(&again)
    );
    assert!(store.reseal(&stale[..1], &[], &root, NOW).await.unwrap());
    let place = Place::Host(name("web-02"));
    let remove =
        async |seen| store.remove_secret((&place, &other.name), &seen, &root, NOW).await.unwrap();
    assert_eq!(remove(Seen::This(everywhere_mark)).await, Removed::Changed);
    assert_eq!(remove(Seen::This(other.mark())).await, Removed::Done);
    assert_eq!(remove(Seen::Anything).await, Removed::Missing);
    let web = store.host(&name("web-01")).await.unwrap().unwrap();
    store.remove_host(&web.host.name, web.generation, &root, NOW).await.unwrap();
    assert_eq!(names(&store.all_secrets().await.unwrap()), ["/admin", "/root", "site:berlin/root"]);
    let rows = store.audit(0, 100).await.unwrap();
    let set: Vec<_> = rows.iter().filter(|row| row.event == "secret-set").collect();
    assert_eq!((set.len(), set[2].host.as_str()), (6, "web-01"));
    assert_eq!(set[1].detail, "root at site:berlin");
    assert!(store.verify_audit().await.unwrap().is_ok());
}

//! Hosts: import, look-up, edits.

use super::*;

pub(super) async fn hosts_are_imported_once_and_updated<K>(fresh: &Fresh<K>) {
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

pub(super) async fn an_import_is_all_or_nothing<K>(fresh: &Fresh<K>) {
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

pub(super) async fn an_import_is_for_the_hosts_that_were_seen<K>(fresh: &Fresh<K>) {
    let (store, root) = (fresh.open().await, Actor::person("root"));
    let old: Vec<_> = (1..=3).map(|n| testing::host(&format!("web-0{n}"), n)).collect();
    import(&store, &old).await.unwrap();
    let mut new = old.clone();
    for host in &mut new[..2] {
        host.serial = Some("SN9".parse().unwrap());
    }
    new.push(testing::host("web-04", 4));
    let mut seen = Vec::new();
    for host in &new {
        seen.push(samples::wanted(&store, host).await);
    }
    // Meanwhile one is armed, one that would stay boots, and one comes that was not there.
    let stored = async |host: &str| store.host(&name(host)).await.unwrap().unwrap();
    let armed = State::Armed { until: NOW };
    store.commit(&change(&stored("web-01").await, armed)).await.unwrap();
    store.commit(&change(&stored("web-03").await, State::Held)).await.unwrap();
    let mut other = new[3].clone();
    other.site = Some("paris".parse().unwrap());
    import(&store, &[other.clone()]).await.unwrap();
    let moved = store.import(&seen, &root, NOW).await.unwrap_err();
    let DbError::Moved(names) = &moved else { panic!("{moved}") };
    assert_eq!(names, &[name("web-01"), name("web-04")], "{moved}");
    assert_eq!(stored("web-02").await.host.serial, None, "nothing was imported");
    assert_eq!(stored("web-04").await.host.site, other.site);
    assert_eq!(stored("web-01").await.state, armed);
    // Who is not there any more has changed, too.
    let web = stored("web-01").await;
    store.remove_host(&web.host.name, web.generation, &root, NOW).await.unwrap();
    let last = store.audit(0, i64::MAX).await.unwrap().pop().unwrap();
    assert_eq!((last.event.as_str(), last.was.as_str()), ("remove", "armed"));
    assert!(last.detail.contains("server: \"http"), "what it was is told: {}", last.detail);
    let moved = store.import(&seen[..1], &root, NOW).await.unwrap_err();
    assert!(matches!(moved, DbError::Moved(_)), "{moved}");
    seen.truncate(3);
    let done = store.import(&seen[1..], &root, NOW).await.unwrap();
    assert_eq!((done.updated, done.unchanged), (vec![name("web-02")], 1));
}

pub(super) async fn a_token_of_a_feed_is_kept_sealed_and_goes_with_its_host<K>(fresh: &Fresh<K>) {
    let (store, root) = (fresh.open().await, Actor::person("root"));
    let host = testing::host("web-01", 1);
    import(&store, std::slice::from_ref(&host)).await.unwrap();
    let kept = async || store.kept_token(&host.name).await.unwrap().unwrap();
    assert_eq!(kept().await, samples::kept(host.token.as_ref().unwrap()));
    assert!(store.sealed_tokens().await.unwrap().is_empty());
    let with = async |sealed: Option<&str>| {
        let mut wanted = samples::wanted(&store, &host).await;
        wanted.token.as_mut().unwrap().sealed = sealed.map(str::to_owned);
        store.import(&[wanted], &root, NOW).await.unwrap()
    };
    assert_eq!(with(Some("one")).await.updated.len(), 1);
    assert_eq!(with(None).await.unchanged, 1, "the seal that is there stays");
    let mut plain = host.clone();
    plain.token = None;
    plain.serial = Some("SN1".parse().unwrap());
    import(&store, &[plain]).await.unwrap();
    let sealed = |sealed: &str| SealedToken { host: host.name.clone(), sealed: sealed.into() };
    assert_eq!(store.sealed_tokens().await.unwrap(), [sealed("one")]);
    assert!(store.reseal(&[], &[(sealed("one"), "two".into())], &root, NOW).await.unwrap());
    assert!(!store.reseal(&[], &[(sealed("one"), "three".into())], &root, NOW).await.unwrap());
    assert_eq!(kept().await.sealed.as_deref(), Some("two"));
    // Another token has nothing of the one before.
    let mut other = host.clone();
    other.token = Some("another-token-0123456789".parse().unwrap());
    import(&store, &[other]).await.unwrap();
    assert_eq!(kept().await.sealed, None);
    let details = store.audit(0, 100).await.unwrap().into_iter().map(|row| row.detail);
    let details: Vec<_> = details.collect();
    assert!(details.iter().any(|detail| detail.contains("kept sealed")), "{details:?}");
}

pub(super) async fn hosts_are_found_by_what_they_prove<K>(fresh: &Fresh<K>) {
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

pub(super) async fn hosts_are_found_by_their_asset_tags_if_one_has_it<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let tag = |text: &str| text.parse().unwrap();
    let mut hosts: Vec<_> = (1..=3).map(|n| testing::host(&format!("web-0{n}"), n)).collect();
    (hosts[0].asset, hosts[1].asset) = (Some(tag("A 1")), Some(tag("B-2")));
    import(&store, &hosts).await.unwrap();
    let found = async |asset: &str| {
        let found = store.host_by_asset(&tag(asset)).await.unwrap();
        found.map(|stored| stored.host.name.to_string())
    };
    assert_eq!(found("A 1").await.as_deref(), Some("web-01"));
    assert_eq!(found("a 1").await, None, "it is another one");
    hosts[2].asset = hosts[0].asset.clone();
    import(&store, &hosts).await.unwrap();
    assert_eq!(found("A 1").await, None, "two have it");
    hosts[0].asset = None;
    import(&store, &hosts).await.unwrap();
    assert_eq!(found("A 1").await.as_deref(), Some("web-03"));
}

/// What the migration does for hosts that were there before it.
pub(super) async fn asset_tags_of_older_hosts_are_known<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let (mut one, two) = (testing::host("web-01", 1), testing::host("web-02", 2));
    one.asset = Some("A 1%".parse().unwrap());
    import(&store, &[one.clone(), two]).await.unwrap();
    let (_, script) = store.engine.migrations().iter().find(|(version, _)| *version == 40).unwrap();
    let update = &script[script.find("UPDATE hosts").unwrap()..];
    let mut tx = store.engine.begin().await.unwrap();
    tx.execute("UPDATE hosts SET asset = 'x'", []).await.unwrap();
    tx.script(update).await.unwrap();
    tx.commit().await.unwrap();
    let found = store.host_by_asset(one.asset.as_ref().unwrap()).await.unwrap().unwrap();
    assert_eq!(found.host.name, one.name);
    assert!(store.host_by_asset(&"x".parse().unwrap()).await.unwrap().is_none());
}

pub(super) async fn due_hosts_come_in_the_order_of_their_times<K>(fresh: &Fresh<K>) {
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

pub(super) async fn a_host_is_edited_by_who_saw_its_generation<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let (root, mut host) = (Actor::person("root"), testing::host("web-01", 1));
    let token = samples::kept(host.token.as_ref().unwrap());
    store.add_host(&host, token.clone(), &root, NOW).await.unwrap();
    let taken = store.add_host(&host, token.clone(), &root, NOW).await.unwrap_err();
    assert!(matches!(taken, DbError::Taken { what: "name", .. }), "{taken}");
    host.serial = Some("SN1".parse().unwrap());
    let replace =
        async |generation| store.replace_host(&host, None, generation, &root, NOW).await.unwrap();
    assert_eq!(replace(1).await, Committed::Done);
    assert_eq!(replace(1).await, Committed::Stale);
    let found = store.host_by_token(&token.digest).await.unwrap().unwrap();
    assert_eq!((found.generation, &found.host.serial), (2, &host.serial), "the token stays");
    let id = AttemptId::from_bits(1);
    let mut begin = change(&found, State::Installing { attempt: id, tries: 1, deadline: NOW });
    let new =
        NewAttempt { id, secret: Digest::of(b"s"), profile: "kali".into(), version: 0, due: NOW };
    begin.begins = Some(new);
    store.commit(&begin).await.unwrap();
    assert!(release(&store, id, "preseed.cfg", 1).await);
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
    assert_eq!(store.verify_audit().await.unwrap(), Ok(6));
}

pub(super) async fn what_a_host_was_armed_for_ends_with_its_record<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let (root, mut host) = (Actor::person("root"), testing::host("web-01", 1));
    import(&store, std::slice::from_ref(&host)).await.unwrap();
    let times = (NOW, NOW.after(Seconds::new(9)));
    let armed = State::Armed { until: NOW.after(Seconds::new(9)) };
    let stored = store.host(&host.name).await.unwrap().unwrap();
    store.commit(&change(&stored, armed)).await.unwrap();
    store.request_arm(&host.name, &armed, &root, times, &[]).await.unwrap();
    import(&store, std::slice::from_ref(&host)).await.unwrap();
    let stored = store.host(&host.name).await.unwrap().unwrap();
    assert_eq!(stored.state, armed, "nothing changed");

    host.serial = Some("other".parse().unwrap());
    import(&store, std::slice::from_ref(&host)).await.unwrap();
    let stored = store.host(&host.name).await.unwrap().unwrap();
    assert_eq!((stored.state, stored.generation), (State::Installed, 3));
    assert_eq!(store.arm_request(&host.name).await.unwrap(), None);
    let row = store.transitions(&host.name, Timestamp::END, 1).await.unwrap().pop().unwrap();
    assert!(row.detail.starts_with("serial: none -> \"other\" ("), "{}", row.detail);
    assert!(row.detail.contains("arm it again"), "{}", row.detail);
    assert!(store.due(NOW.after(Seconds::new(60)), 10).await.unwrap().is_empty());
}

pub(super) async fn who_comes_by_what_another_was_known_by_is_not_new<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let (root, host) = (Actor::person("root"), testing::host("web-01", 1));
    let state = async |name: &str| {
        store.host(&name.parse().unwrap()).await.unwrap().map(|stored| stored.state)
    };
    let removed =
        async |generation| store.remove_host(&host.name, generation, &root, NOW).await.unwrap();
    import(&store, std::slice::from_ref(&host)).await.unwrap();
    assert_eq!(removed(1).await, Committed::Done);
    import(&store, std::slice::from_ref(&host)).await.unwrap();
    assert_eq!(state("web-01").await, Some(State::New), "it was new when it went");

    let stored = store.host(&host.name).await.unwrap().unwrap();
    store.commit(&change(&stored, State::Installed)).await.unwrap();
    assert_eq!(removed(2).await, Committed::Done);
    let unknown = testing::host("web-09", 9);
    import(&store, &[host.clone(), unknown]).await.unwrap();
    assert_eq!(state("web-01").await, Some(State::Installed));
    assert_eq!(state("web-09").await, Some(State::New));

    // By another name, and by a host that was new.
    assert_eq!(removed(1).await, Committed::Done);
    let mut renamed = host.clone();
    renamed.name = name("web-02");
    renamed.token = Some("another-token-0123456789".parse().unwrap());
    let mut other = testing::host("web-09", 9);
    other.token = host.token.clone();
    import(&store, &[renamed, other]).await.unwrap();
    assert_eq!(state("web-02").await, Some(State::Installed), "its MAC address");
    assert_eq!(state("web-09").await, Some(State::Installed), "its token");
    assert!(store.verify_audit().await.unwrap().is_ok());
}

pub(super) async fn two_hosts_may_swap_what_they_are_known_by<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let (mut one, mut two) = (testing::host("web-01", 1), testing::host("web-02", 2));
    two.token = Some("another-token-0123456789".parse().unwrap());
    import(&store, &[one.clone(), two.clone()]).await.unwrap();
    std::mem::swap(&mut one.nics, &mut two.nics);
    std::mem::swap(&mut one.token, &mut two.token);
    let done = import(&store, &[one.clone(), two]).await.unwrap();
    assert_eq!(done.updated.len(), 2);
    let found = store.host_by_ids(one.nics[0].mac, None).await.unwrap().unwrap();
    assert_eq!(found.host.name, one.name);
    let digest = Digest::of_token(one.token.as_ref().unwrap());
    assert_eq!(store.host_by_token(&digest).await.unwrap().unwrap().host.name, one.name);
}

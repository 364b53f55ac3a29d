//! OS profiles that were published.

use super::*;

fn new<'a>(
    profile: &'a bootmint_image_factory::host::Name,
    actor: &'a Actor,
    (base, all): (i64, i64),
    files: &'a str,
) -> NewVersion<'a> {
    let (origin, before, digest) = ("written", "d0", if files.is_empty() { "" } else { "d1" });
    NewVersion { profile, base, all, origin, before, digest, files, actor, at: NOW }
}

/// Publishes a version of a profile whose newest is `base`.
pub(super) async fn publish(store: &Store, profile: &str, base: i64, files: &str) {
    let all = store.count_profile_versions().await.unwrap();
    let (profile, actor) =
        (profile.parse().unwrap(), Actor::person("root").because("a <b> reason"));
    let published = store.publish_profile(&new(&profile, &actor, (base, all), files)).await;
    assert_eq!(published.unwrap(), Published::Done(base + 1));
}

pub(super) async fn versions_are_kept_and_the_newest_counts<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    assert_eq!(store.newest_profiles().await.unwrap(), []);
    let large = "\u{e4}\u{1f600}x\\\"".repeat(100_000);
    publish(&store, "debian", 0, "one").await;
    publish(&store, "kali", 0, &large).await;
    publish(&store, "debian", 1, "").await;
    publish(&store, "debian", 2, "three").await;
    store.close().await;
    let store = fresh.open().await;
    assert_eq!(store.count_profile_versions().await.unwrap(), 4);
    let newest = store.newest_profiles().await.unwrap();
    let newest: Vec<_> =
        newest.iter().map(|one| (one.profile.as_str(), one.version, one.files.as_str())).collect();
    assert_eq!(newest, [("debian", 3, "three"), ("kali", 1, large.as_str())]);
    let debian = "debian".parse().unwrap();
    let numbers = async |before, limit| {
        let versions = store.profile_versions(&debian, before, limit).await.unwrap();
        versions.into_iter().map(|one| one.version).collect::<Vec<_>>()
    };
    assert_eq!(numbers(i64::MAX, 2).await, [3, 2]);
    assert_eq!(numbers(2, 9).await, [1]);
    let (first, files) = store.profile_version(&debian, 1).await.unwrap().unwrap();
    assert_eq!((first.reason.as_str(), files.as_str()), ("a <b> reason", "one"));
    assert_eq!(
        (first.author.as_str(), first.at, first.digest.as_str()),
        ("person:root", NOW, "d1")
    );
    assert_eq!(store.profile_version(&debian, 4).await.unwrap(), None);
    assert_eq!(store.profile_version(&"rhel".parse().unwrap(), 1).await.unwrap(), None);
    let rows = store.audit(0, 9).await.unwrap();
    assert_eq!(rows[0].detail, "profile debian version 1 (written): d0 to d1");
    assert_eq!(rows[2].detail, "profile debian version 2 (written): d0 to nothing");
    assert!(rows.iter().all(|row| row.event == "publish-profile" && !row.is_of_host()));
    assert!(store.verify_audit().await.unwrap().is_ok());
}

pub(super) async fn of_two_authors_the_second_is_told<K>(fresh: &Fresh<K>) {
    let store = Arc::new(fresh.open().await);
    publish(&store, "debian", 0, "one").await;
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..10 {
        let store = Arc::clone(&store);
        racers.spawn(async move {
            let (debian, actor) = ("debian".parse().unwrap(), Actor::person(&format!("p{racer}")));
            store.publish_profile(&new(&debian, &actor, (1, 1), "two")).await.unwrap()
        });
    }
    let all = racers.join_all().await;
    assert_eq!(all.iter().filter(|one| **one == Published::Done(2)).count(), 1, "{all:?}");
    assert_eq!(all.iter().filter(|one| **one == Published::Stale(2)).count(), 9, "{all:?}");
    // What was checked beside other profiles than there are now, is checked again.
    let (kali, actor) = ("kali".parse().unwrap(), Actor::person("late"));
    let late = store.publish_profile(&new(&kali, &actor, (0, 1), "x")).await.unwrap();
    assert_eq!(late, Published::Moved);
    assert_eq!(store.count_profile_versions().await.unwrap(), 2);
    assert_eq!(store.audit(0, 9).await.unwrap().len(), 2, "what was not done is not audited");
}

pub(super) async fn old_versions_go_but_those_that_are_installed_from<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    for base in 0..6 {
        publish(&store, "debian", base, &format!("text {base}")).await;
    }
    publish(&store, "kali", 0, "one").await;
    // One installs from the first version; one did from the second, and is done.
    import(&store, &[testing::host("web-01", 1), testing::host("web-02", 2)]).await.unwrap();
    for (number, host) in [(1, "web-01"), (2, "web-02")] {
        let stored = store.host(&name(host)).await.unwrap().unwrap();
        let id = AttemptId::from_bits(number);
        let state = State::Installing { attempt: id, tries: 1, deadline: NOW };
        let mut begin = change(&stored, state);
        let (profile, version) = ("debian".to_owned(), i64::try_from(number).unwrap());
        let secret = Digest::of(host.as_bytes());
        begin.begins = Some(NewAttempt { id, secret, profile, version, due: NOW });
        store.commit(&begin).await.unwrap();
    }
    let done = store.host(&name("web-02")).await.unwrap().unwrap();
    let mut end = change(&done, State::Installed);
    end.ends = Some(Outcome::Done);
    store.commit(&end).await.unwrap();
    let clock = Actor::clock();
    let forget = async |keep| store.forget_profile_versions(keep, &clock, NOW).await.unwrap();
    assert_eq!(forget(6).await, 0);
    let before = store.count_profile_versions().await.unwrap();
    assert_eq!(forget(3).await, 2, "the second and the third");
    let debian = "debian".parse().unwrap();
    let left = store.profile_versions(&debian, i64::MAX, 99).await.unwrap();
    assert_eq!(left.iter().map(|one| one.version).collect::<Vec<_>>(), [6, 5, 4, 1]);
    assert_eq!(store.profile_version(&debian, 1).await.unwrap().unwrap().1, "text 0");
    assert_eq!(store.count_profile_versions().await.unwrap(), before, "nothing was published");
    assert_eq!(forget(3).await, 0);
    let row = store.audit(0, 99).await.unwrap().pop().unwrap();
    assert_eq!(row.event, "forget-profile-versions");
    assert_eq!(row.detail, "profile debian: 2 versions up to 3");
    // The next one goes on where the newest stands.
    publish(&store, "debian", 6, "seven").await;
    assert!(store.verify_audit().await.unwrap().is_ok());
}

pub(super) async fn an_attempt_knows_its_version<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    import(&store, &[testing::host("web-01", 1)]).await.unwrap();
    let host = store.host(&name("web-01")).await.unwrap().unwrap();
    let (id, secret) = (AttemptId::from_bits(7), Digest::of(b"secret"));
    let mut begin = change(&host, State::Installing { attempt: id, tries: 1, deadline: NOW });
    let profile = "kali".to_owned();
    begin.begins = Some(NewAttempt { id, secret: secret.clone(), profile, version: 3, due: NOW });
    store.commit(&begin).await.unwrap();
    let attempt = store.attempt_by_secret(&secret).await.unwrap().unwrap();
    assert_eq!((attempt.profile.as_str(), attempt.version), ("kali", 3));
}

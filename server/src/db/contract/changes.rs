//! Changes of states, attempts, and changes that are sent twice.

use super::*;

pub(super) async fn every_state_reads_back<K>(fresh: &Fresh<K>) {
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

pub(super) async fn a_change_needs_the_generation_it_saw<K>(fresh: &Fresh<K>) {
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

pub(super) async fn of_many_writers_one_wins<K>(fresh: &Fresh<K>) {
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
            change.begins =
                Some(NewAttempt { id, secret, profile: "kali".into(), version: 0, due: NOW });
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

pub(super) async fn an_answer_is_released_as_often_as_allowed<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    import(&store, &[testing::host("web-01", 1)]).await.unwrap();
    let host = store.host(&name("web-01")).await.unwrap().unwrap();
    let (id, secret) = (AttemptId::from_bits(7), Digest::of(b"secret"));
    let mut begin = change(&host, State::Installing { attempt: id, tries: 1, deadline: NOW });
    begin.begins = Some(NewAttempt {
        id,
        secret: secret.clone(),
        profile: "kali".into(),
        version: 0,
        due: NOW,
    });
    store.commit(&begin).await.unwrap();
    assert!(release(&store, id, "preseed.cfg", 1).await);
    assert!(!release(&store, id, "preseed.cfg", 1).await);
    assert!(release(&store, id, "preseed.cfg", 2).await);
    assert!(release(&store, id, "other.cfg", 1).await);
    let host = store.host(&name("web-01")).await.unwrap().unwrap();
    let mut end = change(&host, State::Installed);
    end.ends = Some(Outcome::Done);
    store.commit(&end).await.unwrap();
    let attempt = store.attempt_by_secret(&secret).await.unwrap().unwrap();
    assert_eq!((attempt.id, attempt.outcome), (id, Some(Outcome::Done)));
}

pub(super) async fn a_change_with_a_key_is_claimed_once<K>(fresh: &Fresh<K>) {
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

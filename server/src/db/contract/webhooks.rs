//! How far webhooks were told, and who tells them.

use super::*;

const HOOK: &str = "chat";

fn later(seconds: u32) -> Timestamp {
    NOW.after(Seconds::new(seconds))
}

pub(super) async fn a_webhook_begins_where_the_log_ends_and_keeps_its_place<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    import(&store, &[testing::host("web-01", 1), testing::host("web-02", 2)]).await.unwrap();
    assert_eq!(store.webhook(HOOK).await.unwrap(), None);
    store.begin_webhook(HOOK).await.unwrap();
    import_one(&store, "web-03").await;
    store.begin_webhook(HOOK).await.unwrap();
    let place = store.webhook(HOOK).await.unwrap().unwrap();
    assert_eq!((place.delivered, place.failures), (2, 0), "it was begun once");
    assert!(place.is_free(NOW));

    let mut held = store.claim_webhook(HOOK, "a", NOW, later(30)).await.unwrap().unwrap();
    assert_eq!((held.delivered, held.lease_until), (2, later(30)));
    (held.delivered, held.failures, held.next_try) = (3, 1, later(60));
    assert!(store.settle_webhook(&held, "a").await.unwrap());
    store.close().await;
    let store = fresh.open().await;
    let place = store.webhook(HOOK).await.unwrap().unwrap();
    assert_eq!((place.delivered, place.failures, place.next_try), (3, 1, later(60)));
    assert!(!place.is_free(later(59)) && place.is_free(later(60)));
    let early = store.claim_webhook(HOOK, "a", later(59), later(90)).await.unwrap();
    assert_eq!(early, None, "its time has not come");
    assert_eq!(store.claim_webhook("other", "a", NOW, NOW).await.unwrap(), None);
}

pub(super) async fn one_replica_at_a_time_holds_a_webhook<K>(fresh: &Fresh<K>) {
    let store = Arc::new(fresh.open().await);
    store.begin_webhook(HOOK).await.unwrap();
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..20 {
        let store = Arc::clone(&store);
        racers.spawn(async move {
            let lease = racer.to_string();
            store.claim_webhook(HOOK, &lease, NOW, later(30)).await.unwrap().map(|_| lease)
        });
    }
    let won: Vec<String> = racers.join_all().await.into_iter().flatten().collect();
    assert_eq!(won.len(), 1, "{won:?}");
    let held = store.webhook(HOOK).await.unwrap().unwrap();
    assert!(!store.settle_webhook(&held, "stranger").await.unwrap());

    // Who was too slow finds that another went on.
    let mut place = store.claim_webhook(HOOK, "next", later(30), later(60)).await.unwrap().unwrap();
    assert!(!store.settle_webhook(&held, &won[0]).await.unwrap());
    place.delivered = 7;
    assert!(store.settle_webhook(&place, "next").await.unwrap());
    let place = store.webhook(HOOK).await.unwrap().unwrap();
    assert!(place.delivered == 7 && place.is_free(NOW), "{place:?}");
}

pub(super) async fn a_webhook_is_skipped_to_the_end<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    assert!(!store.skip_webhook(HOOK).await.unwrap());
    store.begin_webhook(HOOK).await.unwrap();
    import_one(&store, "web-01").await;
    let mut place = store.claim_webhook(HOOK, "a", NOW, later(30)).await.unwrap().unwrap();
    (place.failures, place.next_try) = (9, later(600));
    assert!(store.settle_webhook(&place, "a").await.unwrap());
    let place = store.claim_webhook(HOOK, "b", later(600), later(630)).await.unwrap().unwrap();
    assert!(store.skip_webhook(HOOK).await.unwrap());
    assert!(!store.settle_webhook(&place, "b").await.unwrap(), "it would go back");
    let place = store.webhook(HOOK).await.unwrap().unwrap();
    assert_eq!((place.delivered, place.failures), (1, 0));
    assert!(place.is_free(NOW));
}

//! Who has to wait, who not, and who is forgotten.

use super::*;

fn pace(per_minute: u32) -> Pace {
    Pace::new(per_minute.try_into().unwrap())
}

#[test]
fn a_minutes_requests_come_at_once_and_then_evenly() {
    let (pace, start) = (pace(60), Instant::now());
    for _ in 0..60 {
        assert_eq!(pace.ask("alice", start), Ok(()));
    }
    assert_eq!(pace.ask("alice", start), Err(Duration::from_secs(1)));
    assert_eq!(pace.ask("bob", start), Ok(()), "another has a minute of their own");
    let later = start + Duration::from_secs(1);
    assert_eq!(pace.ask("alice", later), Ok(()));
    assert_eq!(pace.ask("alice", later), Err(Duration::from_secs(1)), "what is refused is free");
    let fresh = start + Duration::from_secs(300);
    assert!((0..60).all(|_| pace.ask("alice", fresh).is_ok()));
    assert!(pace.ask("alice", fresh).is_err(), "a pause saves up no more than a minute");
}

/// One that remembers all that it can, the last of whom asked at the time that is returned.
fn full(per_minute: u32) -> (Pace, Instant) {
    let (pace, mut now) = (pace(per_minute), Instant::now());
    for number in 0..MAX_KNOWN {
        now += Duration::from_micros(1);
        assert_eq!(pace.ask(&number.to_string(), now), Ok(()));
    }
    (pace, now)
}

fn knows(pace: &Pace, who: &str) -> bool {
    pace.known.lock().unwrap().even.contains_key(who)
}

#[test]
fn memory_does_not_grow_with_addresses_and_loses_the_oldest_first() {
    let (pace, now) = full(2);
    // Who is there needs no room; nobody is forgotten for it.
    assert_eq!(pace.ask("0", now), Ok(()));
    assert!(pace.ask("0", now).is_err(), "it is known how much it asked for");
    assert_eq!(pace.known.lock().unwrap().even.len(), MAX_KNOWN);
    assert_eq!(pace.ask("new", now), Ok(()));
    assert!(pace.ask("0", now).is_err(), "who is limited is never forgotten");
    assert!(knows(&pace, "new") && !knows(&pace, "1") && !knows(&pace, &ROOM.to_string()));
    assert!(knows(&pace, &(ROOM + 1).to_string()), "no more than room is needed for");
    assert_eq!(pace.known.lock().unwrap().even.len(), MAX_KNOWN - ROOM + 1);
    // Who waits no more goes before who asked later.
    let (pace, now) = full(60);
    assert_eq!(pace.ask("99999", now), Ok(()));
    let later = now + Duration::from_secs(1);
    assert_eq!(pace.ask("new", later), Ok(()));
    assert!(knows(&pace, "new") && knows(&pace, "99999"));
    assert_eq!(pace.known.lock().unwrap().even.len(), 2);
}

#[test]
fn who_is_limited_stays_so_while_others_come_and_go() {
    let (pace, now) = full(1);
    for number in 0..10 {
        assert_eq!(pace.ask(&format!("new{number}"), now), Ok(()), "they are not remembered");
    }
    assert!((0..MAX_KNOWN).all(|number| pace.ask(&number.to_string(), now).is_err()));
    let later = now + Duration::from_secs(61);
    assert_eq!(pace.ask("new", later), Ok(()));
    assert!(pace.ask("new", later).is_err(), "there is room again");
}

#[test]
fn nobody_takes_all_places() {
    let places = Places::new(3, 2);
    let own: Vec<_> = (0..2).map(|_| places.take("alice").unwrap()).collect();
    assert!(places.take("alice").is_none());
    let other = places.take("bob").unwrap();
    assert!(places.take("carol").is_none(), "there are three");
    drop(own);
    assert!(places.take("alice").is_some() && places.take("carol").is_some());
    drop(other);
    assert!(places.taken.lock().unwrap().is_empty());
}

#[test]
fn one_customers_addresses_are_one() {
    assert_eq!(network("2001:db8:1:2:3::4"), network("2001:db8:1:2::9"));
    assert_ne!(network("2001:db8:1:2::9"), network("2001:db8:1:3::9"));
    assert_eq!(network("192.0.2.1"), "192.0.2.1");
}

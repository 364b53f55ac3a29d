//! How much one person, program or address may ask of the console listener: how often, and how much
//! at a time. Kept in memory, by each replica for itself: what is limited is its work.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// What is asked for evenly over a minute may be asked for at once.
const MINUTE: Duration = Duration::from_secs(60);
/// How many are remembered. Whoever keeps that many waiting has more addresses than this can hold.
const MAX_KNOWN: usize = 100_000;
/// How many are forgotten at a time to make room.
const ROOM: usize = MAX_KNOWN / 10;
/// How often it is looked for room: it comes with time.
const SWEEP: Duration = Duration::from_secs(1);
/// When somebody may come again whose work is done at that time.
const SOON: Duration = Duration::from_secs(5);
/// How many may watch changes at a time.
const WATCHERS: u32 = 200;
/// How many of them one may be: pages that are open, and programs.
const WATCHERS_EACH: u32 = 20;

/// The numbers, from the section `[limits]`.
#[derive(Clone, Copy, Debug)]
pub struct LimitConfig {
    /// Requests in a minute of one account.
    pub requests: NonZeroU32,
    /// Requests in a minute of one address, of who is not known.
    pub strangers: NonZeroU32,
    /// Requests in a minute of one account that make much work.
    pub heavy: NonZeroU32,
    /// How many of these at a time, until their answers are sent.
    pub heavy_at_once: NonZeroU32,
}

/// A limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Which, for the measurements.
    pub limit: &'static str,
    /// What to do, for the sender.
    pub detail: &'static str,
    /// How long to wait.
    pub wait: Duration,
}

/// All limits.
#[derive(Debug)]
pub struct Limits {
    requests: Pace,
    strangers: Pace,
    heavy: Pace,
    at_once: Places,
    watchers: Places,
}

impl Limits {
    /// Nobody has asked yet.
    pub fn new(config: &LimitConfig) -> Self {
        Self {
            requests: Pace::new(config.requests),
            strangers: Pace::new(config.strangers),
            heavy: Pace::new(config.heavy),
            at_once: Places::new(u32::MAX, config.heavy_at_once.get()),
            watchers: Places::new(WATCHERS, WATCHERS_EACH),
        }
    }

    /// Counts a request that nobody's account is behind.
    pub fn stranger(&self, source: &str) -> Result<(), Reached> {
        let wait = self.strangers.ask(&network(source), Instant::now());
        let detail = "too many requests from your address: wait, or show a token";
        wait.map_err(|wait| Reached { limit: "strangers", detail, wait })
    }

    /// Counts a request of an account.
    pub fn known(&self, who: &str) -> Result<(), Reached> {
        let wait = self.requests.ask(who, Instant::now());
        let detail = "too many requests of your account: wait, or ask for more at a time; \
                      requests-per-minute in [limits] says how many";
        wait.map_err(|wait| Reached { limit: "requests", detail, wait })
    }

    /// Counts a request of an account that makes much work, and gives it a place until its answer
    /// is sent.
    pub fn heavy(&self, who: &str) -> Result<Place, Reached> {
        let wait = self.heavy.ask(who, Instant::now());
        let detail = "too many imports, archives and the like of your account: wait; \
                      heavy-per-minute in [limits] says how many";
        wait.map_err(|wait| Reached { limit: "heavy", detail, wait })?;
        let detail = "your account has this much work going on already: wait until some of it is \
                      done; heavy-at-once in [limits] says how much";
        self.at_once.take(who).ok_or(Reached { limit: "heavy-at-once", detail, wait: SOON })
    }

    /// A place for somebody who watches changes.
    pub fn watcher(&self, who: &str) -> Result<Place, Reached> {
        let detail = "too many watch already: close a page that shows changes, or try again";
        self.watchers.take(who).ok_or(Reached { limit: "watchers", detail, wait: SOON })
    }
}

/// The address, or of IPv6 the network that one customer has.
fn network(source: &str) -> String {
    match source.parse() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => source.to_owned(),
    }
}

/// A number of requests a minute, of each.
#[derive(Debug)]
struct Pace {
    /// What one request takes of the minute.
    each: Duration,
    known: Mutex<Known>,
}

/// Who asked of late.
#[derive(Debug, Default)]
struct Known {
    /// When all that somebody asked for would have been even. Who is not in it asked long ago.
    even: HashMap<String, Instant>,
    /// When it was looked for room last.
    swept: Option<Instant>,
}

impl Known {
    /// Whether there is room for one more. Who waits no more is forgotten first, then whose
    /// requests are longest ago; never who is refused now, as `held` says of their time.
    fn has_room(&mut self, now: Instant, held: impl Fn(Instant) -> bool) -> bool {
        if self.even.len() < MAX_KNOWN {
            return true;
        }
        if self.swept.is_some_and(|at| now.saturating_duration_since(at) < SWEEP) {
            return false;
        }
        self.swept = Some(now);
        self.even.retain(|_, at| now < *at);
        let free = MAX_KNOWN.saturating_sub(self.even.len());
        if let Some(more) = ROOM.checked_sub(free).filter(|more| *more > 0) {
            let mut times: Vec<_> = self.even.values().copied().filter(|at| !held(*at)).collect();
            times.sort_unstable();
            if let Some(last) = times.get(more.saturating_sub(1)).or(times.last()).copied() {
                self.even.retain(|_, at| held(*at) || *at > last);
            }
        }
        self.even.len() < MAX_KNOWN
    }
}

impl Pace {
    fn new(per_minute: NonZeroU32) -> Self {
        let each = MINUTE.checked_div(per_minute.get()).unwrap_or(MINUTE);
        Self { each, known: Mutex::default() }
    }

    /// Counts a request at `now`; else, how long to wait.
    fn ask(&self, who: &str, now: Instant) -> Result<(), Duration> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before =
            known.even.get(who).map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let after = before.saturating_add(self.each);
        if let Some(wait) = self.over(after) {
            return Err(wait);
        }
        let Some(at) = now.checked_add(after) else { return Ok(()) };
        if let Some(even) = known.even.get_mut(who) {
            *even = at;
            return Ok(());
        }
        let held = |at: Instant| {
            let before = at.saturating_duration_since(now);
            self.over(before.saturating_add(self.each)).is_some()
        };
        if known.has_room(now, held) {
            known.even.insert(who.to_owned(), at);
        }
        Ok(())
    }

    /// How long to wait with so much asked for.
    fn over(&self, asked: Duration) -> Option<Duration> {
        asked.checked_sub(MINUTE).filter(|wait| !wait.is_zero())
    }
}

/// Places that somebody has for a time.
#[derive(Debug)]
struct Places {
    all: u32,
    each: u32,
    taken: Arc<Mutex<HashMap<String, u32>>>,
}

/// A place; dropped, it is free again.
#[derive(Debug)]
pub struct Place {
    who: String,
    taken: Arc<Mutex<HashMap<String, u32>>>,
}

impl Places {
    fn new(all: u32, each: u32) -> Self {
        Self { all, each, taken: Arc::default() }
    }

    fn take(&self, who: &str) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let all = taken.values().fold(0_u32, |all, one| all.saturating_add(*one));
        let own = taken.get(who).copied().unwrap_or(0);
        if all >= self.all || own >= self.each {
            return None;
        }
        taken.insert(who.to_owned(), own.saturating_add(1));
        Some(Place { who: who.to_owned(), taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.who) {
            Some(own) if *own > 1 => *own = own.saturating_sub(1),
            _ => drop(taken.remove(&self.who)),
        }
    }
}

#[cfg(test)]
mod tests;

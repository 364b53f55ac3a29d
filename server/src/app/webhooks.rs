//! Delivers webhooks: to each the events that it wants, one after the other in the order in which
//! they happened, each until it is taken. Any number of replicas may run this side by side.

use super::{App, AppError};
use crate::{
    boot::chain,
    db::WebhookPlace,
    secret::{hex, random_bytes},
    time::{Seconds, Timestamp},
    webhook::{Kind, Message, SendError, Sender},
};

/// How long one replica alone may take for one event: longer than sending lasts.
pub(super) const LEASE: Seconds = Seconds::new(30);
/// How many rows of the audit log are looked through at a time.
pub(super) const PAGE: i64 = 200;
/// The longest pause between two tries.
const LONGEST: u32 = 600;
/// The longest pause that a receiver may ask for.
const LONGEST_ASKED: u32 = 3600;

/// What one look at a webhook came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// There is nothing to tell, or it is not the time, or another replica is at it.
    Nothing,
    /// Events that it does not want were passed.
    Passed,
    /// One event was delivered.
    Delivered,
    /// The receiver did not take it. It is tried again later.
    Failed,
}

impl App {
    /// Tells a webhook of the next event that it wants, if there is one at `now`.
    pub async fn deliver(&self, to: &Sender, now: Timestamp) -> Result<Delivery, AppError> {
        let name = to.config().name.as_str();
        let Some(place) = self.store.webhook(name).await? else {
            self.store.begin_webhook(name).await?;
            return Ok(Delivery::Nothing);
        };
        if !place.is_free(now) || place.delivered >= self.store.audit_head().await? {
            return Ok(Delivery::Nothing);
        }
        let lease = hex(&random_bytes::<16>()?);
        let claim = self.store.claim_webhook(name, &lease, now, now.after(LEASE)).await?;
        let Some(mut place) = claim else { return Ok(Delivery::Nothing) };
        let (last, message) = self.next_message(to, place.delivered).await?;
        let delivery = match message {
            None => {
                (place.delivered, place.failures, place.next_try) = (last, 0, now);
                Delivery::Passed
            }
            Some(message) => match to.send(&message, now).await {
                Ok(()) => {
                    (place.delivered, place.failures, place.next_try) = (last, 0, now);
                    Delivery::Delivered
                }
                Err(error) => {
                    put_off(&mut place, &error, now);
                    Delivery::Failed
                }
            },
        };
        if delivery != Delivery::Passed {
            self.metrics.webhook(name, delivery == Delivery::Delivered);
        }
        if !self.store.settle_webhook(&place, &lease).await? {
            tracing::warn!(webhook = name, "another replica took over: an event may come twice");
        }
        Ok(delivery)
    }

    /// The first event behind number `after` that a webhook wants, with its number; or the number
    /// up to which there is none.
    async fn next_message(
        &self,
        to: &Sender,
        after: i64,
    ) -> Result<(i64, Option<Message>), AppError> {
        let mut last = after;
        for row in self.store.audit(after, PAGE).await? {
            last = row.seq;
            let kind = Kind::of(&row).filter(|kind| to.config().wants(*kind));
            let Some(kind) = kind else { continue };
            let host = match row.host.parse() {
                Ok(name) => self.store.host(&name).await?,
                Err(_) => None,
            };
            let site = host.as_ref().and_then(|stored| stored.host.site.as_ref());
            if to.config().wants_site(site) {
                return Ok((last, Some(Message::of(&row, kind, site))));
            }
        }
        Ok((last, None))
    }
}

/// Writes down a failure, and when it is tried again.
fn put_off(place: &mut WebhookPlace, error: &SendError, now: Timestamp) {
    place.failures = place.failures.saturating_add(1);
    let mut pause = pause(place.failures);
    if let SendError::Refused { pause: Some(asked), .. } = error {
        pause = pause.max(asked.get().min(LONGEST_ASKED));
    }
    place.next_try = now.after(Seconds::new(pause));
    let (webhook, failures, error) = (place.name.as_str(), place.failures, chain(error));
    tracing::warn!(webhook, failures, error, next_try = %place.next_try, "a webhook failed");
}

/// How long to wait after so many failures, in seconds: twice as long each time.
pub(super) fn pause(failures: i64) -> u32 {
    let shift = u32::try_from(failures).unwrap_or(u32::MAX);
    1_u32.checked_shl(shift).filter(|pause| *pause != 0).unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let pauses: Vec<_> = [1, 2, 3, 9, 10, 31, 32, 1000, i64::MAX].map(pause).to_vec();
        assert_eq!(pauses, [2, 4, 8, 512, 600, 600, 600, 600, 600]);
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_up_to_a_limit() {
        let now = Timestamp::from_unix(1000);
        let next = |asked: Option<u32>, failures| {
            let mut place = WebhookPlace {
                name: "chat".into(),
                delivered: 1,
                failures,
                next_try: now,
                lease_until: now,
            };
            let status = reqwest::StatusCode::SERVICE_UNAVAILABLE;
            let error = SendError::Refused { status, pause: asked.map(Seconds::new) };
            put_off(&mut place, &error, now);
            assert_eq!(place.failures, failures + 1);
            place.next_try.as_unix() - now.as_unix()
        };
        assert_eq!(next(None, 0), 2);
        assert_eq!(next(Some(90), 0), 90);
        assert_eq!(next(Some(1), 5), 64);
        assert_eq!(next(Some(u32::MAX), 0), 3600);
    }
}

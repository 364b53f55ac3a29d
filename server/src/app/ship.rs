//! Sends the audit log to its collector: all rows, in their order, each until it was sent. Any
//! number of replicas may run this side by side.

use super::{
    App, AppError, Delivery,
    webhooks::{LEASE, PAGE, pause},
};
use crate::{
    boot::chain,
    secret::{hex, random_bytes},
    syslog::Collector,
    time::{Seconds, Timestamp},
};

/// The collector's place among those of the webhooks, whose names hold no brackets.
pub(super) const PLACE: &str = "[syslog]";

impl App {
    /// Sends the next rows, if there are any at `now`. The first call sends nothing: it begins
    /// with what happens from then on.
    pub async fn ship(&self, to: &Collector, now: Timestamp) -> Result<Delivery, AppError> {
        let Some(place) = self.store.webhook(PLACE).await? else {
            self.store.begin_webhook(PLACE).await?;
            return Ok(Delivery::Nothing);
        };
        if !place.is_free(now) || place.delivered >= self.store.audit_head().await? {
            return Ok(Delivery::Nothing);
        }
        let lease = hex(&random_bytes::<16>()?);
        let claim = self.store.claim_webhook(PLACE, &lease, now, now.after(LEASE)).await?;
        let Some(mut place) = claim else { return Ok(Delivery::Nothing) };
        let rows = self.store.audit(place.delivered, PAGE).await?;
        let delivery = match to.send(&rows).await {
            Ok(()) => {
                place.delivered = rows.last().map_or(place.delivered, |row| row.seq);
                (place.failures, place.next_try) = (0, now);
                Delivery::Delivered
            }
            Err(error) => {
                place.failures = place.failures.saturating_add(1);
                place.next_try = now.after(Seconds::new(pause(place.failures)));
                tracing::warn!(error = chain(&error), next_try = %place.next_try, "syslog failed");
                Delivery::Failed
            }
        };
        self.metrics.webhook(PLACE, delivery == Delivery::Delivered);
        if !self.store.settle_webhook(&place, &lease).await? {
            tracing::warn!("another replica took over: rows may be sent to syslog twice");
        }
        Ok(delivery)
    }
}

//! What is counted while the server runs.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The upper bounds of the latencies that are told apart, in milliseconds.
const BOUNDS: [u64; 8] = [1, 5, 10, 50, 100, 500, 1000, 5000];

/// How the requests of one route went.
#[derive(Clone, Debug, Default)]
struct Route {
    by_status: BTreeMap<u16, u64>,
    within: [u64; BOUNDS.len()],
    count: u64,
    micros: u64,
}

/// What is counted while the server runs: by route, never by path, which may hold a secret.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<String, Route>>,
    boots: Mutex<BTreeMap<&'static str, u64>>,
    /// By webhook: how many messages were delivered, and how many tries failed.
    webhooks: Mutex<BTreeMap<String, [u64; 2]>>,
    /// By limit: how many requests it refused.
    limited: Mutex<BTreeMap<&'static str, u64>>,
}

impl Metrics {
    /// Counts a request that was answered.
    pub fn request(&self, route: &str, status: u16, took: Duration) {
        let mut all = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(route) {
            all.insert(route.to_owned(), Route::default());
        }
        let Some(route) = all.get_mut(route) else { return };
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        *route.by_status.entry(status).or_default() += 1;
        for (bound, within) in BOUNDS.iter().zip(&mut route.within) {
            *within += u64::from(micros <= bound * 1000);
        }
        route.count += 1;
        route.micros = route.micros.saturating_add(micros);
    }

    /// Counts a boot by what it was told.
    pub fn boot(&self, action: &'static str) {
        *self.boots.lock().unwrap_or_else(PoisonError::into_inner).entry(action).or_default() += 1;
    }

    /// Counts a message to a webhook that was delivered, or not.
    pub fn webhook(&self, name: &str, delivered: bool) {
        let mut all = self.webhooks.lock().unwrap_or_else(PoisonError::into_inner);
        let [good, bad] = all.entry(name.to_owned()).or_default();
        *(if delivered { good } else { bad }) += 1;
    }

    /// Counts a request that a limit refused.
    pub fn limited(&self, limit: &'static str) {
        *self.limited.lock().unwrap_or_else(PoisonError::into_inner).entry(limit).or_default() += 1;
    }

    /// Writes all of it in Prometheus' text format.
    pub(crate) fn write(&self, to: &mut String) -> std::fmt::Result {
        writeln!(to, "# TYPE bootmint_boots_total counter")?;
        for (action, count) in &*self.boots.lock().unwrap_or_else(PoisonError::into_inner) {
            writeln!(to, "bootmint_boots_total{{action=\"{action}\"}} {count}")?;
        }
        let webhooks = self.webhooks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (at, what) in ["delivered", "failed"].into_iter().enumerate() {
            writeln!(to, "# TYPE bootmint_webhook_{what}_total counter")?;
            for (name, counts) in &webhooks {
                let count = counts.get(at).copied().unwrap_or_default();
                writeln!(to, "bootmint_webhook_{what}_total{{webhook=\"{name}\"}} {count}")?;
            }
        }
        writeln!(to, "# TYPE bootmint_limited_total counter")?;
        for (limit, count) in &*self.limited.lock().unwrap_or_else(PoisonError::into_inner) {
            writeln!(to, "bootmint_limited_total{{limit=\"{limit}\"}} {count}")?;
        }
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        writeln!(to, "# TYPE bootmint_requests_total counter")?;
        for (name, route) in &requests {
            for (status, count) in &route.by_status {
                writeln!(
                    to,
                    "bootmint_requests_total{{route=\"{name}\",status=\"{status}\"}} {count}"
                )?;
            }
        }
        writeln!(to, "# TYPE bootmint_request_seconds histogram")?;
        for (name, route) in &requests {
            for (bound, count) in BOUNDS.iter().zip(route.within) {
                let le = *bound as f64 / 1000.0;
                writeln!(
                    to,
                    "bootmint_request_seconds_bucket{{route=\"{name}\",le=\"{le}\"}} {count}"
                )?;
            }
            let (count, sum) = (route.count, route.micros as f64 / 1e6);
            writeln!(
                to,
                "bootmint_request_seconds_bucket{{route=\"{name}\",le=\"+Inf\"}} {count}\n\
                 bootmint_request_seconds_sum{{route=\"{name}\"}} {sum}\n\
                 bootmint_request_seconds_count{{route=\"{name}\"}} {count}"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_adds_up() {
        let metrics = Metrics::default();
        metrics.request("/boot/{token}", 200, Duration::from_micros(900));
        metrics.request("/boot/{token}", 500, Duration::from_millis(60));
        metrics.boot("local");
        metrics.webhook("chat", true);
        metrics.webhook("chat", true);
        metrics.webhook("chat", false);
        let mut text = String::new();
        metrics.write(&mut text).unwrap();
        for line in [
            "bootmint_boots_total{action=\"local\"} 1",
            "bootmint_webhook_delivered_total{webhook=\"chat\"} 2",
            "bootmint_webhook_failed_total{webhook=\"chat\"} 1",
            "bootmint_requests_total{route=\"/boot/{token}\",status=\"500\"} 1",
            "bootmint_request_seconds_bucket{route=\"/boot/{token}\",le=\"0.001\"} 1",
            "bootmint_request_seconds_bucket{route=\"/boot/{token}\",le=\"0.1\"} 2",
            "bootmint_request_seconds_bucket{route=\"/boot/{token}\",le=\"+Inf\"} 2",
            "bootmint_request_seconds_count{route=\"/boot/{token}\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}

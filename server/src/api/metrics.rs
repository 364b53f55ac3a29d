//! Measurements in Prometheus' text format.

use super::problem::Problem;
use crate::{app::App, db::DbError};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// `GET /metrics`.
pub(super) async fn serve(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let mut text = String::new();
    let states = app.store().count_states().await?;
    text.push_str("# TYPE bootmint_hosts gauge\n");
    for (state, count) in states {
        text.push_str(&format!("bootmint_hosts{{state=\"{state}\"}} {count}\n"));
    }
    text.push_str("# TYPE bootmint_image_bytes_total counter\n");
    text.push_str(&format!("bootmint_image_bytes_total {}\n", app.shelf().sent().get()));
    text.push_str(&webhooks(&app).await?);
    // Writing to a String cannot fail.
    let _ = app.metrics().write(&mut text);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text).into_response())
}

/// How far behind each webhook is, and how often its next event failed: the same at all replicas.
async fn webhooks(app: &App) -> Result<String, DbError> {
    let head = app.store().audit_head().await?;
    let (mut lags, mut failures) = (String::new(), String::new());
    for webhook in &app.config().webhooks {
        let name = &webhook.name;
        if let Some(place) = app.store().webhook(name.as_str()).await? {
            let lag = head.saturating_sub(place.delivered);
            lags.push_str(&format!("bootmint_webhook_lag{{webhook=\"{name}\"}} {lag}\n"));
            failures.push_str(&format!(
                "bootmint_webhook_failures{{webhook=\"{name}\"}} {}\n",
                place.failures
            ));
        }
    }
    Ok(format!(
        "# TYPE bootmint_webhook_lag gauge\n{lags}# TYPE bootmint_webhook_failures gauge\n{failures}"
    ))
}

//! Measurements in Prometheus' text format.

use super::problem::Problem;
use crate::app::App;
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
    // Writing to a String cannot fail.
    let _ = app.metrics().write(&mut text);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text).into_response())
}

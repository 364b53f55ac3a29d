//! Changes of hosts as they happen, as server-sent events: what the console's pages and programs
//! that watch follow.
//!
//! The audit log is the source, so that every replica tells what happened at any of them, and a
//! watcher that was cut off goes on behind the last event that it saw.

use super::{caller::Caller, limit, problem::Problem};
use crate::{
    app::App,
    auth::Place,
    db::{AuditRow, DbError},
};
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use hyper::body::Frame;
use serde_json::json;
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::mpsc;

/// How often it is looked for changes.
const LOOK: Duration = Duration::from_secs(1);
/// How many looks one answer makes. Then its reader comes again, and shows who it is again.
const LOOKS: u32 = 60;
/// After how many looks without an event a sign of life is sent.
const QUIET: u32 = 15;

/// `GET /events`.
pub(crate) async fn follow(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = limit::watcher(&app, &caller.principal.name())?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = match last.and_then(|id| id.parse().ok()) {
        Some(after) => after,
        None => app.store().audit_head().await?,
    };
    let (to, events) = mpsc::channel(16);
    tokio::spawn(async move {
        tokio::select! {
            () = tell(&app, &caller, after, &to) => {}
            () = to.closed() => {}
            () = app.closed() => {}
        }
        drop(place);
    });
    let headers =
        [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::new(Channel(events))).into_response())
}

async fn tell(
    app: &App,
    caller: &Caller,
    mut after: i64,
    to: &mpsc::Sender<Result<Bytes, Infallible>>,
) {
    let mut quiet = 0_u32;
    let mut text = format!("retry: 1000\nid: {after}\n\n");
    for _ in 0..LOOKS {
        if !text.is_empty() {
            quiet = 0;
        } else if quiet >= QUIET {
            (text, quiet) = (": nothing new\n\n".to_owned(), 0);
        }
        if !text.is_empty() && to.send(Ok(Bytes::from(std::mem::take(&mut text)))).await.is_err() {
            return;
        }
        quiet = quiet.saturating_add(1);
        tokio::time::sleep(LOOK).await;
        match changes(app, caller, &mut after).await {
            Ok(found) => text = found,
            // The watcher comes again, and asks for what it missed.
            Err(error) => return tracing::warn!(%error, "a watcher is not told more"),
        }
    }
}

/// The events after number `after` that the caller may see, as they are sent.
async fn changes(app: &App, caller: &Caller, after: &mut i64) -> Result<String, DbError> {
    let mut text = String::new();
    for row in app.store().audit(*after, 100).await? {
        *after = row.seq;
        if row.is_of_host() && may_see(app, caller, &row).await? {
            let data = json!({
                "host": row.host, "event": row.event, "was": row.was, "became": row.became,
                "at": row.at.to_string(),
            });
            text.push_str(&format!("id: {}\nevent: host\ndata: {data}\n\n", row.seq));
        }
    }
    Ok(text)
}

async fn may_see(app: &App, caller: &Caller, row: &AuditRow) -> Result<bool, DbError> {
    if caller.principal.role_for(caller.permission, Place::Everywhere).is_some() {
        return Ok(true);
    }
    let Ok(name) = row.host.parse() else { return Ok(false) };
    Ok(app.store().host(&name).await?.is_some_and(|stored| caller.may(&stored.host)))
}

/// A body that is what comes through a channel.
pub(crate) struct Channel<E>(pub(crate) mpsc::Receiver<Result<Bytes, E>>);

impl<E> hyper::body::Body for Channel<E> {
    type Data = Bytes;
    type Error = E;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        self.0.poll_recv(context).map(|part| part.map(|bytes| bytes.map(Frame::data)))
    }
}

//! The limits, at the gates: a request is counted, or refused with the time to wait; and what makes
//! much work keeps its place until its answer is sent.

use super::{problem::Problem, route::Route};
use crate::{
    app::App,
    limits::{Place, Reached},
};
use axum::{
    body::{Body, Bytes},
    http::StatusCode,
    response::Response,
};
use hyper::body::{Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// Counts a request that nobody's account is behind.
pub(crate) fn stranger(app: &App, route: &Route, source: &str) -> Result<(), Problem> {
    // Load balancers look again and again whether the server lives.
    if route.quiet {
        return Ok(());
    }
    app.limits().stranger(source).map_err(|reached| refuse(app, reached))
}

/// Counts a request of an account; what makes much work gets a place.
pub(crate) fn known(app: &App, route: &Route, who: &str) -> Result<Option<Place>, Problem> {
    let limits = app.limits();
    let counted = limits.known(who);
    let place = counted.and_then(|()| route.heavy.then(|| limits.heavy(who)).transpose());
    place.map_err(|reached| refuse(app, reached))
}

/// A place for somebody who watches changes.
pub(crate) fn watcher(app: &App, who: &str) -> Result<Place, Problem> {
    app.limits().watcher(who).map_err(|reached| refuse(app, reached))
}

fn refuse(app: &App, reached: Reached) -> Problem {
    app.metrics().limited(reached.limit);
    let wait = reached.wait.as_millis().div_ceil(1000);
    let retry = u32::try_from(wait).unwrap_or(u32::MAX).max(1);
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, reached.detail);
    Problem { retry: Some(retry), ..problem }
}

/// The answer, which keeps its place until it is sent, or nobody takes it any more.
pub(crate) fn hold(response: Response, place: Option<Place>) -> Response {
    match place {
        Some(place) => response.map(|body| Body::new(Held { body, _place: place })),
        None => response,
    }
}

struct Held {
    body: Body,
    _place: Place,
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

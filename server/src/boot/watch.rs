//! Around every request, of machines and at the console: it gets an id, which stands in each line
//! that is logged for it, in the audit log and in its answer; and it is ended when it takes too
//! long.

use super::Peer;
use crate::{
    app::{App, AppError},
    db::Trace,
    secret::{hex, random_bytes},
};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::Instrument;

/// Answers a request within its time, and logs its route.
pub(crate) async fn watch(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let trace = match trace(&request) {
        Ok(trace) => trace,
        Err(error) => return error.into_response(),
    };
    let id = trace.request.clone();
    request.extensions_mut().insert(trace);
    // Of the highest level, or errors would lose it where less is not logged.
    let span = tracing::error_span!("request", id);
    let mut response = answer(&app, request, next).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// A request's id, and where it comes from.
fn trace(request: &Request) -> Result<Trace, AppError> {
    let id = random_bytes::<8>()?;
    let source = request.extensions().get::<Peer>().map(ToString::to_string).unwrap_or_default();
    Ok(Trace { source, request: hex(&id), ..Trace::default() })
}

async fn answer(app: &App, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let limit = Duration::from_secs(app.config().request_time.get().into());
    let response = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "this took too long: try again\n").into_response()
        }
    };
    let (status, took) = (response.status().as_u16(), start.elapsed());
    app.metrics().request(&route, status, took);
    tracing::debug!(%method, route, status, took = ?took, "request");
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::desk::Desk;
    use axum::body::Body;
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;
    use std::{
        io,
        sync::{Mutex, PoisonError},
    };

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_is_logged_for_a_request_has_its_id() {
        let desk = Desk::open().await;
        let log = Log::default();
        let writer = log.clone();
        let logs = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        let _logs = tracing::subscriber::set_default(logs.finish());
        let service = TowerToHyperService::new(crate::boot::router(Arc::clone(&desk.app)));
        for (path, line) in [("/answer/x/y", "request refused"), ("/boot", "unknown machine")] {
            let mut request = Request::get(path).body(Body::empty()).unwrap();
            request.extensions_mut().insert(Peer::of([192, 0, 2, 9].into()));
            let response = service.call(request).await.unwrap();
            let id = response.headers().get("x-request-id").unwrap().to_str().unwrap();
            assert_eq!(id.len(), 16);
            let all = log.0.lock().unwrap().clone();
            let all = String::from_utf8(all).unwrap();
            let found = all.lines().find(|found| found.contains(line));
            let expected = format!("request{{id=\"{id}\"}}");
            assert!(found.is_some_and(|found| found.contains(&expected)), "{line}: {all}");
        }
    }
}

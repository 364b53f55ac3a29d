//! Connections: accepted up to a limit, with a time limit for their heads, ended gracefully.

use crate::time::Seconds;
use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use std::{fmt, future::Future, net::IpAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// How long a shutdown waits for requests that run.
const GRACE: Duration = Duration::from_secs(20);
/// How long the listener rests after the system refused a connection (too many open files).
const REST: Duration = Duration::from_millis(100);
/// The largest request head, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// The address that a request comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(IpAddr);

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.to_canonical().fmt(f)
    }
}

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many there may be at a time.
    pub clients: usize,
    /// How long a request's head may take, or a kept connection may idle.
    pub head: Seconds,
}

/// Answers connections until `stop` is over, then lets the requests that run come to their end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let places = Arc::new(Semaphore::new(limits.clients));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits.head.get().into()))
        .max_buf_size(MAX_HEAD);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = &mut stop => break,
            next = next => next,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let connection = http.serve_connection(io(stream), service(&router, address.ip()));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still running when the server ended");
    }
}

fn io(stream: TcpStream) -> TokioIo<TcpStream> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY not set");
    }
    TokioIo::new(stream)
}

/// The router, with each request told where it comes from.
fn service(
    router: &Router,
    peer: IpAddr,
) -> impl Service<
    hyper::Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> + use<> {
    let router = TowerToHyperService::new(router.clone());
    hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        router.call(request)
    })
}

//! Connections, plain or TLS: accepted up to a limit, with time limits for their handshakes, their
//! heads, and for taking what they asked for; ended gracefully.

use super::sendfile::Sendfile;
use crate::time::Seconds;
use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use std::{fmt, future::Future, net::IpAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;

/// How long a shutdown waits for requests that run.
const GRACE: Duration = Duration::from_secs(20);
/// How long the listener rests after the system refused a connection (too many open files).
const REST: Duration = Duration::from_millis(100);
/// The largest request head of those who have nothing large to say, in bytes.
pub const HEAD: usize = 16 << 10;

/// The address that a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(IpAddr);

impl Peer {
    /// The address.
    pub(crate) fn address(self) -> IpAddr {
        self.0
    }

    /// That address.
    #[cfg(test)]
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(address)
    }
}

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
    /// How long a handshake or a request's head may take, or a kept connection may idle.
    pub head: Seconds,
    /// How long a connection may take nothing of what it is sent.
    pub write: Seconds,
    /// The largest request head, in bytes.
    pub head_bytes: usize,
}

/// What is spoken below HTTP.
#[derive(Clone, Debug)]
pub enum Transport {
    /// TCP alone.
    Plain,
    /// TLS, as configured.
    Tls(Arc<ServerConfig>),
}

/// Answers connections until `stop` is over, then lets the requests that run come to their end.
pub async fn serve(
    listener: TcpListener,
    transport: Transport,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let places = Arc::new(Semaphore::new(limits.clients));
    let graceful = GracefulShutdown::new();
    let patience = Duration::from_secs(limits.head.get().into());
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(limits.head_bytes);
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
        prepare(&stream, limits.write);
        let connection = Connection {
            http: http.clone(),
            service: service(&router, address.ip()),
            watcher: graceful.watcher(),
        };
        let transport = transport.clone();
        tokio::spawn(async move {
            match transport {
                Transport::Plain => connection.run(Sendfile(stream)).await,
                Transport::Tls(config) => {
                    if let Some(stream) = handshake(config, stream, patience).await {
                        connection.run(stream).await;
                    }
                }
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still running when the server ended");
    }
}

/// Has the system send at once, and end a connection whose peer takes nothing for so long. The
/// system sees what the peer took; a timer here would see only when there is room in its buffers,
/// which a slow line makes rarely.
fn prepare(stream: &TcpStream, write: Seconds) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY not set");
    }
    let millis = write.get().saturating_mul(1000);
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, millis) {
        tracing::debug!(%error, "TCP_USER_TIMEOUT not set");
    }
}

/// What answers the requests of one connection.
struct Connection<S> {
    http: http1::Builder,
    service: S,
    watcher: Watcher,
}

impl<S> Connection<S>
where
    S: Service<
            hyper::Request<Incoming>,
            Response = axum::response::Response,
            Error = std::convert::Infallible,
        >,
{
    async fn run(self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static) {
        let connection = self.http.serve_connection(TokioIo::new(stream), self.service);
        if let Err(error) = self.watcher.watch(connection).await {
            tracing::debug!(%error, "connection ended early");
        }
    }
}

/// Begins TLS; none if the peer cannot, or takes too long.
async fn handshake(
    config: Arc<ServerConfig>,
    stream: TcpStream,
    patience: Duration,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    match tokio::time::timeout(patience, TlsAcceptor::from(config).accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        // Among them clients that do not trust the certificate: worth seeing without debug logs.
        Ok(Err(error)) => {
            tracing::info!(%error, "TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("TLS handshake took too long");
            None
        }
    }
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

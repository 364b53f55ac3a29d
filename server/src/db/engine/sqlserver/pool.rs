//! Connections to a SQL Server, and who uses them. (No pool that others keep knows this version of
//! the client.)
//!
//! A connection is used again only if its last request came to its end: one that failed, or that
//! nobody waited for any more, is closed, for what it would answer next is not known.

use super::{error::broken, server::Server};
use crate::db::{
    DbError,
    engine::open::{FRESH, PATIENCE},
};
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tiberius::error::Error;
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout_at},
};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

/// It is large, and handed on often.
pub(super) type Client = Box<tiberius::Client<Compat<TcpStream>>>;

/// What a session is told, since defaults can be set otherwise: an error ends the transaction, a
/// lock is waited for 10 s, and what an index over a part of the rows asks for.
const SESSION: &str = "SET XACT_ABORT ON; SET NOCOUNT OFF; SET IMPLICIT_TRANSACTIONS OFF; \
     SET QUOTED_IDENTIFIER ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; \
     SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET NUMERIC_ROUNDABORT OFF; \
     SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED";
/// How long it takes until a connection that could not be made is tried again, the first time;
/// each time after that, twice as long.
const PAUSE: Duration = Duration::from_millis(20);

/// The connections.
pub(super) struct Connections {
    server: Server,
    most: u32,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<(Client, Instant)>>,
}

impl Connections {
    /// None yet, and `most` at a time.
    pub(super) fn new(server: Server, most: u32) -> Arc<Self> {
        let permits = usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { server, most, permits, idle: Mutex::default() })
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// A connection for one user; waits until one is free, or can be made.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease, DbError> {
        let until = Instant::now() + PATIENCE;
        let late = |_| DbError::Unavailable(Box::new(io::Error::from(io::ErrorKind::TimedOut)));
        let permit = timeout_at(until, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(late)?.map_err(|closed| DbError::Unavailable(closed.into()))?;
        while let Some((mut client, since)) = self.take_idle() {
            if since.elapsed() < FRESH || lives(&mut client).await {
                return Ok(Lease::new(self, client, permit));
            }
        }
        let client = timeout_at(until, self.connect()).await.map_err(late)??;
        Ok(Lease::new(self, client, permit))
    }

    fn take_idle(&self) -> Option<(Client, Instant)> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give(&self, client: Client) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Closed meanwhile, it takes nothing.
        if !self.permits.is_closed() {
            idle.push((client, Instant::now()));
        }
    }

    /// Tries until somebody answers.
    async fn connect(&self) -> Result<Client, DbError> {
        let mut pause = PAUSE;
        loop {
            match connect(&self.server).await {
                Err(DbError::Broken(_)) => sleep(pause).await,
                result => return result,
            }
            pause = pause.saturating_mul(2);
        }
    }

    /// Waits until nobody uses a connection any more, and closes them.
    pub(super) async fn close(&self) {
        let all = self.permits.acquire_many(self.most).await;
        self.permits.close();
        while let Some((client, _)) = self.take_idle() {
            // The server notices as well if this fails.
            let _ = client.close().await;
        }
        drop(all);
    }
}

async fn lives(client: &mut Client) -> bool {
    let answer = async { client.simple_query("SELECT 1").await?.into_results().await };
    answer.await.is_ok()
}

/// Makes one connection.
pub(super) async fn connect(server: &Server) -> Result<Client, DbError> {
    let mut config = server.config();
    let mut client = match once(config.clone()).await {
        // A gateway names the server that has the database.
        Err(Error::Routing { host, port }) => {
            config.host(host);
            config.port(port);
            once(config).await?
        }
        result => result?,
    };
    client.simple_query(SESSION).await?.into_results().await?;
    Ok(client)
}

async fn once(config: tiberius::Config) -> tiberius::Result<Client> {
    let stream = TcpStream::connect(config.get_addr()).await?;
    stream.set_nodelay(true)?;
    tiberius::Client::connect(config, stream.compat_write()).await.map(Box::new)
}

/// A connection that one user has.
pub(super) struct Lease {
    connections: Arc<Connections>,
    client: Option<Client>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    fn new(connections: &Arc<Connections>, client: Client, permit: OwnedSemaphorePermit) -> Self {
        Self { connections: Arc::clone(connections), client: Some(client), _permit: permit }
    }

    /// The connection, for one request: [`Lease::put`] it back once that came to its end.
    pub(super) fn take(&mut self) -> Result<Client, DbError> {
        self.client.take().ok_or_else(|| broken("a request on this connection failed before"))
    }

    /// Keeps the connection for the next request.
    pub(super) fn put(&mut self, client: Client) {
        self.client = Some(client);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            self.connections.give(client);
        }
    }
}

//! The audit log elsewhere: each row as a syslog message (RFC 5424), where an administrator of
//! this server cannot change it any more. How far it was sent is in the database: `app` sends.

mod config;
mod message;

pub use config::{RawSyslog, SyslogConfig};

use crate::{
    db::AuditRow,
    tls::{TrustError, client},
};
use config::Way;
use message::Messages;
use rustls::pki_types::ServerName;
use std::{io, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// How long sending a page may take. A lease is longer.
const LIMIT: Duration = Duration::from_secs(10);
/// How long the collector may take to end the connection after we did: it says nothing of what it
/// has, but a broken connection shows until then.
const LINGER: Duration = Duration::from_secs(1);

/// What sends to the collector.
#[derive(Clone)]
pub struct Collector {
    config: SyslogConfig,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    messages: Messages,
}

/// Rows were not sent, as far as is known.
#[derive(Debug, thiserror::Error)]
#[error("the collector of the audit log, {to}, was not reached")]
pub struct ShipError {
    to: String,
    source: io::Error,
}

impl Collector {
    /// Reads the authorities that are trusted. Nothing is sent yet.
    pub fn new(config: &SyslogConfig) -> Result<Self, TrustError> {
        let tls = match &config.way {
            Way::Tls { trust, name } => Some((TlsConnector::from(client(trust)?), name.clone())),
            Way::Udp | Way::Tcp => None,
        };
        Ok(Self { config: config.clone(), tls, messages: Messages::of_this_computer() })
    }

    /// Sends rows in their order, as one page.
    pub async fn send(&self, rows: &[AuditRow]) -> Result<(), ShipError> {
        let sent = timeout(LIMIT, self.try_send(rows)).await;
        let sent = sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        sent.map_err(|source| ShipError { to: self.config.to_string(), source })
    }

    async fn try_send(&self, rows: &[AuditRow]) -> io::Result<()> {
        let (host, port) = (self.config.host.as_str(), self.config.port);
        if matches!(self.config.way, Way::Udp) {
            return self.send_datagrams(rows).await;
        }
        let stream = TcpStream::connect((host, port)).await?;
        match &self.tls {
            Some((tls, name)) => self.write(tls.connect(name.clone(), stream).await?, rows).await,
            None => self.write(stream, rows).await,
        }
    }

    /// One message a datagram (RFC 5426).
    async fn send_datagrams(&self, rows: &[AuditRow]) -> io::Result<()> {
        let (host, port) = (self.config.host.as_str(), self.config.port);
        let to = tokio::net::lookup_host((host, port)).await?.next();
        let to = to.ok_or(io::ErrorKind::NotFound)?;
        let own = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(own).await?;
        socket.connect(to).await?;
        for row in rows {
            socket.send(self.messages.of(row).as_bytes()).await?;
        }
        Ok(())
    }

    /// Each message behind its length (RFC 5425, section 4.3; RFC 6587, section 3.4.1).
    async fn write(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        rows: &[AuditRow],
    ) -> io::Result<()> {
        let mut page = String::new();
        for row in rows {
            let message = self.messages.of(row);
            page.push_str(&format!("{} {message}", message.len()));
        }
        stream.write_all(page.as_bytes()).await?;
        stream.shutdown().await?;
        let mut rest = [0; 256];
        let end = async {
            loop {
                match stream.read(&mut rest).await {
                    Ok(0) => return Ok(()),
                    // One that ends TLS without a word has taken what came before.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                    Ok(_) => {}
                    Err(error) => return Err(error),
                }
            }
        };
        // One that keeps the connection open has no complaint.
        timeout(LINGER, end).await.unwrap_or(Ok(()))
    }
}

#[cfg(test)]
mod tests;

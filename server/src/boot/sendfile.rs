//! A TCP connection on which the system itself sends what lies in a memory file (`sendfile(2)`),
//! instead of a copy of it.

use crate::images::resident;
use std::{
    io::{self, IoSlice},
    os::fd::OwnedFd,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

/// The connection.
#[derive(Debug)]
pub(super) struct Sendfile(pub(super) TcpStream);

impl Sendfile {
    /// Sends up to `length` bytes of `file`.
    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        file: &OwnedFd,
        offset: u64,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            let send = || {
                let mut offset = offset;
                Ok(rustix::fs::sendfile(&self.0, file, Some(&mut offset), length)?)
            };
            match self.0.try_io(Interest::WRITABLE, send) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

impl AsyncRead for Sendfile {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Sendfile {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match resident::find(buf) {
            Some((file, offset)) => self.poll_send(cx, &file, offset, buf.len()),
            None => Pin::new(&mut self.0).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().position(|buf| !buf.is_empty()).unwrap_or(0);
        let bufs = bufs.get(first..).unwrap_or_default();
        let found = bufs.iter().enumerate().find_map(|(n, buf)| Some((n, resident::find(buf)?)));
        match found {
            Some((0, (file, offset))) => {
                let length = bufs.first().map_or(0, |buf| buf.len());
                self.poll_send(cx, &file, offset, length)
            }
            // What stands before it goes first.
            Some((n, _)) => {
                Pin::new(&mut self.0).poll_write_vectored(cx, bufs.get(..n).unwrap_or_default())
            }
            None => Pin::new(&mut self.0).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::resident::Resident;
    use std::io::Read;
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    #[tokio::test]
    async fn what_lies_in_a_memory_file_is_sent_from_there_in_its_place() {
        let mut bytes: Vec<u8> = (0..2_000_000_u32).map(|n| (n / 5 % 251) as u8).collect();
        let expected = [&b"head"[..], &bytes[7..1_500_007], b"fill", &bytes[1_600_000..]].concat();
        let _resident = Resident::new(&bytes).unwrap();
        // Against the rule, and it shows where the bytes come from.
        bytes.fill(0);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = std::thread::spawn(move || {
            let mut got = Vec::new();
            std::net::TcpStream::connect(address).unwrap().read_to_end(&mut got).unwrap();
            got
        });
        let mut connection = Sendfile(listener.accept().await.unwrap().0);
        let mut rest = [&b""[..], b"head", &bytes[7..1_500_007], b"fill", &bytes[1_600_000..]]
            .map(IoSlice::new);
        let mut rest = &mut rest[..];
        while rest.iter().any(|part| !part.is_empty()) {
            let sent = connection.write_vectored(rest).await.unwrap();
            assert_ne!(sent, 0);
            IoSlice::advance_slices(&mut rest, sent);
        }
        connection.shutdown().await.unwrap();
        drop(connection);
        assert!(client.join().unwrap() == expected);
    }
}

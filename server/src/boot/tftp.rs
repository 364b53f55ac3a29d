//! The served files once more, for firmware that knows TFTP alone (RFC 1350, with the options of
//! RFC 2347 to 2349 and 7440). Nothing but files: scripts and answers are never sent this way.

use async_tftp::server::TftpServerBuilder;
use std::{
    future::Future,
    net::{SocketAddr, UdpSocket},
    path::Path,
    time::Duration,
};

/// The largest block, in bytes: what an Ethernet frame holds behind its IPv6 and UDP headers.
const BLOCK: u16 = 1448;
/// The most blocks that are under way: lost ones are all sent again.
const WINDOW: u16 = 16;
/// How long an acknowledgement may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often a block is sent again before its client is given up.
const RETRIES: u32 = 5;

/// Why files are not served by TFTP.
#[derive(Debug, thiserror::Error)]
#[error("serving files by TFTP")]
pub struct TftpError(#[from] async_tftp::Error);

/// A TFTP server that is not at work yet.
pub struct Tftp {
    address: SocketAddr,
    server: async_tftp::server::TftpServer<async_tftp::server::handlers::DirHandler>,
}

impl Tftp {
    /// Listens at `address`, to serve the files in `folder`, and to take none.
    pub async fn listen(address: SocketAddr, folder: &Path) -> Result<Self, TftpError> {
        let socket = UdpSocket::bind(address).map_err(async_tftp::Error::from)?;
        let address = socket.local_addr().map_err(async_tftp::Error::from)?;
        let server = TftpServerBuilder::with_dir_ro(folder)?
            .std_socket(socket)?
            .block_size_limit(BLOCK)
            .window_size_limit(WINDOW)
            .timeout(PATIENCE)
            .max_send_retries(RETRIES)
            .build()
            .await?;
        Ok(Self { address, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is over. Transfers that are under way end with it: their clients ask
    /// again.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            result = self.server.serve() => {
                if let Err(error) = result {
                    tracing::error!(%error, "TFTP ended");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A client as small as can be: one file, blocks of `size` bytes where that is asked for.
    fn fetch(server: SocketAddr, name: &str, size: Option<u16>) -> Result<Vec<u8>, String> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut request = [b"\0\x01", name.as_bytes(), b"\0octet\0"].concat();
        if let Some(size) = size {
            request.extend([b"blksize\0", size.to_string().as_bytes(), b"\0"].concat());
        }
        socket.send_to(&request, server).unwrap();
        let (mut file, mut buffer, mut block) = (Vec::new(), [0; 2048], 512);
        loop {
            let (len, peer) = socket.recv_from(&mut buffer).map_err(|error| error.to_string())?;
            let (head, data) = buffer[..len].split_at(4);
            match head[1] {
                3 => file.extend_from_slice(data),
                5 => return Err(String::from_utf8_lossy(data).into_owned()),
                _ => {
                    // The options that it takes; block 0 acknowledges them.
                    let text = String::from_utf8_lossy(&buffer[2..len]).into_owned();
                    block = text.split('\0').nth(1).unwrap().parse().unwrap();
                    socket.send_to(&[0, 4, 0, 0], peer).unwrap();
                    continue;
                }
            }
            socket.send_to(&[0, 4, head[2], head[3]], peer).unwrap();
            if data.len() < block {
                return Ok(file);
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn files_are_given_and_none_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("files");
        fs::create_dir_all(files.join("debian")).unwrap();
        let kernel: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        fs::write(files.join("debian/linux"), &kernel).unwrap();
        fs::write(folder.path().join("secrets.toml"), "secret").unwrap();
        let tftp = Tftp::listen("127.0.0.1:0".parse().unwrap(), &files).await.unwrap();
        let address = tftp.address();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(tftp.serve(async { stopped.await.unwrap() }));
        let asked = tokio::task::spawn_blocking(move || {
            for size in [None, Some(1024), Some(60_000)] {
                assert!(fetch(address, "debian/linux", size).unwrap() == kernel, "{size:?}");
            }
            assert!(fetch(address, "/debian/linux", None).is_ok());
            let bad = ["../secrets.toml", "debian/../../secrets.toml", "//", "debian", "none"];
            for bad in bad {
                assert!(fetch(address, bad, None).is_err(), "{bad}");
            }
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            socket.send_to(b"\0\x02debian/new\0octet\0", address).unwrap();
            let mut answer = [0; 64];
            socket.recv_from(&mut answer).unwrap();
            assert_eq!(answer[1], 5, "writing is refused");
        });
        asked.await.unwrap();
        assert!(!files.join("debian/new").exists());
        stop.send(()).unwrap();
        serving.await.unwrap();
    }
}

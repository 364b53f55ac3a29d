//! Downloads one file by HTTP(S): resumes, times out, tries again a few times, stops at a limit.
//!
//! Bytes gather in `<file>.part`; `<file>.part.json` beside it says from which URL, and which
//! version of the file they are. Only the same version is continued (`If-Range`); anything else
//! starts afresh.

use super::{origin::without_password, with_causes};
use crate::progress::Progress;
use reqwest::{
    StatusCode,
    blocking::{Client, Response},
    header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_RANGE, LAST_MODIFIED, RANGE},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// No connection, or it broke.
    #[error("downloading {url}")]
    Connection {
        /// The URL, without secrets.
        url: String,
        /// What the client said.
        source: reqwest::Error,
    },
    /// The connection broke, or the server stalled, in the middle of the file.
    #[error("downloading {url}: it broke off after {done} bytes")]
    BrokeOff {
        /// The URL, without secrets.
        url: String,
        /// How many bytes were there; they are kept.
        done: u64,
        /// What the client said.
        source: io::Error,
    },
    /// The server answered something else than the file.
    #[error("downloading {url}: the server answered {status}")]
    Status {
        /// The URL, without secrets.
        url: String,
        /// The answer.
        status: StatusCode,
    },
    /// The server continued another part than was asked for.
    #[error("downloading {url}: the server continued at another place than asked")]
    OtherRange {
        /// The URL, without secrets.
        url: String,
    },
    /// The file is larger than it may be.
    #[error("downloading {url}: it is larger than {limit} bytes")]
    TooLarge {
        /// The URL, without secrets.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// The file could not be written.
    #[error("writing {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DownloadError {
    /// Whether a later attempt could end otherwise.
    fn may_pass(&self) -> bool {
        match self {
            Self::Connection { source, .. } => !source.is_builder() && !source.is_redirect(),
            Self::BrokeOff { .. } | Self::OtherRange { .. } => true,
            Self::Status { status, .. } => {
                status.is_server_error()
                    || *status == StatusCode::TOO_MANY_REQUESTS
                    || *status == StatusCode::RANGE_NOT_SATISFIABLE
            }
            Self::TooLarge { .. } | Self::Write { .. } => false,
        }
    }
}

/// A file to be downloaded.
#[derive(Clone, Debug)]
pub(super) struct Download {
    url: String,
    file: PathBuf,
    /// How long to wait for a connection.
    pub(super) connect: Duration,
    /// How long to wait for the answer, and for each piece of it.
    pub(super) stall: Duration,
    /// How often to try, all in all.
    pub(super) attempts: u32,
    /// How long to wait before the second attempt; the wait doubles with each further one.
    pub(super) pause: Duration,
    /// The largest file, in bytes.
    pub(super) limit: u64,
}

/// What the gathered bytes belong to.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    url: String,
    /// The server's name for this version of the file: a strong ETag or a date.
    version: String,
}

impl Download {
    pub(super) fn new(url: &str, file: &Path) -> Self {
        Self {
            url: url.to_owned(),
            file: file.to_owned(),
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            attempts: 4,
            pause: Duration::from_secs(1),
            limit: 256 << 20,
        }
    }

    /// Downloads the file; does nothing when it is there whole.
    pub(super) fn run(&self, progress: &mut dyn Progress) -> Result<(), DownloadError> {
        if self.file.is_file() {
            return Ok(());
        }
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder).map_err(self.write_failed(folder))?;
        }
        let client = self.client()?;
        let mut pause = self.pause;
        for _ in 1..self.attempts {
            match self.attempt(&client, progress) {
                Err(error) if error.may_pass() => {
                    let seconds = pause.as_secs_f32();
                    let reason = with_causes(&error);
                    progress.step(&format!("{reason}; trying again in {seconds} s"));
                    thread::sleep(pause);
                    pause = pause.saturating_mul(2);
                }
                ended => return ended,
            }
        }
        self.attempt(&client, progress)
    }

    fn client(&self) -> Result<Client, DownloadError> {
        // Fails when a provider was installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::builder()
            .user_agent(concat!("bootmint/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect)
            .timeout(self.stall)
            .build()
            .map_err(|error| self.connection(error))
    }

    fn attempt(&self, client: &Client, progress: &mut dyn Progress) -> Result<(), DownloadError> {
        let (part, about) = (self.part(), self.about());
        let (have, version) = self.kept();
        let mut request = client.get(&self.url);
        if let Some(version) = version.filter(|_| have > 0) {
            request = request.header(RANGE, format!("bytes={have}-")).header(IF_RANGE, version);
        }
        let response = request.send().map_err(|error| self.connection(error))?;
        let have = match response.status() {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT if continues_at(response.headers(), have) => have,
            status => {
                if status.is_success() || status == StatusCode::RANGE_NOT_SATISFIABLE {
                    self.forget()?;
                }
                return Err(match status {
                    StatusCode::PARTIAL_CONTENT => DownloadError::OtherRange { url: self.shown() },
                    _ => DownloadError::Status { url: self.shown(), status },
                });
            }
        };
        self.note_version(response.headers())?;
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(have > 0).truncate(have == 0);
        let mut file = options.open(&part).map_err(self.write_failed(&part))?;
        self.receive(response, have, &mut file, progress)?;
        fs::rename(&part, &self.file).map_err(self.write_failed(&self.file))?;
        remove(&about).map_err(self.write_failed(&about))
    }

    fn receive(
        &self,
        mut response: Response,
        have: u64,
        file: &mut File,
        progress: &mut dyn Progress,
    ) -> Result<(), DownloadError> {
        let total = response.content_length().map(|rest| rest.saturating_add(have));
        let too_large = || DownloadError::TooLarge { url: self.shown(), limit: self.limit };
        let mut done = have;
        let mut buffer = vec![0; 64 << 10];
        loop {
            if done.max(total.unwrap_or(0)) > self.limit {
                self.forget()?;
                return Err(too_large());
            }
            progress.bytes(done, total);
            let broke_off = |source| DownloadError::BrokeOff { url: self.shown(), done, source };
            let count = response.read(&mut buffer).map_err(broke_off)?;
            let Some(bytes @ [_, ..]) = buffer.get(..count) else { return Ok(()) };
            file.write_all(bytes).map_err(self.write_failed(&self.part()))?;
            done = done.saturating_add(count as u64);
        }
    }

    /// How many bytes are kept, and of which version of the file; none unless that is known.
    fn kept(&self) -> (u64, Option<String>) {
        let about = fs::read(self.about()).ok();
        let about: Option<Part> = about.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        match (about.filter(|part| part.url == self.url), fs::metadata(self.part())) {
            (Some(part), Ok(file)) => (file.len(), Some(part.version)),
            _ => (0, None),
        }
    }

    /// Notes which version the answer is of; a weak ETag names none.
    fn note_version(&self, headers: &HeaderMap) -> Result<(), DownloadError> {
        let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::to_owned);
        let etag = text(ETAG).filter(|etag| !etag.starts_with("W/"));
        let path = self.about();
        let written = match etag.or_else(|| text(LAST_MODIFIED)) {
            None => remove(&path),
            Some(version) => serde_json::to_vec(&Part { url: self.url.clone(), version })
                .map_err(io::Error::other)
                .and_then(|json| fs::write(&path, json)),
        };
        written.map_err(self.write_failed(&path))
    }

    fn forget(&self) -> Result<(), DownloadError> {
        for path in [self.part(), self.about()] {
            remove(&path).map_err(self.write_failed(&path))?;
        }
        Ok(())
    }

    fn part(&self) -> PathBuf {
        self.file.with_added_extension("part")
    }

    fn about(&self) -> PathBuf {
        self.file.with_added_extension("part.json")
    }

    fn shown(&self) -> String {
        without_password(&self.url)
    }

    fn connection(&self, error: reqwest::Error) -> DownloadError {
        DownloadError::Connection { url: self.shown(), source: error.without_url() }
    }

    fn write_failed(&self, path: &Path) -> impl FnOnce(io::Error) -> DownloadError + use<> {
        let path = path.to_owned();
        move |source| DownloadError::Write { path, source }
    }
}

/// Whether a partial answer starts where the kept bytes end.
fn continues_at(headers: &HeaderMap, have: u64) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    have > 0 && range.is_some_and(|range| range.starts_with(&format!("bytes {have}-")))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;

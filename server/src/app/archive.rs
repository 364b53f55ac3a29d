//! Old rows of the audit log move to a file, one JSON object in each line. The chain goes through
//! both: the file's last digest is what the first row of the database follows.

use super::{App, ship};
use crate::{
    db::{Actor, AuditRow, Broken, Chain, DbError, End},
    secret::Digest,
    time::{Seconds, Timestamp},
};
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

/// How many rows are read at a time.
const PAGE: i64 = 1000;
/// The longest line of an archive, in bytes.
const MAX_LINE: u64 = 1 << 20;
/// What always stays: limits count the armings of a day.
const STAYS: Seconds = Seconds::new(7 * 24 * 60 * 60);

/// Rows of how long a time go to one file together, where the server archives by itself.
const TOGETHER: Seconds = Seconds::new(30 * 24 * 60 * 60);

/// What moved to an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// The number of the first row.
    pub first: i64,
    /// The last row.
    pub end: End,
}

/// Why there is no archive, or one that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// No row is that old.
    #[error(
        "no row is that old, was sent to all webhooks and to syslog, and is older than a week: \
         nothing was changed"
    )]
    Nothing,
    /// Others archived rows meanwhile.
    #[error("rows were archived by somebody else meanwhile: nothing was changed")]
    Stale,
    /// The file cannot be written or read.
    #[error("{}: cannot be written or read", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No file is written over.
    #[error(
        "{}: is there already. If archiving broke off when it was written, its rows are still in the \
         database: remove it",
        .0.display()
    )]
    Exists(PathBuf),
    /// A line is no row.
    #[error("{}: line {line} is no row of an audit log", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line.
        line: u64,
    },
    /// The chain does not hold.
    #[error("{}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Where, and why.
        source: Broken,
    },
    /// It does not go on where another ends.
    #[error("{}: ends with row {end}, but what follows begins after row {start}, or after another row of that number", path.display())]
    Gap {
        /// The file.
        path: PathBuf,
        /// Its last row.
        end: i64,
        /// Where the next one begins.
        start: i64,
    },
}

impl App {
    /// Moves the rows from before `before` to the new file `to`; later rows stay, and so do those
    /// that a webhook or syslog waits for.
    pub async fn archive_audit(
        &self,
        before: Timestamp,
        to: &Path,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Archived, ArchiveError> {
        let start = self.store.audit_start().await?;
        let most = self.delivered_to_all().await?;
        let file = |source| ArchiveError::File { path: to.to_owned(), source };
        let folder = to.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        let mut out = Out::new(folder).map_err(file)?;
        let before = before.min(now.before(STAYS));
        let end = self.copy(&start, (before, most), &mut out).await?.map_err(file)?;
        if end == start {
            return Err(ArchiveError::Nothing);
        }
        let digest = out.keep(to, folder).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => ArchiveError::Exists(to.to_owned()),
            _ => file(source),
        })?;
        let name = to.file_name().unwrap_or_default().to_string_lossy();
        let detail = format!("in {name} with SHA-256 {digest}");
        if !self.store.forget_audit((&start, &end), &detail, actor, now).await? {
            // Somebody else's archive has these rows.
            std::fs::remove_file(to).map_err(file)?;
            return Err(ArchiveError::Stale);
        }
        Ok(Archived { first: start.seq.saturating_add(1), end })
    }

    /// Moves old rows to the folder of archives, if there is one and they have waited long enough
    /// to fill a file; returns that.
    pub async fn archive_by_itself(
        &self,
        now: Timestamp,
    ) -> Result<Option<(PathBuf, Archived)>, ArchiveError> {
        let Some(archive) = &self.config.archive else { return Ok(None) };
        let start = self.store.audit_start().await?;
        let oldest = self.store.audit(start.seq, 1).await?.pop();
        let before = now.before(archive.after);
        if oldest.is_none_or(|oldest| oldest.at >= before.before(TOGETHER)) {
            return Ok(None);
        }
        // Their names are in the order of their rows.
        let name = format!("audit-{:012}.ndjson", start.seq.saturating_add(1));
        let to = archive.folder.join(name);
        match self.archive_audit(before, &to, &Actor::clock(), now).await {
            Ok(done) => Ok(Some((to, done))),
            // Somebody waits for these rows, or another replica was faster.
            Err(ArchiveError::Nothing | ArchiveError::Stale) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The last row that nobody waits for.
    async fn delivered_to_all(&self) -> Result<i64, DbError> {
        let mut most = i64::MAX;
        let hooks = self.config.webhooks.iter().map(|hook| hook.name.as_str());
        for place in hooks.chain(self.config.syslog.iter().map(|_| ship::PLACE)) {
            if let Some(place) = self.store.webhook(place).await? {
                most = most.min(place.delivered);
            }
        }
        Ok(most)
    }

    /// Writes the rows behind `start`, as long as they are older than that and not behind `most`.
    async fn copy(
        &self,
        start: &End,
        (before, most): (Timestamp, i64),
        out: &mut Out,
    ) -> Result<io::Result<End>, DbError> {
        let mut end = start.clone();
        loop {
            let rows = self.store.audit(end.seq, PAGE).await?;
            if rows.is_empty() {
                return Ok(Ok(end));
            }
            for row in rows {
                if row.at >= before || row.seq > most {
                    return Ok(Ok(end));
                }
                if let Err(error) = out.row(&row) {
                    return Ok(Err(error));
                }
                end = End { seq: row.seq, hash: row.hash };
            }
        }
    }
}

/// A file that appears whole or not at all, for its owner alone.
struct Out {
    file: BufWriter<tempfile::NamedTempFile>,
    digest: Sha256,
}

impl Out {
    fn new(folder: &Path) -> io::Result<Self> {
        let file = BufWriter::new(tempfile::NamedTempFile::new_in(folder)?);
        Ok(Self { file, digest: Sha256::new() })
    }

    fn row(&mut self, row: &AuditRow) -> io::Result<()> {
        let mut line = serde_json::to_vec(row)?;
        line.push(b'\n');
        self.digest.update(&line);
        self.file.write_all(&line)
    }

    /// Puts the file in its place, where none may be; returns its digest.
    fn keep(self, to: &Path, folder: &Path) -> io::Result<String> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(to).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()?;
        Ok(crate::secret::hex(&self.digest.finalize()))
    }
}

/// Archives that lead to the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Archives {
    /// How many rows they have.
    pub rows: u64,
    /// The row that has the digest which was looked for.
    pub found: Option<i64>,
}

/// Checks archives in their order, and that `start` follows the last of them; looks for the row
/// with the digest `noted`.
pub fn verify_archives(
    files: &[PathBuf],
    start: &End,
    noted: Option<&Digest>,
) -> Result<Archives, ArchiveError> {
    let (mut all, mut last): (Archives, Option<(End, &Path)>) = (Archives::default(), None);
    for path in files {
        let mut lines = Lines::open(path)?;
        let mut chain = None;
        while let Some(row) = lines.next()? {
            let chain = match &mut chain {
                Some(chain) => chain,
                None => {
                    let before = End { seq: row.seq.saturating_sub(1), hash: row.previous.clone() };
                    if let Some((end, path)) = last.take() {
                        follows(path, &end, &before)?;
                    }
                    chain.insert(Chain::after(before).looking_for(noted))
                }
            };
            let broken = |source| ArchiveError::Broken { path: path.clone(), source };
            chain.push(&row).map_err(broken)?;
            all.rows = all.rows.saturating_add(1);
        }
        let line = lines.line;
        let chain = chain.ok_or_else(|| ArchiveError::Line { path: path.clone(), line })?;
        all.found = all.found.or(chain.found());
        last = Some((chain.end().clone(), path));
    }
    if let Some((end, path)) = last {
        follows(path, &end, start)?;
    }
    Ok(all)
}

fn follows(path: &Path, end: &End, start: &End) -> Result<(), ArchiveError> {
    if end == start {
        return Ok(());
    }
    Err(ArchiveError::Gap { path: path.to_owned(), end: end.seq, start: start.seq })
}

/// The rows of an archive.
struct Lines<'a> {
    path: &'a Path,
    from: BufReader<File>,
    line: u64,
}

impl<'a> Lines<'a> {
    fn open(path: &'a Path) -> Result<Self, ArchiveError> {
        let file = File::open(path)
            .map_err(|source| ArchiveError::File { path: path.to_owned(), source })?;
        Ok(Self { path, from: BufReader::new(file), line: 0 })
    }

    fn next(&mut self) -> Result<Option<AuditRow>, ArchiveError> {
        let file = |source| ArchiveError::File { path: self.path.to_owned(), source };
        let mut line = Vec::new();
        self.from.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(file)?;
        if line.is_empty() {
            return Ok(None);
        }
        self.line = self.line.saturating_add(1);
        let wrong = |_| ArchiveError::Line { path: self.path.to_owned(), line: self.line };
        serde_json::from_slice(&line).map(Some).map_err(wrong)
    }
}

#[cfg(test)]
mod tests;

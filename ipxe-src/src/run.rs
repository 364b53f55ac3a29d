//! Runs external programs: the only module of this crate that does.
//!
//! An [`Invocation`] is a value: it can be shown, compared in tests, and run in one of three
//! ways: captured, streamed line by line, or as a pipe whose output the caller reads. Whatever
//! fails says which command it was, its last lines, and what to do.

mod error;
mod packages;

pub use error::RunError;
pub use packages::{Packages, packages};

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// How many of a command's last lines a failure keeps.
const LAST_LINES: usize = 20;
/// The longest line that is kept, in bytes; the rest of a longer one becomes lines of its own.
const MAX_LINE: u64 = 4096;
/// The largest output that [`Invocation::capture`] takes, in bytes.
const MAX_CAPTURE: u64 = 64 << 20;
/// How long a command may go on when nobody reads its output any more.
const GRACE: Duration = Duration::from_millis(500);

/// What a command says while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// The command itself, quoted for a shell, just before it starts.
    Command(&'a str),
    /// One line of its output or error output, without the line's end.
    Line(&'a str),
}

/// Takes what commands say; echoing, logging and counting progress are up to it.
pub type Listener<'a> = dyn FnMut(Said<'_>) + 'a;

/// A program with its arguments, environment and folder, not yet run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    folder: Option<PathBuf>,
    input: Option<PathBuf>,
    remedy: Option<String>,
}

impl Invocation {
    /// `program`, looked for on the PATH unless it is a path, without arguments.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            folder: None,
            input: None,
            remedy: None,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Takes an environment variable away.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), None));
        self
    }

    /// Runs it in `folder` instead of the current one.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Gives it `file` as its standard input, instead of nothing.
    #[must_use]
    pub fn input(mut self, file: &Path) -> Self {
        self.input = Some(file.to_owned());
        self
    }

    /// What a failure tells its reader to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Runs it and gives what it wrote to its output, of at most 64 MiB; fails unless it succeeds.
    pub fn capture(&self, listener: &mut Listener<'_>) -> Result<Vec<u8>, RunError> {
        self.pipe(listener, |output| {
            let mut bytes = Vec::new();
            output.take(MAX_CAPTURE).read_to_end(&mut bytes)?;
            Ok(bytes)
        })
        .and_then(|result: io::Result<_>| result.map_err(|source| self.io(source)))
    }

    /// Runs it, handing each line of output and error output to `listener` as it comes; fails
    /// unless it succeeds.
    pub fn stream(&self, listener: &mut Listener<'_>) -> Result<(), RunError> {
        let mut child = self.spawn(listener)?;
        let (sender, lines) = mpsc::channel();
        if let Some(output) = child.0.stdout.take() {
            forward(output, sender.clone());
        }
        if let Some(errors) = child.0.stderr.take() {
            forward(errors, sender);
        }
        let mut last = LastLines::default();
        for line in lines {
            listener(Said::Line(&line));
            last.push(line);
        }
        self.finish(child, last)
    }

    /// Runs it and lets `consume` read its output; fails unless it succeeds.
    ///
    /// When `consume` itself gives an error, the command is ended and its result is `Ok(Err(_))`.
    /// When the command fails, that is the error, whatever `consume` made of the output.
    pub fn pipe<T, E>(
        &self,
        listener: &mut Listener<'_>,
        consume: impl FnOnce(&mut dyn Read) -> Result<T, E>,
    ) -> Result<Result<T, E>, RunError> {
        let mut child = self.spawn(listener)?;
        let (sender, lines) = mpsc::channel();
        if let Some(errors) = child.0.stderr.take() {
            forward(errors, sender);
        }
        let consumed = match child.0.stdout.take() {
            Some(mut output) => {
                let consumed = consume(&mut output);
                if consumed.is_ok() {
                    // What is left unread must not block the command's end.
                    let _ = io::copy(&mut output, &mut io::sink());
                }
                consumed
            }
            None => consume(&mut io::empty()),
        };
        // A command that failed by itself is the better explanation, so it gets a moment to end.
        // What it started may live on and hold its error output: nobody waits for that.
        if consumed.is_err() && child.still_runs_after(GRACE) {
            child.end();
            return Ok(consumed);
        }
        let mut last = LastLines::default();
        for line in lines {
            listener(Said::Line(&line));
            last.push(line);
        }
        match self.finish(child, last) {
            Err(RunError::Failed { status, .. }) if consumed.is_err() && broken_pipe(status) => {
                Ok(consumed)
            }
            ended => ended.map(|()| consumed),
        }
    }

    /// Whether the program can be started at all.
    pub fn program_exists(&self) -> bool {
        let program = Path::new(&self.program);
        if program.components().count() > 1 {
            return program.is_file();
        }
        std::env::var_os("PATH").is_some_and(|path| {
            std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
        })
    }

    fn spawn(&self, listener: &mut Listener<'_>) -> Result<Running, RunError> {
        if let Some(folder) = self.folder.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(RunError::NoFolder { command: self.to_string(), folder: folder.clone() });
        }
        let mut command = self.command().map_err(|source| self.io(source))?;
        let input = match &self.input {
            None => Stdio::null(),
            Some(file) => File::open(file).map_err(|source| self.io(source))?.into(),
        };
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        listener(Said::Command(&self.to_string()));
        match command.spawn() {
            Ok(child) => Ok(Running(child)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.missing()),
            Err(source) => Err(self.io(source)),
        }
    }

    fn command(&self) -> io::Result<Command> {
        let shell = xshell::Shell::new().map_err(io::Error::other)?;
        let mut command = shell.cmd(&self.program).args(&self.args).quiet();
        for (name, value) in &self.env {
            command = match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut command = Command::from(command);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        Ok(command)
    }

    fn finish(&self, mut child: Running, last: LastLines) -> Result<(), RunError> {
        let status = child.0.wait().map_err(|source| self.io(source))?;
        if status.success() {
            return Ok(());
        }
        Err(RunError::Failed {
            command: self.to_string(),
            status,
            lines: last.0.into(),
            remedy: self.remedy.clone(),
        })
    }

    fn missing(&self) -> RunError {
        let program = self.program.to_string_lossy().into_owned();
        RunError::Missing { packages: packages(&program), program }
    }

    fn io(&self, source: io::Error) -> RunError {
        RunError::Io { command: self.to_string(), source }
    }
}

/// The command as it can be pasted into a shell, with its folder and environment.
impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(folder) = &self.folder {
            write!(f, "cd {} && ", quote(folder.as_os_str()))?;
        }
        let (unset, set): (Vec<_>, Vec<_>) = self.env.iter().partition(|(_, v)| v.is_none());
        if !unset.is_empty() {
            f.write_str("env ")?;
        }
        for (name, _) in unset {
            write!(f, "-u {} ", quote(name))?;
        }
        for (name, value) in set {
            write!(
                f,
                "{}={} ",
                name.to_string_lossy(),
                quote(value.as_deref().unwrap_or_default())
            )?;
        }
        f.write_str(&quote(&self.program))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quote(arg)))?;
        match &self.input {
            Some(file) => write!(f, " < {}", quote(file.as_os_str())),
            None => Ok(()),
        }
    }
}

/// `word` as a POSIX shell reads it back.
fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A child process that does not outlive its owner.
struct Running(Child);

impl Running {
    fn still_runs(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    fn still_runs_after(&mut self, grace: Duration) -> bool {
        let step = grace / 20;
        (0..20).all(|_| {
            let runs = self.still_runs();
            if runs {
                thread::sleep(step);
            }
            runs
        })
    }

    fn end(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.still_runs() {
            self.end();
        }
    }
}

#[derive(Default)]
struct LastLines(VecDeque<String>);

impl LastLines {
    fn push(&mut self, line: String) {
        if self.0.len() == LAST_LINES {
            self.0.pop_front();
        }
        self.0.push_back(line);
    }
}

/// Whether a command ended because nobody read its output, itself or as a shell tells it.
fn broken_pipe(status: ExitStatus) -> bool {
    const SIGPIPE: i32 = 13;
    status.signal() == Some(SIGPIPE) || status.code() == Some(128 + SIGPIPE)
}

/// Sends each line of `stream` from a thread of its own, until it ends or nobody listens.
fn forward(stream: impl Read + Send + 'static, lines: mpsc::Sender<String>) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while let Ok(1..) = (&mut stream).take(MAX_LINE).read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            if lines.send(text).is_err() {
                return;
            }
            line.clear();
        }
    });
}

#[cfg(test)]
mod tests;

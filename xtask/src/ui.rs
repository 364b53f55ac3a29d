//! What a person, a log or a program sees: lines, warnings, progress, JSON.
//!
//! Results go to standard output, everything else to standard error. Progress is a bar on a
//! terminal and a plain line now and then elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::{
    fmt::Display,
    io::{IsTerminal, Write},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How often a plain progress line is written where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Output flags that all commands share.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Print results and errors only
    #[arg(long, global = true)]
    quiet: bool,
    /// Print the result as JSON on standard output
    #[arg(long, global = true)]
    json: bool,
}

/// The one way to print.
#[derive(Clone, Debug)]
pub struct Ui {
    quiet: bool,
    json: bool,
}

impl Ui {
    /// Output as the flags ask.
    pub fn new(args: &Args) -> Self {
        Self { quiet: args.quiet, json: args.json }
    }

    /// Whether the result is to be JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// A line of the result.
    pub fn result(&self, line: impl Display) {
        if !self.json {
            write_line(&mut std::io::stdout().lock(), &line);
        }
    }

    /// The result for programs; printed only when JSON was asked for.
    pub fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        if self.json {
            let text = serde_json::to_string_pretty(value)?;
            write_line(&mut std::io::stdout().lock(), &text);
        }
        Ok(())
    }

    /// What happens, for a person; silent with `--quiet`.
    pub fn note(&self, line: impl Display) {
        if !self.quiet {
            write_line(&mut std::io::stderr().lock(), &line);
        }
    }

    /// Something that the user must know, quiet or not.
    pub fn warn(&self, line: impl Display) {
        write_line(&mut std::io::stderr().lock(), &format_args!("warning: {line}"));
    }

    /// An error with its chain of causes.
    pub fn error(&self, error: &anyhow::Error) {
        let mut text = format!("error: {error}");
        for cause in error.chain().skip(1) {
            text.push_str(&format!("\n  because: {cause}"));
        }
        write_line(&mut std::io::stderr().lock(), &text);
    }

    /// Progress over `total` units named `unit`; zero when the total is not known yet.
    pub fn progress(&self, label: &str, unit: Unit, total: u64) -> Progress {
        let bar = ProgressBar::new(total);
        if self.quiet || !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        } else {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
            bar.set_style(unit.style());
            bar.set_prefix(label.to_owned());
        }
        let plain = !self.quiet && !std::io::stderr().is_terminal();
        Progress {
            bar,
            label: label.to_owned(),
            unit,
            plain,
            last: Mutex::new(Instant::now()),
            seen: AtomicU64::new(0),
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things, such as images or objects.
    Count,
    /// Bytes.
    Bytes,
}

impl Unit {
    fn style(self) -> ProgressStyle {
        let template = match self {
            Self::Count => "{prefix} {bar:30} {pos}/{len} {per_sec} eta {eta} {wide_msg}",
            Self::Bytes => {
                "{prefix} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} eta {eta} {wide_msg}"
            }
        };
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
    }
}

/// A bar on a terminal, plain lines elsewhere, nothing with `--quiet`.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    label: String,
    unit: Unit,
    plain: bool,
    last: Mutex<Instant>,
    seen: AtomicU64,
}

impl Progress {
    /// Sets how much there is to do.
    pub fn set_total(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// Sets how much is done.
    pub fn set(&self, done: u64) {
        self.seen.store(done, Ordering::Relaxed);
        self.bar.set_position(done);
        self.plain_line();
    }

    /// Adds to what is done.
    pub fn add(&self, done: u64) {
        self.seen.fetch_add(done, Ordering::Relaxed);
        self.bar.inc(done);
        self.plain_line();
    }

    /// Says what is being worked on.
    pub fn message(&self, text: impl Into<String>) {
        self.bar.set_message(text.into());
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn plain_line(&self) {
        if !self.plain {
            return;
        }
        let Ok(mut last) = self.last.try_lock() else { return };
        if last.elapsed() < PLAIN_INTERVAL {
            return;
        }
        *last = Instant::now();
        let (done, total) = (self.seen.load(Ordering::Relaxed), self.bar.length().unwrap_or(0));
        let (divisor, name) = match self.unit {
            Unit::Count => (1, ""),
            Unit::Bytes => (1024, " KiB"),
        };
        let line = format!(
            "{}: {}/{}{name} {}",
            self.label,
            done / divisor,
            total / divisor,
            self.bar.message()
        );
        write_line(&mut std::io::stderr().lock(), &line.trim_end());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A closed pipe is no reason to fail: whoever read has seen enough.
fn write_line(to: &mut impl Write, line: &impl Display) {
    let _ = writeln!(to, "{line}");
}

//! The client of the server's benchmark: wrk, which sends what a Lua script tells it.

use anyhow::Context;
use serde::Serialize;
use std::path::Path;
use xshell::{Shell, cmd};

/// The end of every script: the figures, in one line.
const FIGURES: &str = r#"
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %f %f %f %f %d\n", summary.requests,
    summary.requests / summary.duration * 1e6, summary.bytes / summary.duration,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"#;

/// wrk, with so many connections for so long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wrk {
    pub(super) connections: usize,
    pub(super) seconds: usize,
}

/// What one run of it measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Run {
    pub(super) requests: u64,
    pub(super) per_second: f64,
    /// Megabytes that came in a second, heads of answers and unfinished answers among them.
    pub(super) mb_per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Answers that were no success, and connections that broke.
    pub(super) errors: u64,
}

impl Wrk {
    /// Sends what `script` tells to `url`; the script is written to `file` first.
    pub(super) fn run(self, script: &str, file: &Path, url: &str) -> anyhow::Result<Run> {
        std::fs::write(file, [script, FIGURES].concat())?;
        let (connections, seconds) = (self.connections.to_string(), self.seconds.to_string());
        let shell = Shell::new()?;
        let output =
            cmd!(shell, "wrk -t 2 -c {connections} -d {seconds}s --timeout 10s -s {file} {url}")
                .quiet()
                .read()?;
        parse(&output).with_context(|| format!("reading the figures of wrk:\n{output}"))
    }
}

fn parse(output: &str) -> Option<Run> {
    let line = output.lines().find_map(|line| line.strip_prefix("RESULT "))?;
    let mut words = line.split(' ');
    let run = Run {
        requests: words.next()?.parse().ok()?,
        per_second: words.next()?.parse().ok()?,
        mb_per_second: words.next()?.parse().ok()?,
        p50_ms: words.next()?.parse().ok()?,
        p99_ms: words.next()?.parse().ok()?,
        errors: words.next()?.parse().ok()?,
    };
    Some(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_the_client_are_read() {
        let run = parse("Running 1s test\nRESULT 1200 600.5 815.25 1.25 48.75 3\n").unwrap();
        let expected = Run {
            requests: 1200,
            per_second: 600.5,
            mb_per_second: 815.25,
            p50_ms: 1.25,
            p99_ms: 48.75,
            errors: 3,
        };
        assert_eq!(run, expected);
        assert_eq!(parse("RESULT 1200 600.5 815.25 1.25 48.75\n"), None);
        assert_eq!(parse("Running 1s test\n"), None);
    }
}

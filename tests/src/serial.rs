//! A machine's serial line: every byte goes to a log file, its text can be waited for.

use anyhow::{Context, bail};
use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Instant,
};

/// Where firmware ends that found nothing to boot: SeaBIOS, and OVMF's shell. Nothing comes after.
const DEAD_ENDS: [&str; 2] = ["No bootable device.", "Shell> "];
/// How many of the line's last characters an error shows.
const LAST_CHARACTERS: usize = 1500;

/// Takes terminal control sequences out of a stream of bytes, however it is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stripper {
    /// Text.
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// In a control sequence: ESC [ parameters, up to a final byte (ECMA-48, 5.4).
    Control,
}

impl Stripper {
    /// The next byte; what of it is text. Carriage returns and NULs are dropped.
    fn push(&mut self, byte: u8) -> Option<u8> {
        match (*self, byte) {
            (_, 0x1b) => *self = Self::Escape,
            (Self::Text, b'\r' | 0) => {}
            (Self::Text, _) => return Some(byte),
            (Self::Escape, b'[') => *self = Self::Control,
            (Self::Control, 0x20..=0x3f) => {}
            (Self::Escape | Self::Control, _) => *self = Self::Text,
        }
        None
    }
}

#[derive(Debug, Default)]
struct State {
    text: String,
    ended: bool,
}

/// The reading end of a serial line.
#[derive(Debug)]
pub struct Serial {
    shared: Arc<(Mutex<State>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

impl Serial {
    /// Reads `source` to its end in the background and copies every byte to `log`.
    pub fn read(source: impl Read + Send + 'static, log: &Path) -> anyhow::Result<Self> {
        let file = File::create(log)
            .with_context(|| format!("creating the serial log {}", log.display()))?;
        let shared = Arc::default();
        let theirs = Arc::clone(&shared);
        let reader = std::thread::spawn(move || pump(source, file, &theirs));
        Ok(Self { shared, reader: Some(reader) })
    }

    /// Waits until `wanted` stands in the text; fails when the line ends or comes to a dead end
    /// before that, and at `deadline`.
    pub fn wait_for(&self, wanted: &str, deadline: Instant) -> anyhow::Result<()> {
        let (mutex, changed) = &*self.shared;
        let mut state = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.text.contains(wanted) {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let why = if state.ended {
                "the serial line ended"
            } else if DEAD_ENDS.iter().any(|end| state.text.contains(end)) {
                "the machine found nothing more to boot"
            } else if left.is_zero() {
                "time ran out"
            } else {
                let wait = changed.wait_timeout(state, left);
                state = wait.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            };
            bail!("{why} before \"{wanted}\" stood on it; its last words:\n{}", tail(&state.text));
        }
    }

    /// The text so far.
    pub fn text(&self) -> String {
        self.lock().text.clone()
    }

    /// The whole text, when the machine has ended.
    pub fn finish(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join(); // a panicked reader leaves the text that it had read
        }
        self.text()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pump(mut source: impl Read, mut log: File, shared: &(Mutex<State>, Condvar)) {
    let (mutex, changed) = shared;
    let mut stripper = Stripper::default();
    let mut buffer = [0; 4096];
    loop {
        // An error here is the end of the machine, which its exit status explains.
        let count = source.read(&mut buffer).unwrap_or(0);
        let bytes = buffer.get(..count).unwrap_or_default();
        let _ = log.write_all(bytes); // a full disk must not hide what the machine says
        let text: Vec<u8> = bytes.iter().filter_map(|&byte| stripper.push(byte)).collect();
        let mut state = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        state.text.push_str(&String::from_utf8_lossy(&text));
        state.ended = count == 0;
        changed.notify_all();
        if count == 0 {
            return;
        }
    }
}

/// The last lines of a text, indented, blank lines left out.
fn tail(text: &str) -> String {
    let start = text.char_indices().rev().nth(LAST_CHARACTERS).map_or(0, |(index, _)| index);
    let lines = text.get(start..).unwrap_or_default().lines();
    let lines: Vec<_> = lines.map(str::trim_end).filter(|line| !line.is_empty()).collect();
    format!("    | {}", lines.join("\n    | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn strip(stripper: &mut Stripper, bytes: &[u8]) -> Vec<u8> {
        bytes.iter().filter_map(|&byte| stripper.push(byte)).collect()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    fn read(bytes: &'static [u8]) -> (Serial, tempfile::NamedTempFile) {
        let log = tempfile::NamedTempFile::new().unwrap();
        (Serial::read(bytes, log.path()).unwrap(), log)
    }

    #[test]
    fn text_is_found_through_colours_and_cursor_moves() {
        let (mut serial, log) =
            read(b"\x1b[2J\x1b[01;01H\x1b[0;1miP\x1b[0mXE\r\nSEN\x1b[?7lTINEL\r\n");
        serial.wait_for("SENTINEL", soon()).unwrap();
        assert_eq!(serial.finish(), "iPXE\nSENTINEL\n");
        assert!(std::fs::read(log.path()).unwrap().starts_with(b"\x1b[2J"));
    }

    #[test]
    fn a_line_that_ends_says_what_was_missing_and_what_was_there() {
        let (serial, _log) = read(b"Booting\r\n\r\nPowering off.\r\n");
        let error = serial.wait_for("SENTINEL", soon()).unwrap_err().to_string();
        assert_eq!(
            error,
            "the serial line ended before \"SENTINEL\" stood on it; its last words:\n    \
             | Booting\n    | Powering off."
        );
    }

    #[test]
    fn a_dead_end_is_not_waited_out() {
        let (source, mut writer) = std::io::pipe().unwrap();
        let log = tempfile::NamedTempFile::new().unwrap();
        let serial = Serial::read(source, log.path()).unwrap();
        writer.write_all(b"No bootable device.\r\n").unwrap();
        serial.wait_for("No bootable device", soon()).unwrap();
        let error = serial.wait_for("SENTINEL", soon()).unwrap_err().to_string();
        assert!(error.starts_with("the machine found nothing more to boot"), "{error}");
    }

    #[test]
    fn waiting_ends_at_the_deadline() {
        let (source, _writer) = std::io::pipe().unwrap();
        let log = tempfile::NamedTempFile::new().unwrap();
        let serial = Serial::read(source, log.path()).unwrap();
        let error = serial.wait_for("SENTINEL", Instant::now() + Duration::from_millis(50));
        assert!(error.unwrap_err().to_string().starts_with("time ran out"));
    }

    proptest! {
        #[test]
        fn cutting_the_stream_changes_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..200) {
            let at = at.min(bytes.len());
            let whole = strip(&mut Stripper::default(), &bytes);
            let mut stripper = Stripper::default();
            let mut parts = strip(&mut stripper, &bytes[..at]);
            parts.extend(strip(&mut stripper, &bytes[at..]));
            prop_assert_eq!(parts, whole);
        }
    }
}

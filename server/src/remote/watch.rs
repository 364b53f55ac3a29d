//! Server-sent events, as a program reads them (WHATWG HTML, section 9.2).

use super::{Remote, RemoteError};
use reqwest::{Method, header::ACCEPT};
use serde::Deserialize;
use std::{
    io::{self, BufRead, BufReader, Read},
    time::Duration,
};

/// The longest line of an event, in bytes.
const MAX_LINE: u64 = 64 << 10;
/// How long a stream of events may last; the server ends it sooner, and is asked again.
const STREAM: Duration = Duration::from_secs(600);
/// How long to wait before a broken stream is asked for again.
const REST: Duration = Duration::from_secs(2);

/// A change of a host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// The host.
    pub host: String,
    /// What happened.
    pub event: String,
    /// The state before.
    pub was: String,
    /// The state after.
    pub became: String,
    /// When.
    pub at: String,
}

impl Remote {
    /// Tells `heard` of each change from now on, until it says that it heard enough. A stream that
    /// ends or breaks is taken up where it ended.
    pub fn watch(&self, heard: &mut dyn FnMut(&Event) -> Hear) -> Result<(), RemoteError> {
        let mut last = None;
        loop {
            let mut request = self.request(Method::GET, "/events").timeout(STREAM);
            request = request.header(ACCEPT, "text/event-stream");
            if let Some(last) = &last {
                request = request.header("last-event-id", last);
            }
            match self.send(request, "") {
                Ok(answer) => match read(answer, &mut last, heard) {
                    Ok(Hear::Enough) => return Ok(()),
                    Ok(Hear::More) => {}
                    Err(_) => std::thread::sleep(REST),
                },
                // Once it has answered, a server that is away comes back.
                Err(RemoteError::Connection { .. }) if last.is_some() => std::thread::sleep(REST),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hear {
    /// Yes.
    More,
    /// No.
    Enough,
}

/// Reads events up to the stream's end; `last` is the number of the last one.
fn read(
    stream: impl Read,
    last: &mut Option<String>,
    heard: &mut dyn FnMut(&Event) -> Hear,
) -> io::Result<Hear> {
    let mut stream = BufReader::new(stream);
    let (mut id, mut data) = (None, String::new());
    loop {
        let mut line = String::new();
        if (&mut stream).take(MAX_LINE).read_line(&mut line)? == 0 {
            return Ok(Hear::More);
        }
        let line = line.trim_end_matches(['\r', '\n']);
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => id = Some(value.to_owned()),
            "data" => data.push_str(value),
            "" if line.is_empty() => {
                let event = serde_json::from_str(&std::mem::take(&mut data));
                *last = id.take().or_else(|| last.take());
                // Events of other kinds may come to be.
                if let Ok(event) = event
                    && heard(&event) == Hear::Enough
                {
                    return Ok(Hear::Enough);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "retry: 1000\nid: 6\n\n: nothing new\n\nid: 7\nevent: host\ndata: {\"host\": \
        \"web-01\", \"event\": \"arm\", \"was\": \"new\", \"became\": \"armed\", \"at\": \"x\"}\n\n\
        id: 8\r\nevent: other\r\ndata: {}\r\n\r\nid: 9\ndata: {\"host";

    #[test]
    fn whole_events_are_told_and_the_last_number_is_kept() {
        let (mut last, mut told) = (None, Vec::new());
        let mut heard = |event: &Event| {
            told.push(format!("{} {} {}", event.host, event.event, event.became));
            Hear::More
        };
        assert_eq!(read(STREAM.as_bytes(), &mut last, &mut heard).unwrap(), Hear::More);
        assert_eq!(told, ["web-01 arm armed"]);
        assert_eq!(last.as_deref(), Some("8"), "the ninth was cut off");
    }

    #[test]
    fn whoever_heard_enough_is_told_no_more() {
        let mut last = None;
        let ended = read(STREAM.as_bytes(), &mut last, &mut |_| Hear::Enough).unwrap();
        assert_eq!((ended, last.as_deref()), (Hear::Enough, Some("7")));
    }
}

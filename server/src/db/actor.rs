//! Who caused a change, and by which request.

/// Who or what caused a change, as the audit log has it: a closed set of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    name: String,
    trace: Trace,
}

/// What else the audit log knows of a request; empty where there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The role by which it was allowed.
    pub role: String,
    /// The token that was shown.
    pub token: String,
    /// The address that it came from.
    pub source: String,
    /// The request's id.
    pub request: String,
    /// Why, in the person's words.
    pub reason: String,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditResult {
    /// It was done.
    Done,
    /// It was not allowed.
    Denied,
    /// It was tried, and did not succeed.
    Failed,
}

impl AuditResult {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

/// The most characters of a reason that are kept.
const MAX_REASON: usize = 200;

impl Actor {
    /// The machine itself, its ticket or its installer, by that request.
    pub fn machine(trace: &Trace) -> Self {
        Self::by_request("machine", trace)
    }

    /// The server, when a time is over.
    pub fn clock() -> Self {
        Self { name: "clock".to_owned(), trace: Trace::default() }
    }

    /// A person at the command line. Characters that are not plain are replaced.
    pub fn person(name: &str) -> Self {
        Self { name: format!("person:{}", plain(name, 64, "._-@")), trace: Trace::default() }
    }

    /// Who sent a request: `user:NAME`. The name is the same whatever token was shown: limits and
    /// second opinions go by it.
    pub fn by_request(name: &str, trace: &Trace) -> Self {
        let trace = Trace {
            role: plain(&trace.role, 32, "-"),
            token: plain(&trace.token, 32, ""),
            source: plain(&trace.source, 64, ".:%"),
            request: plain(&trace.request, 64, "-"),
            reason: printable(&trace.reason, MAX_REASON),
        };
        Self { name: plain(name, 128, "._-@:"), trace }
    }

    /// The same, for that reason.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        self.trace.reason = printable(reason, MAX_REASON);
        self
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// What is known of the request.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Whether a request is behind it.
    pub(super) fn is_request(&self) -> bool {
        self.trace != Trace::default()
    }
}

fn plain(text: &str, most: usize, signs: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || signs.contains(c) { c } else { '_' };
    text.chars().take(most).map(plain).collect()
}

/// Without control characters, and others that change how a line looks.
fn printable(text: &str, most: usize) -> String {
    let hidden =
        |c: char| c.is_control() || ('\u{200b}'..='\u{206f}').contains(&c) || c == '\u{feff}';
    text.chars().take(most).map(|c| if hidden(c) { '?' } else { c }).collect()
}

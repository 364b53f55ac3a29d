//! What an installer learns from the script that started it.

use crate::client::Answer;
use bootmint_server::machine::AttemptId;

/// The attempt and the secret that an install script carries.
pub(crate) struct Install {
    pub(crate) attempt: AttemptId,
    pub(crate) secret: String,
}

impl Install {
    /// Reads them from where the installer would: the failure report and the answer's URL.
    pub(crate) fn read(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let after = |text: &str| {
            let at = answer.body.find(text).unwrap_or_else(|| panic!("no {text}: {}", answer.body));
            let rest = &answer.body[at + text.len()..];
            rest[..32].to_owned()
        };
        Self { attempt: after("/attempt/").parse().unwrap(), secret: after("/answer/") }
    }
}

//! The command line that manages accounts, tokens and secrets of a server elsewhere: the real
//! program, against the real interface.

use crate::{
    remote::{console, token},
    site::Site,
};
use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

/// Who asks, where.
#[derive(Clone)]
struct Who {
    url: String,
    token: String,
}

impl Who {
    /// Runs `bootmint remote` with the words of `line`, and `input` on its standard input.
    #[allow(clippy::disallowed_methods, reason = "the test runs the real program")]
    async fn run(&self, line: &str, input: &'static str) -> Output {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let (url, token) = (self.url.clone(), self.token.clone());
        let run = move || {
            let mut child = Command::new(env!("CARGO_BIN_EXE_bootmint"))
                .args(["remote", "--server", &url])
                .args(words)
                .env("BOOTMINT_TOKEN", token)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            child.wait_with_output().unwrap()
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    /// What it printed; it must succeed.
    async fn says(&self, line: &str, input: &'static str) -> String {
        let done = self.run(line, input).await;
        let error = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{line}: {error}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Why it failed.
    async fn fails(&self, line: &str, input: &'static str) -> String {
        let done = self.run(line, input).await;
        assert!(!done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stdout));
        String::from_utf8(done.stderr).unwrap()
    }
}

async fn somebody(site: &Site, roles: &str) -> Who {
    let url = console(site).await;
    Who { token: token(site, "root-program", roles).await, url }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_tokens_are_managed_from_elsewhere() {
    let site = Site::start(&["web-01"], "").await;
    let admin = somebody(&site, "admin").await;
    let made = admin.says("users add alice --role viewer", "").await;
    assert!(made.starts_with("one-time password of alice: "), "{made}");
    assert_eq!(admin.says("users add ci --program --role reimager@site:berlin", "").await, "");
    let list = admin.says("users list", "").await;
    let has = |list: &str, words: &[&str]| {
        list.lines().any(|line| line.split_whitespace().collect::<Vec<_>>() == words)
    };
    assert!(has(&list, &["alice", "one-time", "viewer"]), "{list}");
    assert!(has(&list, &["ci", "program", "reimager@site:berlin"]), "{list}");
    admin.says("users grant ci --role viewer", "").await;
    admin.says("users lock alice --reason on-leave", "").await;
    let row = site.app.store().audit(0, 1000).await.unwrap().pop().unwrap();
    assert_eq!((row.reason.as_str(), row.detail.contains("alice")), ("on-leave", true), "{row:?}");
    let list = admin.says("users list", "").await;
    assert!(has(&list, &["alice", "locked", "viewer"]), "{list}");
    assert!(has(&list, &["ci", "program", "viewer"]), "{list}");
    admin.says("users unlock alice", "").await;
    let again = admin.says("users reset-password alice", "").await;
    assert!(again.starts_with("one-time password of alice: ") && again != made, "{again}");

    let token = admin.says("tokens add ci --label wall --role viewer --days 3", "").await;
    let ci = Who { url: admin.url.clone(), token: token.trim().to_owned() };
    assert!(ci.says("hosts list", "").await.starts_with("web-01 "));
    let list = ci.says("tokens list", "").await;
    assert!(list.lines().count() == 1 && list.ends_with(" viewer (wall)\n"), "{list}");
    assert!(!list.contains(ci.token.rsplit('_').next().unwrap()), "{list}");
    assert!(ci.fails("users list", "").await.contains("accounts-manage"));
    let id = list.split(' ').next().unwrap();
    admin.says(&format!("tokens revoke {id}"), "").await;
    assert!(ci.fails("hosts list", "").await.contains("(401)"));
    admin.says("users remove alice --reason she&left", "").await;
    let row = site.app.store().audit(0, 1000).await.unwrap().pop().unwrap();
    assert_eq!(row.reason, "she&left");
    assert!(!admin.says("users list", "").await.contains("alice"));
    assert!(admin.fails("users remove alice", "").await.contains("alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_set_from_elsewhere_and_never_shown() {
    let site = Site::start(&["web-01"], "").await;
    let editor = somebody(&site, "editor").await;
    let set = "secrets set root-password-hash --host web-01 --reason new";
    assert_eq!(editor.says(set, "$6$salt$hash\n").await, "");
    let list = editor.says("secrets list --host web-01", "").await;
    assert!(list.starts_with("root-password-hash ") && list.contains(" by "), "{list}");
    assert!(!list.contains("$6$"), "{list}");
    assert_eq!(editor.says("secrets list", "").await, "", "it is that host's");
    let json = editor.says("--json secrets list --host web-01", "").await;
    assert!(json.contains(r#""name":"root-password-hash""#) && !json.contains("$6$"), "{json}");
    editor.says("secrets remove root-password-hash --host web-01", "").await;
    let gone = editor.fails("secrets remove root-password-hash --host web-01", "").await;
    assert!(gone.contains("no secret of that name"), "{gone}");
}

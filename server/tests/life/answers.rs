//! What the shipped answer files have an installer's shell do at the end.

use crate::{install::Install, site::Site};

/// The commands of a preseed question, as debian-installer hands them to its shell.
fn command(preseed: &str, question: &str) -> String {
    let (_, rest) = preseed.split_once(&format!("d-i {question} string ")).unwrap();
    let command = rest.split_once("\n\n").map_or(rest, |(command, _)| command);
    command.replace("\\\n", " ")
}

/// Runs it where `wget` succeeds at that try, with a folder in place of the machine; says how often
/// it was called, and whether the whole ended well.
fn run(command: &str, succeeds: u32) -> (usize, bool) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    for part in ["etc/network", "target/etc/network"] {
        std::fs::create_dir_all(folder.path().join(part)).unwrap();
    }
    let command = command
        .replace("/target/", &format!("{root}/target/"))
        .replace(">/etc/", &format!(">{root}/etc/"))
        .replace(" /etc/", &format!(" {root}/etc/"))
        // There is no system to run anything in, which is to stop nothing.
        .replace("in-target ", "false ");
    let script = format!(
        "calls=0; sleep() {{ :; }}; wget() {{ calls=$((calls + 1)); echo call; \
         [ $calls -ge {succeeds} ]; }}; {command}"
    );
    #[allow(clippy::disallowed_methods, reason = "a real shell reads what we wrote")]
    let output = std::process::Command::new("sh").args(["-e", "-c", &script]).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (
        output.stdout.split(|&b| b == b'\n').filter(|line| *line == b"call").count(),
        output.status.success(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installer_waits_for_a_server_that_starts_anew_but_not_for_good() {
    let site = Site::start(&["web-01"], "").await;
    site.arm("web-01").await;
    let install = Install::read(&site.boot("web-01").await);
    let preseed = site.answer(&install.secret, "preseed.cfg").await.body;
    let done = command(&preseed, "preseed/late_command");
    assert!(done.contains(&format!("{}/done", install.attempt)), "{done}");
    assert_eq!(run(&done, 1), (1, true));
    assert_eq!(run(&done, 4), (4, true));
    assert_eq!(run(&done, 1000), (30, true), "the system is installed all the same");
}

use super::*;
use crate::{pin::Pins, run::Invocation};
use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// A small git repository with one commit, a pin for it, and a cache.
struct Fixture {
    folder: tempfile::TempDir,
    cache: Cache,
    pin: Pin,
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let git = Invocation::new("git").arg("-C").arg(folder);
    let git = ["AUTHOR", "COMMITTER"].iter().fold(git, |git, who| {
        git.env(format!("GIT_{who}_NAME"), "x").env(format!("GIT_{who}_EMAIL"), "x@example.org")
    });
    let output = git.env("GIT_CONFIG_GLOBAL", "/dev/null").args(arguments).capture(&mut |_| ());
    String::from_utf8(output.unwrap()).unwrap().trim().to_owned()
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    fs::create_dir_all(repository.join("src/net")).unwrap();
    fs::write(repository.join("COPYING"), "free\n").unwrap();
    fs::write(repository.join("src/Makefile"), "all:\n").unwrap();
    fs::write(repository.join("src/net/tcp.c"), "int tcp;\r\n").unwrap();
    git(&repository, &["init", "-q"]);
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "-q", "-m", "x"]);
    git(&repository, &["tag", "v2.0.0"]);
    let mut pin = Pins::load(None).unwrap().get(None).unwrap().clone();
    pin.commit = git(&repository, &["rev-parse", "HEAD"]).parse().unwrap();
    pin.tree = git(&repository, &["rev-parse", "HEAD^{tree}"]).parse().unwrap();
    let cache = Cache::open(Some(folder.path().join("cache"))).unwrap();
    Fixture { folder, cache, pin }
}

impl Fixture {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn import(&self, text: &str) -> Result<SourceTree, SourceError> {
        import(&self.cache, &self.pin, &Origin::parse(text).unwrap(), &mut ())
    }

    /// Imports, checks what arrived, and empties the cache.
    fn check(&self, text: &str) {
        let tree = self.import(text).unwrap();
        assert_eq!(fs::read(tree.path.join("src/net/tcp.c")).unwrap(), b"int tcp;\r\n");
        verify(&self.cache, &self.pin).unwrap();
        assert!(status(&self.cache, &self.pin).present);
        fs::remove_dir_all(self.cache.root()).unwrap();
    }
}

#[test]
fn every_way_brings_the_same_tree() {
    let fixture = fixture();
    let repository = fixture.path("repository");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    git(&repository, &["archive", "--prefix=ipxe-2.0.0/", "-o", "../a.tar.gz", "HEAD"]);
    git(&repository, &["archive", "-o", "../a.tar", "HEAD"]);
    git(fixture.folder.path(), &["clone", "-q", "--bare", "repository", "bare.git"]);
    // The commit counts, not what the work tree holds.
    fs::write(repository.join("src/Makefile"), "changed\n").unwrap();
    for name in ["repository", "bare.git", "a.tar.gz", "a.tar"] {
        fixture.check(&text(&fixture.path(name)));
    }
    fixture.check(&format!("file://{}", text(&fixture.path("bare.git"))));
    Invocation::new("mkdir").arg(fixture.path("plain")).stream(&mut |_| ()).unwrap();
    Invocation::new("tar")
        .args(["xf", "a.tar", "-C", "plain"])
        .folder(fixture.folder.path())
        .stream(&mut |_| ())
        .unwrap();
    fixture.check(&text(&fixture.path("plain")));
}

#[test]
fn another_tree_names_both_ids_and_leaves_the_cache_as_it_was() {
    let mut fixture = fixture();
    let found = fixture.pin.tree;
    fixture.pin.tree = "bdfffc12ce204d4743a30f23aa1745c25b7169b4".parse().unwrap();
    let repository = fixture.path("repository");
    let error = fixture.import(repository.to_str().unwrap()).unwrap_err();
    assert!(matches!(error, SourceError::OtherTree { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&found.to_string()), "{text}");
    assert!(text.contains("bdfffc12ce204d4743a30f23aa1745c25b7169b4"), "{text}");
    assert!(!fixture.cache.root().join("source").exists());
    assert_eq!(fs::read_dir(fixture.cache.root().join("stage")).unwrap().count(), 0);
}

#[test]
fn a_repository_without_the_commit_says_so() {
    let mut fixture = fixture();
    fixture.pin.commit = "12798ec29aa8a64d8675c4378b99f5fe28447afb".parse().unwrap();
    let error = fixture.import(fixture.path("repository").to_str().unwrap()).unwrap_err();
    assert!(matches!(error, SourceError::LacksCommit { .. }), "{error}");
    assert!(error.to_string().contains("does not have commit 12798ec"), "{error}");
}

#[test]
fn a_tree_altered_in_the_cache_is_found_out() {
    let fixture = fixture();
    assert!(matches!(verify(&fixture.cache, &fixture.pin), Err(SourceError::Absent { .. })));
    let tree = fixture.import(fixture.path("repository").to_str().unwrap()).unwrap();
    fs::write(tree.path.join("src/Makefile"), "evil:\n").unwrap();
    assert!(matches!(verify(&fixture.cache, &fixture.pin), Err(SourceError::OtherTree { .. })));
}

#[test]
fn a_named_mirror_is_the_only_place_asked() {
    let fixture = fixture();
    let gone = Mirrors { tarball: Some("http://127.0.0.1:1/{commit}.tar".into()), git: None };
    assert_eq!(ways(&fixture.pin, &gone).unwrap().len(), 1);
    let git = fixture.path("repository").to_str().unwrap().to_owned();
    let mirrors = Mirrors { git: Some(git), tarball: None };
    let tree = fetch(&fixture.cache, &fixture.pin, &mirrors, &mut ()).unwrap();
    assert_eq!(tree.path, fixture.cache.source(&fixture.pin.tree));
    // The cache answers now; nobody is asked.
    fetch(&fixture.cache, &fixture.pin, &gone, &mut ()).unwrap();
}

/// A git server, as an upstream or a mirror is one; ends with the test.
struct Daemon {
    url: String,
    pid: PathBuf,
}

impl Daemon {
    /// Serves the repositories in `folder`.
    fn start(folder: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let pid = folder.join("daemon.pid");
        Invocation::new("git")
            .args(["daemon", "--detach", "--export-all", "--listen=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--pid-file={}", pid.display()))
            .arg(format!("--base-path={}", folder.display()))
            .stream(&mut |_| ())
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "git daemon does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Self { url: format!("git://127.0.0.1:{port}"), pid }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = fs::read_to_string(&self.pid).unwrap();
        // The shell's own: a bare machine has no program of that name.
        Invocation::new("sh").args(["-c", "kill $0", pid.trim()]).stream(&mut |_| ()).unwrap();
    }
}

#[test]
fn a_server_gives_the_pinned_commit_alone() {
    let fixture = fixture();
    let repository = fixture.path("repository");
    // The pin is neither the newest commit nor the only one.
    fs::write(repository.join("src/Makefile"), "newer:\n").unwrap();
    git(&repository, &["commit", "-q", "-a", "-m", "newer"]);
    git(fixture.folder.path(), &["clone", "-q", "--bare", "repository", "bare.git"]);
    let daemon = Daemon::start(fixture.folder.path());
    let mirrors = Mirrors { git: Some(format!("{}/bare.git", daemon.url)), tarball: None };
    let tree = fetch(&fixture.cache, &fixture.pin, &mirrors, &mut ()).unwrap();
    assert_eq!(fs::read(tree.path.join("src/Makefile")).unwrap(), b"all:\n");
    verify(&fixture.cache, &fixture.pin).unwrap();
}

/// A web server that gives out the files of `folder` and knows nothing of git. Its thread ends
/// with the process.
fn web_server(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let request = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let path = request.split([' ', '?']).nth(1).unwrap_or_default().trim_matches('/');
            let (status, body) = match fs::read(folder.join(path)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", vec![]),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    url
}

#[test]
fn a_mirror_of_plain_files_behind_a_web_server_will_do() {
    let fixture = fixture();
    let repository = fixture.path("repository");
    fs::write(repository.join("src/Makefile"), "newer:\n").unwrap();
    git(&repository, &["commit", "-q", "-a", "-m", "newer"]);
    git(fixture.folder.path(), &["clone", "-q", "--bare", "repository", "bare.git"]);
    git(&fixture.path("bare.git"), &["update-server-info"]);
    let url = web_server(fixture.folder.path().to_owned());
    let mirrors = Mirrors { git: Some(format!("{url}/bare.git")), tarball: None };
    let tree = fetch(&fixture.cache, &fixture.pin, &mirrors, &mut ()).unwrap();
    assert_eq!(fs::read(tree.path.join("src/Makefile")).unwrap(), b"all:\n");
    verify(&fixture.cache, &fixture.pin).unwrap();
}

#[test]
fn what_is_out_of_reach_is_listed_with_what_to_do() {
    let fixture = fixture();
    let mirrors = Mirrors { git: Some("file:///no/such.git".into()), tarball: None };
    let error = fetch(&fixture.cache, &fixture.pin, &mirrors, &mut ()).unwrap_err().to_string();
    assert!(error.contains("file:///no/such.git") && error.contains("source import"), "{error}");
    assert!(!fixture.cache.root().join("source").exists());
}

//! The console over HTTPS: the real program with what `init` made, asked by clients that trust its
//! root, by others, and by those that know no HTTPS.

use bootmint_server::{
    time::Timestamp,
    tls::{self, KeyKind, Pair},
};
use reqwest::{
    Certificate, StatusCode,
    blocking::{Client, Response},
    redirect::Policy,
};
use serde_json::json;
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "a long enough password";

/// A site whose server runs; it is killed in the end.
struct Site {
    folder: PathBuf,
    console: SocketAddr,
    once: String,
    server: Child,
    _scratch: tempfile::TempDir,
}

#[allow(clippy::disallowed_methods, reason = "the test runs the real program")]
fn program(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).stdin(Stdio::null()).output().unwrap()
}

pub(crate) fn bootmint(args: &[&str]) -> Output {
    program(env!("CARGO_BIN_EXE_bootmint"), args)
}

#[allow(clippy::disallowed_methods, reason = "the test starts and kills the real server")]
fn serve(config: &Path, console: SocketAddr) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bootmint"))
        .arg("serve")
        .env("BOOTMINT_CONFIG", config)
        .env("BOOTMINT_BOOT__LISTEN", "127.0.0.1:0")
        .env("BOOTMINT_BOOT__LISTEN_TLS", "127.0.0.1:0")
        .env("BOOTMINT_CONSOLE__LISTEN", console.to_string())
        .env("BOOTMINT_LOG__LEVEL", "error")
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

impl Site {
    fn start() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("site");
        let made = bootmint(&["init", folder.to_str().unwrap(), "--name", "boot.example.net"]);
        let said = String::from_utf8(made.stdout).unwrap();
        assert!(made.status.success() && said.contains("at https://127.0.0.1:8081"), "{said}");
        let once = said.split("one-time password ").nth(1).unwrap().split(',').next().unwrap();
        let console = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let server = serve(&folder.join("bootmint.toml"), console);
        let site = Self { folder, console, once: once.to_owned(), server, _scratch: scratch };
        site.until("the server answers", || TcpStream::connect(console).is_ok());
        site
    }

    fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < PATIENCE, "{what}: not yet");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.console)
    }

    fn root(&self) -> String {
        fs::read_to_string(self.folder.join("tls/ca.pem")).unwrap()
    }

    /// Signs in as a browser does.
    fn sign_in(&self, client: &Client) -> Response {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("user", "admin")
            .append_pair("password", &self.once)
            .append_pair("new-password", PASSWORD)
            .append_pair("again", PASSWORD)
            .finish();
        let request = client.post(self.url("/sign-in")).header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(form).send().unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A client that trusts that root alone.
fn trusting(root: &str) -> Client {
    // Fails when a provider was installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .tls_certs_only([Certificate::from_pem(root.as_bytes()).unwrap()])
        .redirect(Policy::none())
        .build()
        .unwrap()
}

fn another_root() -> Pair {
    tls::root(KeyKind::P256, Timestamp::now()).unwrap()
}

#[test]
fn the_console_is_for_who_trusts_its_root_and_its_cookies_are_for_https() {
    let site = Site::start();
    let client = trusting(&site.root());
    let page = client.get(site.url("/sign-in")).send().unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(page.headers()["strict-transport-security"], "max-age=31536000");
    let refused = client.get(site.url("/api/v1/hosts")).send().unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(refused.headers().contains_key("strict-transport-security"));
    assert!(trusting(&another_root().certificates).get(site.url("/sign-in")).send().is_err());

    let mut plain = TcpStream::connect(site.console).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(b"GET /sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1"), "{answer:?}");

    let signed = site.sign_in(&client);
    assert_eq!(signed.status(), StatusCode::SEE_OTHER);
    let cookie = signed.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-bootmint="), "{cookie}");
    for part in ["; Path=/;", "; HttpOnly;", "; SameSite=Strict;", "; Secure"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.to_ascii_lowercase().contains("domain"), "{cookie}");
    let key = cookie.split(';').next().unwrap();
    let home = client.get(site.url("/me")).header("cookie", key).send().unwrap();
    assert_eq!(home.status(), StatusCode::OK);
    let bare = key.trim_start_matches("__Host-");
    let home = client.get(site.url("/me")).header("cookie", bare).send().unwrap();
    assert_eq!(home.status(), StatusCode::SEE_OTHER, "it may have come over plain HTTP");
}

#[test]
fn the_command_line_trusts_the_root_it_is_given_and_new_certificates_are_taken() {
    let site = Site::start();
    let client = trusting(&site.root());
    assert_eq!(site.sign_in(&client).status(), StatusCode::SEE_OTHER);
    let body = json!({ "user": "admin", "password": PASSWORD }).to_string();
    let request =
        client.post(site.url("/api/v1/sign-in")).header("content-type", "application/json");
    let answer = request.body(body).send().unwrap();
    assert_eq!(
        answer.status(),
        StatusCode::FORBIDDEN,
        "others reach it: a code is asked for first"
    );
    let config = site.folder.join("bootmint.toml");
    let run = |words: &str| {
        let config = ["--config", config.to_str().unwrap()];
        let words: Vec<_> = config.into_iter().chain(words.split(' ')).collect();
        let done = bootmint(&words);
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    run("users add ci --role viewer --program");
    let made = run("tokens add ci --label test --role viewer");
    let token = site.folder.join("token");
    fs::write(&token, made.trim()).unwrap();

    let other = another_root();
    let stranger = site.folder.join("other.pem");
    fs::write(&stranger, &other.certificates).unwrap();
    let (url, token) = (site.url(""), token.to_str().unwrap());
    let asks = |ca: &Path| {
        let ca = ca.to_str().unwrap();
        bootmint(&["remote", "--server", &url, "--token-file", token, "--ca", ca, "hosts", "list"])
    };
    let ours = site.folder.join("tls/ca.pem");
    let told = asks(&ours);
    assert!(told.status.success(), "{told:?}");
    let refused = asks(&stranger);
    assert!(!refused.status.success(), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr).to_lowercase();
    assert!(said.contains("certificate"), "{said}");

    // The files become those of another authority; the server is told to look.
    let names = tls::with_loopback(&[]);
    let pair = tls::server(&other, KeyKind::P256, &names, Timestamp::now()).unwrap();
    let key = site.folder.join("tls/server.key");
    fs::write(&key, &pair.key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(site.folder.join("tls/server.pem"), &pair.certificates).unwrap();
    program("sh", &["-c", &format!("kill -HUP {}", site.server.id())]);
    site.until("the new certificate is shown", || asks(&stranger).status.success());
    assert!(!asks(&ours).status.success(), "the certificate before is shown no more");
}

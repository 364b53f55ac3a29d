//! What must not be told is not told: a server that logs all it can, in JSON, goes through
//! sign-ins, orders and an install, and neither its log, its metrics nor its audit log holds a
//! password, a token or a secret.

use crate::{client::Answer, console::bootmint, install::Install};
use bootmint_image_factory::ticket::TokenKey;
use reqwest::{
    StatusCode,
    blocking::{Client, RequestBuilder},
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const WRONG: &str = "canary-of-a-wrong-password";
const PASSWORD: &str = "canary-of-the-right-password";
const HASH: &str = "$6$canary$of.a.root.password";
const VALUE: &str = "canary-of-a-value";
const TOKEN: &str = "canary-of-a-token-of-the-feed";
const FEED: &str = "name,mac,address,gateway,server,os,mirror-host,token\n\
    web-01,52:54:00:00:00:01,192.0.2.1/24,192.0.2.254,http://192.0.2.2,debian,m,\n\
    web-02,52:54:00:00:00:02,192.0.2.2/24,192.0.2.254,http://192.0.2.2,debian,m,\
    canary-of-a-token-of-the-feed\n";
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that says all that it can.
struct Chatterbox {
    folder: PathBuf,
    log: PathBuf,
    boot: SocketAddr,
    console: SocketAddr,
    process: Child,
    client: Client,
    /// What it must keep to itself.
    private: Vec<String>,
    _scratch: tempfile::TempDir,
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[allow(clippy::disallowed_methods, reason = "the test starts and kills the real server")]
fn serve(config: &Path, boot: SocketAddr, console: SocketAddr, log: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bootmint"))
        .arg("serve")
        .env("BOOTMINT_CONFIG", config)
        .env("BOOTMINT_BOOT__LISTEN", boot.to_string())
        .env("BOOTMINT_CONSOLE__LISTEN", console.to_string())
        .env("BOOTMINT_LOG__LEVEL", "trace")
        .env("BOOTMINT_LOG__FORMAT", "json")
        .stdin(Stdio::null())
        .stderr(File::create(log).unwrap())
        .spawn()
        .unwrap()
}

impl Chatterbox {
    fn start() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("site");
        let made = bootmint(&["init", folder.to_str().unwrap()]);
        let said = String::from_utf8(made.stdout).unwrap();
        let once = said.split("one-time password ").nth(1).unwrap().split(',').next().unwrap();
        let (config, log) = (folder.join("bootmint.toml"), scratch.path().join("log"));
        fs::write(folder.join("secrets.toml"), format!("root-password-hash = '{HASH}'\n")).unwrap();
        let (boot, console) = (free(), free());
        let process = serve(&config, boot, console, &log);
        let start = Instant::now();
        while TcpStream::connect(console).is_err() || TcpStream::connect(boot).is_err() {
            assert!(start.elapsed() < PATIENCE, "{}", fs::read_to_string(&log).unwrap());
            std::thread::sleep(Duration::from_millis(50));
        }
        let private = [once, WRONG, PASSWORD, HASH, VALUE, TOKEN].map(str::to_owned).to_vec();
        let client = Client::builder().redirect(reqwest::redirect::Policy::none());
        let client = client.build().unwrap();
        Self { folder, log, boot, console, process, client, private, _scratch: scratch }
    }

    /// A request to the console with a body of JSON, answered with success; the answer.
    fn asks(&self, request: RequestBuilder, body: &Value) -> Value {
        let request = request.header("content-type", "application/json").body(body.to_string());
        let answer = request.send().unwrap();
        let (status, text) = (answer.status(), answer.text().unwrap());
        assert!(status.is_success(), "{status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    fn api(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.console)
    }

    /// A form that a machine sends.
    fn machine(&self, path: &str, form: &str) -> Answer {
        let request = self.client.post(format!("http://{}{path}", self.boot));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form.to_owned()).send().unwrap();
        let (status, head) = (answer.status().as_u16(), String::new());
        Answer { status, head, body: answer.text().unwrap() }
    }

    /// Signs in, first wrongly; a token that an order needs.
    fn sign_in(&mut self) -> String {
        let once = self.private[0].clone();
        let url = self.api("/sign-in");
        let wrong = json!({ "user": "admin", "password": WRONG }).to_string();
        let request = self.client.post(&url).header("content-type", "application/json");
        assert_eq!(request.body(wrong).send().unwrap().status(), StatusCode::UNAUTHORIZED);
        let body = json!({ "user": "admin", "password": once, "new-password": PASSWORD });
        let token = self.asks(self.client.post(&url), &body)["token"].as_str().unwrap().to_owned();
        let key = self.client.post(format!("http://{}/sign-in", self.console));
        let key = key.header("sec-fetch-site", "same-origin");
        let key = key.header("content-type", "application/x-www-form-urlencoded");
        let key = key.body(format!("user=admin&password={PASSWORD}")).send().unwrap();
        let cookie = key.headers()["set-cookie"].to_str().unwrap();
        let session = cookie.split(['=', ';']).nth(1).unwrap();
        self.private.push(session.rsplit('_').next().unwrap().to_owned());
        self.private.push(token.rsplit('_').next().unwrap().to_owned());
        token
    }

    /// What it said of itself: log, metrics, audit log.
    fn said(&mut self, token: &str) -> [String; 3] {
        let metrics = format!("http://{}/metrics", self.console);
        let metrics = self.client.get(metrics).bearer_auth(token).send().unwrap();
        assert_eq!(metrics.status(), StatusCode::OK);
        let metrics = metrics.text().unwrap();
        let config = self.folder.join("bootmint.toml");
        let audit = bootmint(&["--config", config.to_str().unwrap(), "audit"]);
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let log = fs::read_to_string(&self.log).unwrap();
        [log, metrics, String::from_utf8(audit.stdout).unwrap()]
    }
}

impl Drop for Chatterbox {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn no_log_no_metric_and_no_audit_row_holds_a_secret() {
    // Fails when a provider was installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut server = Chatterbox::start();
    let token = server.sign_in();
    let put = server.client.put(server.api("/secrets/vault")).bearer_auth(&token);
    server.asks(put, &json!({ "value": VALUE, "reason": "a test" }));
    let import = server.client.post(server.api("/import?format=csv")).bearer_auth(&token);
    assert!(import.body(FEED).send().unwrap().status().is_success());
    let arm = server.client.post(server.api("/hosts/web-01/arm")).bearer_auth(&token);
    server.asks(arm, &json!({ "confirm": "web-01" }));

    // Its token is kept sealed: it is opened for its image, of which nothing was published.
    let image = server.client.get(server.api("/images/web-02.iso")).bearer_auth(&token);
    assert_eq!(image.send().unwrap().status(), StatusCode::NOT_FOUND);
    assert!(server.machine(&format!("/boot/{TOKEN}"), "mac=52:54:00:00:00:02").status == 200);
    for file in fs::read_dir(&server.folder).unwrap().flatten() {
        let bytes = fs::read(file.path()).unwrap_or_default();
        let found = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
        assert!(!found, "{} holds {TOKEN}", file.path().display());
    }

    let key = TokenKey::new(&fs::read(server.folder.join("token.key")).unwrap()).unwrap();
    let host = key.token(&"web-01".parse().unwrap()).unwrap();
    let host = host.as_str();
    let told = server.machine(&format!("/boot/{host}"), "mac=52:54:00:00:00:01&nic=net0");
    let Install { attempt, secret } = Install::read(&told);
    let answer = format!("http://{}/answer/{secret}/preseed.cfg", server.boot);
    let preseed = server.client.get(&answer).send().unwrap().text().unwrap();
    assert!(preseed.contains(HASH), "the secret is released to who installs: {preseed}");
    let again = server.client.get(&answer).send().unwrap();
    assert!(again.status().is_client_error(), "and once");
    for (report, status) in [("heartbeat", 200), ("fail", 200), ("done", 409)] {
        let path = format!("/attempt/{attempt}/{report}");
        let said = server.machine(&path, &format!("secret={secret}"));
        assert_eq!(said.status, status, "{report}: {}", said.body);
    }
    server.private.extend([host.to_owned(), secret]);

    let private = server.private.clone();
    let said = server.said(&token);
    for (what, text) in ["log", "metrics", "audit log"].iter().zip(&said) {
        for secret in &private {
            assert!(secret.len() >= 16, "this would prove nothing: {secret}");
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "the {what} holds {secret}");
        }
    }
    // They hold what they are there for, so that the search was one.
    let [log, metrics, audit] = &said;
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let levels = |level: &str| lines.iter().filter(|line| line["level"] == level).count();
    assert!(levels("DEBUG") > 0 && levels("INFO") > 0, "{log}");
    assert!(log.contains("web-01") && metrics.contains("bootmint_boots_total"), "{metrics}");
    assert!(audit.contains("armed") && audit.contains("preseed.cfg"), "{audit}");
}

//! A receiver of webhooks on loopback, which remembers what it was sent and answers as it is told.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bootmint_server::{
    boot::{self, Limits, Transport},
    time::Seconds,
    webhook::new_key,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::net::TcpListener;

/// How long anything may take before the test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) signature: String,
    pub(crate) body: String,
    pub(crate) status: u16,
}

impl Heard {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The type of the message, and the host that it is about.
    pub(crate) fn what(&self) -> String {
        let json = self.json();
        format!("{} {}", json["type"].as_str().unwrap(), json["data"]["host"].as_str().unwrap())
    }
}

#[derive(Default)]
struct Ear {
    heard: Vec<Heard>,
    /// The statuses of the next answers; then all is well.
    answers: Vec<u16>,
    /// How long it thinks about each.
    slow: Duration,
}

/// A receiver that remembers all it was sent.
pub(crate) struct Receiver {
    pub(crate) url: String,
    pub(crate) key: String,
    folder: tempfile::TempDir,
    ear: Arc<Mutex<Ear>>,
}

async fn hear(State(ear): State<Arc<Mutex<Ear>>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/json");
    let (status, slow) = {
        let mut ear = ear.lock().unwrap();
        let status = if ear.answers.is_empty() { 204 } else { ear.answers.remove(0) };
        ear.heard.push(Heard {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
            body: String::from_utf8(body.to_vec()).unwrap(),
            status,
        });
        (status, ear.slow)
    };
    tokio::time::sleep(slow).await;
    match status {
        307 => Redirect::temporary("/elsewhere").into_response(),
        status => StatusCode::from_u16(status).unwrap().into_response(),
    }
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        Self::start_over("http", Transport::Plain).await
    }

    pub(crate) async fn start_over(scheme: &str, transport: Transport) -> Self {
        let ear = Arc::new(Mutex::new(Ear::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/hook", post(hear))
            .route("/elsewhere", post(hear))
            .with_state(Arc::clone(&ear));
        let limits = Limits {
            clients: 100,
            head: Seconds::new(60),
            write: Seconds::new(60),
            head_bytes: boot::HEAD,
        };
        let stop = std::future::pending();
        tokio::spawn(boot::serve(listener, transport, router, limits, stop));
        let folder = tempfile::tempdir().unwrap();
        let receiver = Self { url, key: new_key().unwrap(), folder, ear };
        fs::write(receiver.key_file(), format!("{}\n", receiver.key)).unwrap();
        fs::set_permissions(receiver.key_file(), fs::Permissions::from_mode(0o600)).unwrap();
        receiver
    }

    /// A folder that is there as long as the receiver.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder().join("hook.key")
    }

    /// A section of the configuration that leads here.
    pub(crate) fn section(&self, name: &str, url: &str, more: &str) -> String {
        let key = self.key_file();
        let key = key.to_str().unwrap();
        format!(
            "\n[[webhook]]\nname = \"{name}\"\nurl = \"{url}\"\nsecret-file = \"{key}\"\n{more}\n"
        )
    }

    pub(crate) fn hook(&self) -> String {
        format!("{}/hook", self.url)
    }

    pub(crate) fn answer(&self, statuses: &[u16]) {
        self.ear.lock().unwrap().answers = statuses.to_vec();
    }

    /// Lets it think about each request from now on.
    pub(crate) fn slow_down(&self, thinks: Duration) {
        self.ear.lock().unwrap().slow = thinks;
    }

    /// The same with another key.
    pub(crate) fn with_key(self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self }
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.ear.lock().unwrap().heard.clone()
    }

    pub(crate) fn forget(&self) {
        self.ear.lock().unwrap().heard.clear();
    }

    /// Waits until so many requests came that were answered well.
    pub(crate) async fn until(&self, count: usize) {
        let start = Instant::now();
        while self.heard().iter().filter(|heard| heard.status == 204).count() < count {
            assert!(start.elapsed() < PATIENCE, "{count} of {:?}", self.heard());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Checks a signature as docs/webhooks.md tells receivers to.
    pub(crate) fn is_signed(&self, heard: &Heard) -> bool {
        let key = STANDARD.decode(self.key.strip_prefix("whsec_").unwrap()).unwrap();
        let text = format!("{}.{}.{}", heard.id, heard.timestamp, heard.body);
        let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap().chain_update(text).finalize();
        let expected = format!("v1,{}", STANDARD.encode(mac.into_bytes()));
        heard.signature.split(' ').any(|one| one == expected)
    }
}

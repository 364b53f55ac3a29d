//! A provider that says whatever a test wants, over plain HTTP on loopback.

use crate::auth::oidc::{FlowKey, OidcConfig, RawOidc};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as B64};
use hmac::{Hmac, KeyInit, Mac};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Map, Value, json};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

pub(crate) const SECRET: &str = "a secret of client and provider alone";
/// What browsers call the console of the tests.
pub(crate) const CONSOLE: &str = "http://127.0.0.1:8081";

/// What signs a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A key that is published.
    First,
    /// Another one, which is published since it is used.
    Second,
    /// One that is not, with a name that nobody knows.
    Unpublished,
    /// One that is not, under the name of the first.
    Stranger,
    /// The secret of the client.
    Hmac,
    /// Nothing.
    None,
}

struct Saying {
    keys: [EcdsaKeyPair; 3],
    key: Key,
    nonce: String,
    claims: Value,
    userinfo: Value,
    metadata: Value,
    refusal: Option<&'static str>,
    refreshed: u32,
    asked: Vec<String>,
    over: bool,
}

/// The provider. It is gone when this is dropped.
pub(crate) struct Hostile {
    pub(crate) issuer: String,
    address: SocketAddr,
    saying: Arc<Mutex<Saying>>,
    serving: Option<thread::JoinHandle<()>>,
}

pub(crate) fn now() -> i64 {
    crate::time::Timestamp::now().as_unix()
}

fn fresh_key() -> EcdsaKeyPair {
    let (way, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
    let document = EcdsaKeyPair::generate_pkcs8(way, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(way, document.as_ref(), &random).unwrap()
}

/// `value` with the members of `changes` in place of its own; null removes one.
fn changed(mut value: Value, changes: &Value) -> Value {
    let members: &mut Map<String, Value> = value.as_object_mut().unwrap();
    for (name, change) in changes.as_object().into_iter().flatten() {
        match change {
            Value::Null => members.remove(name),
            change => members.insert(name.clone(), change.clone()),
        };
    }
    value
}

impl Hostile {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let saying = Arc::new(Mutex::new(Saying {
            keys: [fresh_key(), fresh_key(), fresh_key()],
            key: Key::First,
            nonce: String::new(),
            claims: json!({}),
            userinfo: json!({}),
            metadata: json!({}),
            refusal: None,
            refreshed: 0,
            asked: Vec::new(),
            over: false,
        }));
        let (issuer, shared) = (format!("http://{address}"), Arc::clone(&saying));
        let name = issuer.clone();
        let serving = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut saying = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if saying.over {
                    return;
                }
                saying.serve(stream, &name);
            }
        });
        Self { issuer, address, saying, serving: Some(serving) }
    }

    fn saying(&self) -> MutexGuard<'_, Saying> {
        self.saying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A section [oidc] for it, with more lines.
    pub(crate) fn section(&self, more: &str) -> String {
        format!(
            "issuer = \"{}\"\nclient-id = \"bootmint\"\nlabel = \"Our provider\"\n{more}\
             groups = [{{ group = \"staff\", grants = [\"viewer\"] }}, \
             {{ group = \"chiefs\", grants = [\"admin\"] }}]\n",
            self.issuer
        )
    }

    pub(crate) fn config(&self, more: &str) -> OidcConfig {
        let raw: RawOidc = toml::from_str(&self.section(more)).unwrap();
        raw.check(Path::new(""), Some(SECRET), Some(CONSOLE)).unwrap()
    }

    /// Makes it answer that sign-in with a token of these claims.
    pub(crate) fn say(&self, key: &FlowKey, claims: Value) {
        self.say_with(key.nonce().as_str(), claims);
    }

    pub(crate) fn say_with(&self, nonce: &str, claims: Value) {
        let mut saying = self.saying();
        (saying.nonce, saying.claims) = (nonce.to_owned(), claims);
    }

    pub(crate) fn sign_with(&self, key: Key) {
        self.saying().key = key;
    }

    pub(crate) fn inform(&self, userinfo: Value) {
        self.saying().userinfo = userinfo;
    }

    pub(crate) fn pretend(&self, metadata: Value) {
        self.saying().metadata = metadata;
    }

    /// Makes its token endpoint say no.
    pub(crate) fn refuse(&self, error: &'static str) {
        self.saying().refusal = Some(error);
    }

    /// The last request for `path`.
    pub(crate) fn asked(&self, path: &str) -> String {
        let saying = self.saying();
        let found = saying.asked.iter().rev().find(|one| one.contains(&format!(" {path} ")));
        found.cloned().unwrap_or_default()
    }

    pub(crate) fn count(&self, path: &str) -> usize {
        self.saying().asked.iter().filter(|one| one.contains(&format!(" {path} "))).count()
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.saying().over = true;
        // Wakes it, so that it sees that; nobody is answered afterwards.
        let _ = TcpStream::connect(self.address);
        let _ = self.serving.take().map(thread::JoinHandle::join);
    }
}

fn read(stream: &mut TcpStream) -> String {
    let (mut text, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let whole = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = whole.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return whole;
            }
        }
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => text.extend_from_slice(&piece[..count]),
            _ => return whole,
        }
    }
}

impl Saying {
    fn serve(&mut self, mut stream: TcpStream, issuer: &str) {
        let asked = read(&mut stream);
        let path = asked.split(' ').nth(1).unwrap_or_default().to_owned();
        self.asked.push(asked);
        let (status, body) = match path.as_str() {
            "/.well-known/openid-configuration" => ("200 OK", self.document(issuer)),
            "/keys" => ("200 OK", self.published()),
            "/userinfo" => ("200 OK", self.userinfo.clone()),
            "/token" => match self.refusal {
                Some(error) => ("400 Bad Request", json!({ "error": error })),
                None => ("200 OK", self.tokens(issuer)),
            },
            _ => ("404 Not Found", json!({})),
        };
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    }

    fn document(&self, issuer: &str) -> Value {
        let document = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/enter"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "jwks_uri": format!("{issuer}/keys"),
            "end_session_endpoint": format!("{issuer}/leave"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "authorization_response_iss_parameter_supported": true,
        });
        changed(document, &self.metadata)
    }

    fn published(&self) -> Value {
        let many = if self.key == Key::First { 1 } else { 2 };
        let keys = self.keys[..many].iter().enumerate().map(|(index, key)| {
            let point = key.public_key().as_ref();
            let (x, y) = (B64.encode(&point[1..33]), B64.encode(&point[33..]));
            json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": format!("key-{index}"),
                    "x": x, "y": y })
        });
        json!({ "keys": keys.collect::<Vec<_>>() })
    }

    fn tokens(&mut self, issuer: &str) -> Value {
        self.refreshed += 1;
        let claims = json!({
            "iss": issuer, "aud": "bootmint", "sub": "s1", "iat": now(), "exp": now() + 300,
            "nonce": self.nonce, "preferred_username": "Alice", "name": "Alice",
            "groups": ["staff"],
        });
        let token = self.signed(&changed(claims, &self.claims));
        json!({ "access_token": "access", "token_type": "Bearer", "id_token": token,
                "refresh_token": format!("refresh-{}", self.refreshed) })
    }

    fn signed(&self, claims: &Value) -> String {
        let (alg, kid, index) = match self.key {
            Key::First => ("ES256", "key-0", 0),
            Key::Second => ("ES256", "key-1", 1),
            Key::Unpublished => ("ES256", "key-9", 2),
            Key::Stranger => ("ES256", "key-0", 2),
            Key::Hmac => ("HS256", "key-0", 0),
            Key::None => ("none", "key-0", 0),
        };
        let head = B64.encode(json!({ "alg": alg, "kid": kid, "typ": "JWT" }).to_string());
        let text = format!("{head}.{}", B64.encode(claims.to_string()));
        let signature = match alg {
            "ES256" => {
                let signed = self.keys[index].sign(&SystemRandom::new(), text.as_bytes()).unwrap();
                signed.as_ref().to_vec()
            }
            "HS256" => {
                let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
                mac.update(text.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
            _ => Vec::new(),
        };
        format!("{text}.{}", B64.encode(signature))
    }
}

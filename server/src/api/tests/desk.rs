//! A site with its interface, asked without a network in between.

use crate::{
    app::App,
    auth::NewToken,
    boot::Peer,
    config::{self, write_private},
    db::Actor,
    testing,
    time::{Seconds, Timestamp},
};
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use std::{path::PathBuf, sync::Arc};

pub(crate) struct Desk {
    pub(crate) app: Arc<App>,
    router: Router,
    _folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Desk {
    /// Hosts web-01 and web-02 at the site berlin, db-01 at paris.
    pub(crate) async fn open() -> Self {
        Self::open_with([]).await
    }

    /// The same with these settings.
    pub(crate) async fn open_with(settings: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::open_with_section("", settings).await
    }

    /// The same with a section more in its configuration.
    pub(crate) async fn open_with_section(
        section: &str,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self::open_edited(|text| format!("{text}\n{section}"), settings).await
    }

    /// The same behind these proxies.
    pub(crate) async fn open_behind(proxies: &str) -> Self {
        let keys = format!("\ntrusted-proxies = [{proxies}]\nidle-minutes");
        Self::open_edited(|text| text.replace("\nidle-minutes", &keys), []).await
    }

    async fn open_edited(
        edit: impl FnOnce(String) -> String,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = config::init(&folder.path().join("site")).unwrap();
        let text = std::fs::read_to_string(&made.config).unwrap();
        std::fs::write(&made.config, edit(text)).unwrap();
        let secrets = made.config.with_file_name("secrets.toml");
        std::fs::write(&secrets, "root-password-hash = \"$6$topsecret\"\n").unwrap();
        let app = Arc::new(App::open(config::load(&made.config, settings).unwrap()).await.unwrap());
        let mut hosts =
            vec![testing::host("web-01", 1), testing::host("web-02", 2), testing::host("db-01", 3)];
        for (host, site) in hosts.iter_mut().zip(["berlin", "berlin", "paris"]) {
            host.site = Some(site.parse().unwrap());
            if host.name.as_str() == "web-01" {
                host.vars.insert("group".parse().unwrap(), "web".parse().unwrap());
            }
            host.token = None;
        }
        app.import(&hosts, &Actor::person("root"), Timestamp::now()).await.unwrap();
        let router = crate::api::router(&app);
        Self { app, router, _folder: folder }
    }

    /// The site's folder.
    pub(crate) fn site(&self) -> PathBuf {
        self._folder.path().join("site")
    }

    /// Another replica of the site, with `more` in its configuration, and other keys for secrets
    /// unless `keys` is empty.
    pub(crate) async fn replica(&self, more: &str, keys: &str) -> App {
        let mut text = std::fs::read_to_string(self.site().join("bootmint.toml")).unwrap();
        text.push_str(more);
        let file = self.site().join("replica.toml");
        std::fs::write(&file, text).unwrap();
        let settings = ("BOOTMINT_PATHS__SECRETS_KEY".to_owned(), "replica.key".to_owned());
        write_private(&self.site().join("replica.key"), keys).unwrap();
        let settings = Some(settings).filter(|_| !keys.is_empty());
        App::open(config::load(&file, settings).unwrap()).await.unwrap()
    }

    /// The same site after its token key was changed.
    pub(crate) async fn with_another_key(&self) -> Self {
        let key = "BOOTMINT_PATHS__TOKEN_KEY".to_owned();
        write_private(&self.site().join("other.key"), &"0f".repeat(32)).unwrap();
        let settings = Some((key, "other.key".to_owned()));
        let config = config::load(&self.site().join("bootmint.toml"), settings).unwrap();
        let app = Arc::new(App::open(config).await.unwrap());
        let router = crate::api::router(&app);
        Self { app, router, _folder: tempfile::tempdir().unwrap() }
    }

    /// A token of a new program with these roles.
    pub(crate) async fn token(&self, name: &str, roles: &str) -> String {
        let (owner, grants) = (name.parse().unwrap(), roles.parse().unwrap());
        let (root, now) = (Actor::person("root"), Timestamp::now());
        self.app.add_account(&owner, &grants, false, &root, now).await.unwrap();
        self.another_token(name, roles).await
    }

    /// Another token of one that is there.
    pub(crate) async fn another_token(&self, name: &str, roles: &str) -> String {
        let (owner, grants) = (name.parse().unwrap(), roles.parse().unwrap());
        let (root, now) = (Actor::person("root"), Timestamp::now());
        let expires = now.after(Seconds::new(3600));
        let new = NewToken { owner, label: "test".into(), grants, expires };
        self.app.make_token(&new, &root, now).await.unwrap().reveal().to_owned()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Self::send_to(&self.router, request).await
    }

    /// What a machine finds on the boot listener.
    pub(crate) async fn machine(&self, path: &str) -> Answer {
        let router = crate::boot::router(Arc::clone(&self.app));
        Self::send_to(&router, Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn send_to(router: &Router, request: Request<Body>) -> Answer {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(Peer::of([192, 0, 2, 200].into()));
        let request = Request::from_parts(parts, body);
        let service = TowerToHyperService::new(router.clone());
        let response = service.call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Asks with a token; `headers` are pairs, `body` is JSON unless they say otherwise.
    pub(crate) async fn ask(
        &self,
        line: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.into())).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.ask(&format!("GET {path}"), token, &[], "").await
    }
}

//! Sign-in by a real OpenID provider, request by request.

use crate::openid::{free_port, join, nora};
use anyhow::{Context, ensure};
use bootmint_tests::{
    lab::Lab,
    openid::{Manner, Provider},
    server::{RunningServer, Site},
};
use reqwest::{
    Certificate, Url,
    blocking::{Client, Response},
    header::{COOKIE, LOCATION, SET_COOKIE},
    redirect::Policy,
};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// How long what happens by itself may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// What a site with a provider is.
struct World {
    console: String,
    provider: Provider,
    server: RunningServer,
    site: Site,
    _lab: Lab,
}

impl World {
    fn open(name: &str, manner: Manner) -> anyhow::Result<Option<Self>> {
        let Some(lab) = Lab::with(name, &[])? else { return Ok(None) };
        let port = free_port()?;
        let console = format!("http://127.0.0.1:{port}");
        let Some(provider) = Provider::start(&lab, &console, manner)? else { return Ok(None) };
        let program = Path::new(env!("CARGO_BIN_EXE_bootmint-tested"));
        let site = Site::init(program, &lab.folder().join("site"), &[])?;
        join(&site, &provider, &console)?;
        let listen = format!("BOOTMINT_CONSOLE__LISTEN=127.0.0.1:{port}");
        let server = site.serve(None, &[&listen], &lab.log("server"))?;
        server.console()?;
        Ok(Some(Self { console, provider, server, site, _lab: lab }))
    }

    fn walker(&self) -> anyhow::Result<Walker> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ca = Certificate::from_pem(&fs::read(&self.provider.ca)?)?;
        let client = Client::builder().redirect(Policy::none()).tls_certs_only([ca]).build()?;
        Ok(Walker { client, jar: RefCell::default() })
    }

    fn audit(&self) -> anyhow::Result<String> {
        self.site.command(&["audit"])
    }
}

/// Somebody with a browser's cookies, who takes one step at a time.
struct Walker {
    client: Client,
    /// By port and name: both servers have the same address.
    jar: RefCell<BTreeMap<(u16, String), String>>,
}

impl Walker {
    fn cookies(&self, url: &Url) -> String {
        let port = url.port().unwrap_or_default();
        let jar = self.jar.borrow();
        let own = jar.iter().filter(|((at, _), _)| *at == port);
        own.map(|((_, name), value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn take(&self, url: &Url, answer: Response) -> Response {
        for set in answer.headers().get_all(SET_COOKIE) {
            let Some((name, rest)) = set.to_str().ok().and_then(|set| set.split_once('=')) else {
                continue;
            };
            let value = rest.split(';').next().unwrap_or_default();
            let key = (url.port().unwrap_or_default(), name.to_owned());
            match value {
                "" => self.jar.borrow_mut().remove(&key),
                value => self.jar.borrow_mut().insert(key, value.to_owned()),
            };
        }
        answer
    }

    fn get(&self, url: &str) -> anyhow::Result<Response> {
        let url = Url::parse(url)?;
        let request = self.client.get(url.clone()).header(COOKIE, self.cookies(&url));
        Ok(self.take(&url, request.send()?))
    }

    fn post(&self, url: &str, form: &'static str) -> anyhow::Result<Response> {
        let url = Url::parse(url)?;
        let kind = "application/x-www-form-urlencoded";
        let request = self.client.post(url.clone()).header("content-type", kind).body(form);
        Ok(self.take(&url, request.header(COOKIE, self.cookies(&url)).send()?))
    }

    /// Follows redirects until one leads to what begins so; that address.
    fn follow(&self, mut answer: Response, end: &str) -> anyhow::Result<String> {
        for _ in 0..10 {
            let to = answer.headers().get(LOCATION).context("nothing leads on")?.to_str()?;
            let to = answer.url().join(to)?.to_string();
            if to.starts_with(end) {
                return Ok(to);
            }
            answer = self.get(&to)?;
        }
        anyhow::bail!("it never leads to {end}")
    }

    /// Signs in at the provider; the address that it sends the person back to.
    fn enter(&self, world: &World) -> anyhow::Result<String> {
        let begun = self.get(&format!("{}/sign-in/oidc?next=/me", world.console))?;
        let page = self.follow(begun, &format!("{}/enter/", world.provider.issuer))?;
        let entered = self.post(&page, "login=nora&word=correct+horse")?;
        self.follow(entered, &world.console)
    }
}

fn status(answer: &Response) -> u16 {
    answer.status().as_u16()
}

#[test]
fn a_person_comes_in_by_their_groups_once_and_goes_with_them() -> anyhow::Result<()> {
    let manner = Manner { in_token: true, refresh: true };
    let Some(world) = World::open("openid-flow", manner)? else { return Ok(()) };
    let tested = world.site.command(&["oidc", "test"])?;
    assert!(tested.contains("people can sign in by it"), "{tested}");
    world.provider.know(&nora(&["others"]))?;
    let stranger = world.walker()?;
    let back = stranger.enter(&world)?;
    let refused = stranger.get(&back)?;
    assert_eq!(status(&refused), 403);
    assert!(refused.text()?.contains("none of your groups"));

    world.provider.know(&nora(&["reimagers"]))?;
    let nora_here = world.walker()?;
    let back = nora_here.enter(&world)?;
    let other = world.walker()?;
    assert_eq!(status(&other.get(&back)?), 400, "another browser has not begun it");
    let wrong = back.replacen("code=", "code=x", 1);
    let tried = nora_here.get(&wrong)?;
    assert_eq!(status(&tried), 400, "the provider did not give that code");
    assert_eq!(status(&nora_here.get(&back)?), 400, "a sign-in ends once, well or not");
    // The provider knows her now, and does not ask again.
    let begun = nora_here.get(&format!("{}/sign-in/oidc?next=/me", world.console))?;
    let back = nora_here.follow(begun, &world.console)?;
    let cookies = nora_here.jar.borrow().clone();
    let come = nora_here.get(&back)?;
    ensure!(status(&come) == 200, "{}", come.text()?);
    assert!(come.text()?.contains("url=/me\""));
    let me = nora_here.get(&format!("{}/me", world.console))?.text()?;
    assert!(me.contains("nora@example.org") && me.contains("reimager, editor"), "{me}");
    // Whoever has a copy of the cookies of before, and the way back, comes too late.
    *other.jar.borrow_mut() = cookies;
    assert_eq!(status(&other.get(&back)?), 400, "replayed");

    world.provider.know(&serde_json::json!({}))?;
    let deadline = Instant::now() + PATIENCE;
    while status(&nora_here.get(&format!("{}/me", world.console))?) == 200 {
        ensure!(Instant::now() < deadline, "she is still in:\n{}", world.audit()?);
        std::thread::sleep(Duration::from_millis(200));
    }
    let audit = world.audit()?;
    for wanted in ["no-group", "no such sign-in", "by the identity provider", "invalid_grant"] {
        assert!(audit.contains(wanted), "{wanted}:\n{audit}");
    }
    Ok(())
}

#[test]
fn without_refresh_tokens_the_provider_is_asked_by_way_of_the_browser() -> anyhow::Result<()> {
    let manner = Manner { in_token: false, refresh: false };
    let Some(world) = World::open("openid-silent", manner)? else { return Ok(()) };
    world.provider.know(&nora(&["auditors"]))?;
    let nora_here = world.walker()?;
    let back = nora_here.enter(&world)?;
    assert_eq!(status(&nora_here.get(&back)?), 200, "her groups are in userinfo");
    let page = format!("{}/audit", world.console);
    let deadline = Instant::now() + PATIENCE;
    let led = loop {
        let answer = nora_here.get(&page)?;
        if status(&answer) == 303 {
            break answer;
        }
        ensure!(Instant::now() < deadline, "her session never lapses");
        std::thread::sleep(Duration::from_millis(200));
    };
    // All the way to the provider and back, without a question.
    let back = nora_here.follow(led, &format!("{}/sign-in/oidc/callback", world.console))?;
    assert_eq!(status(&nora_here.get(&back)?), 200);
    assert_eq!(status(&nora_here.get(&page)?), 200);
    world.provider.know(&nora(&[]))?;
    let begun = nora_here.get(&format!("{}/sign-in/oidc", world.console))?;
    let back = nora_here.follow(begun, &format!("{}/sign-in/oidc/callback", world.console))?;
    assert_eq!(status(&nora_here.get(&back)?), 403, "out of the group");

    // Without a provider, local accounts go on, and whoever asks for it is told.
    let World { console, provider, server: _server, site, _lab } = world;
    drop(provider);
    let failed = site.command(&["oidc", "test"]).unwrap_err().to_string();
    assert!(failed.contains("cannot be reached"), "{failed}");
    let local = format!(
        "user=admin&password={0}&new-password=correct+horse+battery&again=correct\
                         +horse+battery",
        site.one_time_password()?
    );
    let client = Client::builder().redirect(Policy::none()).tls_certs_only([]).build()?;
    let request = client.post(format!("{console}/sign-in")).header("sec-fetch-site", "same-origin");
    let kind = "application/x-www-form-urlencoded";
    assert_eq!(status(&request.header("content-type", kind).body(local).send()?), 303);
    Ok(())
}

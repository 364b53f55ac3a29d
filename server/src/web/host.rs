//! One host: what it is, what it gets at its next boot and why, what it went through, its images,
//! and orders.

use super::{
    fleet::addresses,
    page::{self, Fields, Frame, Notice, Visitor},
    routes::{passes, passes_on},
};
use crate::{
    api::{
        Method, hosts,
        input::{IfMatch, Named},
        orders::carry_out,
        problem::Problem,
        view::{BootLine, spec},
    },
    app::{App, Foreseen, Order},
    db::{ArmRequest, StoredHost, Transition},
    secret::Digest,
    time::{Seconds, Timestamp},
};
use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use bootmint_image_factory::host::{Host, HostName};
use std::sync::Arc;

/// How many boots and transitions a page shows.
const SHOWN: i64 = 50;

/// A line of a list: what, and which.
struct Fact {
    name: &'static str,
    value: String,
}

/// A line of the timeline.
struct Moment {
    at: String,
    what: String,
    who: String,
    more: String,
}

/// An image that can be had.
struct Download {
    path: String,
    label: &'static str,
}

#[derive(Template)]
#[template(path = "host.html")]
struct HostPage {
    frame: Frame,
    notice: Option<Notice>,
    name: String,
    state: &'static str,
    generation: i64,
    /// Changes with what the person was shown of the host, and not with its state.
    record: String,
    foreseen: Foreseen,
    identity: Vec<Fact>,
    nics: Vec<Vec<Fact>>,
    vars: Vec<(String, String)>,
    timeline: Vec<Moment>,
    /// Until when the timeline goes that is shown next; nothing at its beginning.
    older: Option<String>,
    /// Whether it is an older part that is shown.
    past: bool,
    downloads: Vec<Download>,
    no_images: String,
    request: Option<ArmRequest>,
    os: String,
    may_arm: bool,
    may_approve: bool,
    may_disarm: bool,
    may_hold: bool,
    may_release: bool,
    may_render: bool,
    may_profiles: bool,
    may_set_secrets: bool,
    may_fetch: bool,
    may_edit: bool,
}

fn identity(stored: &StoredHost) -> Vec<Fact> {
    let host = &stored.host;
    let fact = |name, value: Option<String>| value.map(|value| Fact { name, value });
    let dns: Vec<String> = host.dns.iter().map(ToString::to_string).collect();
    let all = [
        fact("Site", host.site.as_ref().map(ToString::to_string)),
        fact("Domain", host.domain.as_ref().map(ToString::to_string)),
        fact("DNS", Some(dns.join(" ")).filter(|dns| !dns.is_empty())),
        fact("Server", Some(host.server.to_string())),
        fact("Firmware profile", host.profile.as_ref().map(ToString::to_string)),
        fact("Serial number", host.serial.as_ref().map(ToString::to_string)),
        fact("Asset tag", host.asset.as_ref().map(ToString::to_string)),
        fact("UUID", host.uuid.map(|uuid| uuid.to_string())),
        fact("Console", host.console.map(|console| console.to_string())),
        fact("Entered", Some(stored.created.to_string())),
        fact("Changed", Some(stored.changed.to_string())),
    ];
    all.into_iter().flatten().collect()
}

fn nics(host: &Host) -> Vec<Vec<Fact>> {
    let gateways = |addressing: &_| match addressing {
        bootmint_image_factory::host::Addressing::Dhcp => None,
        bootmint_image_factory::host::Addressing::Static { v4, v6 } => {
            let v4 = v4.and_then(|v4| v4.gateway).map(|gateway| gateway.to_string());
            let v6 = v6.and_then(|v6| v6.gateway).map(|gateway| gateway.to_string());
            Some(v4.into_iter().chain(v6).collect::<Vec<_>>().join(" ")).filter(|s| !s.is_empty())
        }
    };
    let one = |nic: &bootmint_image_factory::host::Nic| {
        let all = [
            ("MAC", nic.mac.map(|mac| mac.to_string())),
            ("Bus", nic.bus.as_ref().map(ToString::to_string)),
            ("VLAN", nic.vlan.map(|vlan| vlan.get().to_string())),
            ("Address", Some(addresses(&nic.addressing))),
            ("Gateway", gateways(&nic.addressing)),
        ];
        let known = all.into_iter().filter_map(|(name, value)| Some(Fact { name, value: value? }));
        known.collect()
    };
    host.nics.iter().map(one).collect()
}

fn of_boot(boot: BootLine) -> Moment {
    let facts = boot.facts.as_object().map(|facts| {
        let pairs =
            facts.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)));
        pairs.collect::<Vec<_>>().join("  ")
    });
    Moment {
        at: boot.at,
        what: format!("boot: {}", boot.action),
        who: boot.peer,
        more: facts.unwrap_or_default(),
    }
}

fn of_transition(change: Transition) -> Moment {
    let what = if change.was == change.became || change.was.is_empty() {
        format!("{}: {}", change.event, change.became)
    } else {
        format!("{}: {} → {}", change.event, change.was, change.became)
    };
    let said = [change.detail, change.reason];
    let said: Vec<_> = said.into_iter().filter(|text| !text.is_empty()).collect();
    Moment { at: change.at.to_string(), what, who: change.actor, more: said.join(": ") }
}

/// What a host went through up to the time `until`, and until when it goes on behind that. Of the
/// last second that is shown some may stand in both parts, so that none is in neither.
async fn timeline(
    app: &App,
    name: &HostName,
    until: Timestamp,
) -> Result<(Vec<Moment>, Option<String>), Problem> {
    let boots = app.store().boots(name, until, SHOWN).await?;
    let changes = app.store().transitions(name, until, SHOWN).await?;
    let mut all: Vec<(Timestamp, Moment)> = Vec::new();
    all.extend(changes.into_iter().map(|change| (change.at, of_transition(change))));
    all.extend(boots.into_iter().map(|boot| (boot.0, of_boot(BootLine::new(boot)))));
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let shown = usize::try_from(SHOWN).unwrap_or(50);
    let full = all.len() >= shown;
    all.truncate(shown);
    let last = all.last().map(|(at, _)| *at).filter(|_| full);
    // A second with more than a page is passed.
    let last = last.map(|at| if at == until { at.before(Seconds::new(1)) } else { at });
    let moments = all.into_iter().map(|(_, moment)| moment).collect();
    Ok((moments, last.map(|at| at.to_string())))
}

/// The images of a host, or why there are none.
async fn downloads(app: &App, host: &Host) -> (Vec<Download>, String) {
    let wanted = app.firmware_of(host);
    let published = match app.published().await {
        Ok(published) => published,
        Err(error) => return (Vec::new(), error.to_string()),
    };
    let Some((_, set)) = published.iter().find(|(profile, _)| profile == wanted) else {
        let why = format!(
            "No templates are published for the firmware profile \"{wanted}\": where the server \
             runs, `bootmint templates publish OUT --firmware DIR` takes what \
             `cargo xtask build-images` made."
        );
        return (Vec::new(), why);
    };
    let images = set.formats().map(|format| Download {
        path: format!("/download/{}.{}", host.name, format.extension()),
        label: format.name(),
    });
    (images.collect(), String::new())
}

async fn render_page(
    app: &App,
    visitor: &Visitor,
    name: &HostName,
    until: Option<Timestamp>,
) -> Result<HostPage, Problem> {
    let stored = hosts::seen(app, name, &visitor.caller).await?;
    let (who, host) = (&visitor.caller.principal, &stored.host);
    let may = |order: &str| passes_on(who, Method::Post, &format!("/hosts/{{host}}/{order}"), host);
    let may_fetch = passes_on(who, Method::Get, "/download/{image}", host);
    let (downloads, no_images) =
        if may_fetch { downloads(app, host).await } else { (Vec::new(), String::new()) };
    let (timeline, older) = timeline(app, name, until.unwrap_or(Timestamp::END)).await?;
    Ok(HostPage {
        frame: Frame::new(visitor, "/fleet", name.to_string()),
        notice: None,
        name: name.to_string(),
        state: stored.state.name(),
        generation: stored.generation,
        record: Digest::of(spec(host).to_string().as_bytes()).as_str().to_owned(),
        foreseen: app.foresee(&stored, Timestamp::now()),
        identity: identity(&stored),
        nics: nics(host),
        vars: host.vars.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        timeline,
        older,
        past: until.is_some(),
        downloads,
        no_images,
        request: app.store().arm_request(name).await?,
        os: app.os_name(host).unwrap_or_default(),
        may_arm: may("arm"),
        may_approve: may("approve"),
        may_disarm: may("disarm"),
        may_hold: may("hold"),
        may_release: may("release"),
        may_render: passes_on(who, Method::Get, "/hosts/{host}/render", host),
        may_profiles: passes(who, Method::Get, "/profiles/{profile}"),
        may_set_secrets: passes_on(who, Method::Post, "/secrets", host),
        may_fetch,
        may_edit: may("remove"),
    })
}

/// What a page says after an order, by the word that the address has: as long as it is so. Anybody
/// can write an address.
fn said(page: &HostPage, query: &str) -> Option<Notice> {
    let state = page.state;
    let (so, text) = match query {
        "armed" => {
            (state == "armed", "It is armed: its next boot installs it, and wipes its disk.")
        }
        "asked" => (page.request.is_some(), "It is not armed yet: another person must approve it."),
        "disarm" => (state != "armed", "It is not armed any more."),
        "hold" => (state == "held", "It is held: at its next boot it waits."),
        "release" => (state == "installed", "It is released: it boots its local disk."),
        _ => return None,
    };
    so.then(|| Notice::done(text))
}

/// `GET /hosts/{host}`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Named(name): Named,
    axum::extract::RawQuery(query): axum::extract::RawQuery,
) -> Result<Response, Problem> {
    let until = Fields::of_query(query.as_deref());
    let until = Some(until.get("until")).filter(|until| !until.is_empty()).map(str::parse);
    let until = until.transpose().map_err(|error| Problem::bad(format!("until: {error}")))?;
    let mut page = render_page(&app, &visitor, &name, until).await?;
    page.notice = query.as_deref().and_then(|query| said(&page, query));
    page::show(&page)
}

#[derive(Template)]
#[template(path = "render.html")]
struct RenderPage {
    frame: Frame,
    name: String,
    foreseen: Foreseen,
    texts: Vec<hosts::TextView>,
}

/// `GET /hosts/{host}/render`.
pub(super) async fn render(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Named(name): Named,
) -> Result<Response, Problem> {
    let caller = Extension(visitor.caller.clone());
    let texts = hosts::render(State(Arc::clone(&app)), caller, Named(name.clone())).await?;
    let stored = app.stored(&name).await?;
    let page = RenderPage {
        frame: Frame::new(&visitor, "/fleet", format!("What {name} is sent")),
        name: name.to_string(),
        foreseen: app.foresee(&stored, Timestamp::now()),
        texts: texts.0.items,
    };
    page::show(&page)
}

/// What every order needs of its request.
type Asked = (State<Arc<App>>, Extension<Visitor>, Named);

/// `POST /hosts/{host}/arm`.
pub(super) async fn arm(asked: Asked, fields: Fields) -> Result<Response, Problem> {
    let confirm = fields.get("confirm").to_owned();
    order(asked, &Order::Arm { confirm }, &fields, "armed").await
}

/// `POST /hosts/{host}/approve`.
pub(super) async fn approve(asked: Asked, fields: Fields) -> Result<Response, Problem> {
    let confirm = fields.get("confirm").to_owned();
    order(asked, &Order::Approve { confirm }, &fields, "armed").await
}

/// `POST /hosts/{host}/disarm`.
pub(super) async fn disarm(asked: Asked, fields: Fields) -> Result<Response, Problem> {
    order(asked, &Order::Disarm, &fields, "disarm").await
}

/// `POST /hosts/{host}/hold`.
pub(super) async fn hold(asked: Asked, fields: Fields) -> Result<Response, Problem> {
    order(asked, &Order::Hold, &fields, "hold").await
}

/// `POST /hosts/{host}/release`.
pub(super) async fn release(asked: Asked, fields: Fields) -> Result<Response, Problem> {
    order(asked, &Order::Release, &fields, "release").await
}

/// `POST /hosts/{host}/remove`.
pub(super) async fn remove(
    (State(app), Extension(visitor), Named(name)): Asked,
    fields: Fields,
) -> Result<Response, Problem> {
    let caller = Extension(visitor.caller.clone());
    let result = match fields.get("confirm") {
        confirm if confirm == name.as_str() => {
            hosts::remove(State(Arc::clone(&app)), caller, Named(name.clone()), seen(&fields)).await
        }
        // Who may not, is told so whatever was typed.
        _ => match hosts::seen(&app, &name, &visitor.caller).await {
            Ok(stored) => visitor.caller.on(&stored.host).and_then(|_| {
                Err(Problem::bad("that is not the host's name: type it to remove the host"))
            }),
            Err(problem) => Err(problem),
        },
    };
    match result {
        Ok(_) => Ok(Redirect::to("/fleet").into_response()),
        Err(problem) => refused(&app, &visitor, &name, problem).await,
    }
}

/// The generation that the person saw.
fn seen(fields: &Fields) -> IfMatch {
    fields.get("generation").parse().map_or(IfMatch::Absent, IfMatch::Generation)
}

async fn order(
    (State(app), Extension(visitor), Named(name)): Asked,
    order: &Order,
    fields: &Fields,
    done: &str,
) -> Result<Response, Problem> {
    // The order is for the host as the person saw it.
    let seen = seen(fields);
    let reason = fields.get("reason");
    match carry_out(&app, &visitor.caller, &name, order, reason, seen).await {
        Ok((status, _)) => {
            let done = if status == StatusCode::ACCEPTED { "asked" } else { done };
            Ok(Redirect::to(&format!("/hosts/{name}?{done}")).into_response())
        }
        Err(problem) => refused(&app, &visitor, &name, problem).await,
    }
}

/// What can be mended is said where it can be.
async fn refused(
    app: &App,
    visitor: &Visitor,
    name: &HostName,
    problem: Problem,
) -> Result<Response, Problem> {
    let elsewhere = [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
    if !problem.status.is_client_error() || elsewhere.contains(&problem.status) {
        return Err(problem);
    }
    let mut page = render_page(app, visitor, name, None).await?;
    page.notice = Some(Notice { text: problem.detail.clone(), good: false });
    page::refuse(&page, &problem)
}

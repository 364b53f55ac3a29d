//! Orders for several hosts of the fleet: each is carried out by itself, and told of by itself.

use super::page::{self, Fields, Frame, Visitor};
use crate::{
    api::{hosts, input::IfMatch, orders::carry_out, problem::Problem},
    app::{App, Order},
};
use askama::Template;
use axum::{Extension, extract::State, http::StatusCode, response::Response};
use bootmint_image_factory::host::HostName;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The most hosts of one order.
const MAX_MARKED: usize = 500;

/// What became of an order for one of several hosts.
struct Outcome {
    host: String,
    good: bool,
    text: String,
}

#[derive(Template)]
#[template(path = "orders.html")]
struct OrdersPage {
    frame: Frame,
    what: &'static str,
    outcomes: Vec<Outcome>,
}

#[derive(Template)]
#[template(path = "arm.html")]
struct ArmPage {
    frame: Frame,
    hosts: Vec<String>,
    /// The generations that the order is for.
    seen: BTreeMap<String, i64>,
    reason: String,
    wrong: String,
}

fn name(host: &str) -> Result<HostName, Problem> {
    host.parse().map_err(|error| Problem::bad(format!("{error}")))
}

fn marked(fields: &Fields) -> Result<Vec<String>, Problem> {
    let hosts: BTreeSet<String> = fields.all("host").map(ToOwned::to_owned).collect();
    match hosts.len() {
        0 => Err(Problem::bad("no host is marked: mark those that are meant, then order")),
        1..=MAX_MARKED => Ok(hosts.into_iter().collect()),
        _ => Err(Problem::bad(format!("{MAX_MARKED} hosts at most: mark fewer"))),
    }
}

/// `POST /fleet/arm`: first a page where the names are typed again, then the order.
pub(super) async fn arm(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Problem> {
    let hosts = marked(&fields)?;
    let typed: BTreeSet<&str> = fields
        .get("confirm")
        .split([' ', ',', '\r', '\n', '\t'])
        .filter(|s| !s.is_empty())
        .collect();
    let expected: BTreeSet<&str> = hosts.iter().map(String::as_str).collect();
    if typed != expected {
        let wrong = match fields.get("asked") {
            "yes" => "these are not the names of the hosts below: nothing was armed".to_owned(),
            _ => String::new(),
        };
        let failed = !wrong.is_empty();
        let mut seen = BTreeMap::new();
        for host in &hosts {
            let stored = hosts::seen(&app, &name(host)?, &visitor.caller).await?;
            seen.insert(host.clone(), stored.generation);
        }
        let reason = fields.get("reason").to_owned();
        let frame = Frame::new(&visitor, "/fleet", "Arm hosts");
        let page = ArmPage { frame, hosts, seen, reason, wrong };
        return if failed { page::refuse(&page, &Problem::bad("")) } else { page::show(&page) };
    }
    let order = |host: &str| Order::Arm { confirm: host.to_owned() };
    each(&app, &visitor, "Arm", &hosts, &fields, order).await
}

/// `POST /fleet/disarm`.
pub(super) async fn disarm(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Problem> {
    each(&app, &visitor, "Disarm", &marked(&fields)?, &fields, |_| Order::Disarm).await
}

/// `POST /fleet/hold`.
pub(super) async fn hold(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Problem> {
    each(&app, &visitor, "Hold", &marked(&fields)?, &fields, |_| Order::Hold).await
}

/// `POST /fleet/release`.
pub(super) async fn release(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Problem> {
    each(&app, &visitor, "Release", &marked(&fields)?, &fields, |_| Order::Release).await
}

/// One order for each host; what fails for one of them keeps no other from it.
async fn each(
    app: &App,
    visitor: &Visitor,
    what: &'static str,
    hosts: &[String],
    fields: &Fields,
    order: impl Fn(&str) -> Order,
) -> Result<Response, Problem> {
    let mut outcomes = Vec::new();
    let mut denied = None;
    let seen: BTreeMap<_, _> = fields.all("seen").filter_map(|one| one.split_once(' ')).collect();
    for host in hosts {
        let name = name(host)?;
        let reason = fields.get("reason");
        let seen = seen.get(host.as_str()).and_then(|generation| generation.parse().ok());
        let seen = seen.map_or(IfMatch::Absent, IfMatch::Generation);
        let result = carry_out(app, &visitor.caller, &name, &order(host), reason, seen).await;
        let (good, text) = match result {
            Ok((StatusCode::ACCEPTED, _)) => (true, "waits for another person".to_owned()),
            Ok((_, stored)) => (true, format!("is {}", stored.state.name())),
            Err(problem) if problem.status == StatusCode::FORBIDDEN => {
                let text = problem.detail.clone();
                denied = Some(problem);
                (false, text)
            }
            Err(problem) => (false, problem.detail),
        };
        outcomes.push(Outcome { host: host.clone(), good, text });
    }
    let page = OrdersPage { frame: Frame::new(visitor, "/fleet", what), what, outcomes };
    match denied {
        // The gate writes it down.
        Some(problem) => page::refuse(&page, &problem),
        None => page::show(&page),
    }
}

//! The console's route table: every page and form, with the permission that it needs.

use super::{
    accounts, assets, audit, editor, factor, feed, fleet, host, kerberos, openid, orders, profiles,
    secrets, settings, sign_in, tokens, views, workshop,
};
use crate::{
    api::{
        Access, Method, Route, archives, events, images,
        route::{on_all, on_hosts, route},
    },
    auth::{Permission as P, Place, Principal, oidc::CALLBACK},
};
use Method::{Get, Post};
use axum::routing::{get, post};

/// All routes.
pub static TABLE: &[Route] = &[
    route(Get, "/assets/{file}", Access::Anybody, "Style and script", || get(assets::serve)),
    route(Get, "/sign-in", Access::Anybody, "The sign-in page", || get(sign_in::show)),
    route(Post, "/sign-in", Access::Anybody, "Begin a session", || post(sign_in::run)),
    route(Get, "/sign-in/oidc", Access::Anybody, "To the identity provider", || get(openid::begin)),
    route(Get, CALLBACK, Access::Anybody, "Back from the identity provider", || get(openid::end)),
    route(Get, kerberos::PATH, Access::Anybody, "By a Kerberos ticket", || get(kerberos::run)),
    route(Post, "/sign-out", Access::Known, "End the session", || post(sign_in::out)),
    route(Get, "/", Access::Known, "Leads to the first page one may see", || get(settings::home)),
    route(Get, "/me", Access::Known, "Who one is; the own password", || get(settings::me)),
    route(Post, "/me/password", Access::Known, "Change the own password", || post(sign_in::change)),
    route(Post, "/me/factor", Access::Known, "A second factor for the own account", || {
        post(factor::offer)
    }),
    route(Post, "/me/factor/confirm", Access::Known, "Ask for its codes", || post(factor::confirm)),
    route(Get, "/roles", Access::Known, "Which role may do what", || get(settings::roles)),
    route(Get, "/fleet", on_hosts(P::HostsRead), "Hosts and their states", || get(fleet::show)),
    route(Get, "/fleet/events", on_hosts(P::HostsRead), "Changes as they happen", || {
        get(events::follow)
    }),
    route(Get, "/fleet.csv", on_hosts(P::HostsRead), "Hosts as a feed", || get(feed::export)),
    route(Post, "/fleet/arm", on_hosts(P::HostsReimage), "Arm the marked hosts", || {
        post(orders::arm)
    }),
    route(Post, "/fleet/disarm", on_hosts(P::HostsReimage), "Disarm the marked hosts", || {
        post(orders::disarm)
    }),
    route(Post, "/fleet/hold", on_hosts(P::HostsHold), "Hold the marked hosts", || {
        post(orders::hold)
    }),
    route(Post, "/fleet/release", on_hosts(P::HostsHold), "Release the marked hosts", || {
        post(orders::release)
    }),
    route(Post, "/fleet/views", on_hosts(P::HostsRead), "Keep a view of one's own", || {
        post(views::keep)
    }),
    route(Post, "/fleet/views/forget", on_hosts(P::HostsRead), "Forget it", || post(views::forget)),
    route(Get, "/hosts/{host}", on_hosts(P::HostsRead), "A host", || get(host::show)),
    route(
        Get,
        "/hosts/{host}/render",
        on_hosts(P::HostsRender),
        "What it would be sent, secrets hidden",
        || get(host::render),
    ),
    route(Post, "/hosts/{host}/arm", on_hosts(P::HostsReimage), "Allow one install", || {
        post(host::arm)
    }),
    route(Post, "/hosts/{host}/approve", on_hosts(P::HostsApprove), "Agree to an arming", || {
        post(host::approve)
    }),
    route(Post, "/hosts/{host}/disarm", on_hosts(P::HostsReimage), "Take it back", || {
        post(host::disarm)
    }),
    route(Post, "/hosts/{host}/hold", on_hosts(P::HostsHold), "Make it wait", || post(host::hold)),
    route(Post, "/hosts/{host}/release", on_hosts(P::HostsHold), "Let it go on", || {
        post(host::release)
    }),
    route(Post, "/hosts/{host}/remove", on_hosts(P::HostsWrite), "Forget the host", || {
        post(host::remove)
    }),
    route(Get, "/download/{image}", on_hosts(P::ImagesGet), "A host's image", || get(images::get)),
    route(Get, "/download.tar", on_hosts(P::ImagesGet), "Several images", || get(archives::tar))
        .heavy(),
    route(Get, "/download.zip", on_hosts(P::ImagesGet), "The same as ZIP", || get(archives::zip))
        .heavy(),
    route(Get, "/workshop", on_hosts(P::ImagesGet), "Images of several hosts", || {
        get(workshop::show)
    }),
    route(
        Post,
        "/workshop/script",
        on_all(P::ImagesScript),
        "An image of one's own script",
        || post(workshop::script),
    )
    .heavy(),
    route(Get, "/profiles", on_hosts(P::ProfilesRead), "OS profiles", || get(profiles::all)),
    route(Get, "/new-profile", on_all(P::ProfilesWrite), "A new one is begun", || get(editor::new)),
    route(Get, "/profiles/{profile}", on_hosts(P::ProfilesRead), "An OS profile", || {
        get(profiles::show)
    }),
    route(
        Get,
        "/profiles/{profile}/edit",
        on_all(P::ProfilesWrite),
        "Its texts are edited",
        || get(editor::show),
    ),
    route(
        Post,
        "/profiles/{profile}/edit",
        on_all(P::ProfilesWrite),
        "Check, preview or publish them",
        || post(editor::run),
    )
    .heavy(),
    route(Get, "/profiles/{profile}/versions", on_hosts(P::ProfilesRead), "Its versions", || {
        get(profiles::versions)
    }),
    route(
        Get,
        "/profiles/{profile}/versions/{version}",
        on_hosts(P::ProfilesRead),
        "One of them",
        || get(profiles::version),
    ),
    route(Get, "/profiles/{profile}/diff", on_hosts(P::ProfilesRead), "What differs", || {
        get(profiles::difference)
    }),
    route(Post, "/profiles/{profile}/revert", on_all(P::ProfilesWrite), "Go back to one", || {
        post(profiles::revert)
    })
    .heavy(),
    route(Get, "/import", on_hosts(P::HostsWrite), "A feed is pasted or read", || get(feed::show)),
    route(
        Post,
        "/import",
        on_hosts(P::HostsWrite),
        "What a feed would change; then, do it",
        || post(feed::run),
    )
    .heavy(),
    route(Get, "/discovered", on_all(P::DiscoveredRead), "Machines that are no hosts", || {
        get(settings::discovered)
    }),
    route(Get, "/audit", on_all(P::AuditRead), "The audit log", || get(audit::show)),
    route(Get, "/audit/verify", on_all(P::AuditRead), "Whether its chain holds", || {
        get(audit::verify)
    })
    .heavy(),
    route(Get, "/audit/export.csv", on_all(P::AuditRead), "The audit log as CSV", || {
        get(audit::csv)
    })
    .heavy(),
    route(Get, "/audit/export.ndjson", on_all(P::AuditRead), "As JSON lines", || {
        get(audit::ndjson)
    })
    .heavy(),
    route(Get, "/secrets", on_hosts(P::SecretsWrite), "Secrets, without their values", || {
        get(secrets::show)
    }),
    route(Post, "/secrets", on_hosts(P::SecretsWrite), "Set a secret", || post(secrets::set)),
    route(Post, "/secrets/{secret}/remove", on_hosts(P::SecretsWrite), "Remove it", || {
        post(secrets::remove)
    }),
    route(Get, "/tokens", on_hosts(P::TokensOwn), "Tokens for programs", || get(tokens::show)),
    route(Post, "/tokens", on_hosts(P::TokensOwn), "Make a token", || post(tokens::make)),
    route(Post, "/tokens/{token}/end", on_hosts(P::TokensOwn), "End a token", || post(tokens::end)),
    route(Get, "/accounts", on_all(P::AccountsManage), "Accounts", || get(accounts::show)),
    route(Post, "/accounts", on_all(P::AccountsManage), "Make an account", || post(accounts::add)),
    route(Post, "/accounts/{user}/roles", on_all(P::AccountsManage), "What it may", || {
        post(accounts::roles)
    }),
    route(Post, "/accounts/{user}/lock", on_all(P::AccountsManage), "Lock or unlock it", || {
        post(accounts::lock)
    }),
    route(Post, "/accounts/{user}/reset", on_all(P::AccountsManage), "A new password", || {
        post(accounts::reset)
    }),
    route(
        Post,
        "/accounts/{user}/factor",
        on_all(P::AccountsManage),
        "Remove its second factor",
        || post(accounts::factor),
    ),
    route(Post, "/accounts/{user}/remove", on_all(P::AccountsManage), "Remove it", || {
        post(accounts::remove)
    }),
    route(Get, "/settings", on_all(P::AccountsManage), "The configuration, to look at", || {
        get(settings::show)
    }),
];

/// Whether somebody would get past the gate of that page or form.
pub(super) fn passes(who: &Principal, method: Method, path: &str) -> bool {
    let found = TABLE.iter().find(|route| route.method == method && route.path == path);
    found.is_some_and(|route| match route.access {
        Access::Anybody | Access::Known => true,
        Access::Needs(permission, reach) => who.role_for(permission, reach.place()).is_some(),
    })
}

/// Whether somebody may use that form of a host.
pub(super) fn passes_on(
    who: &Principal,
    method: Method,
    path: &str,
    host: &bootmint_image_factory::host::Host,
) -> bool {
    let found = TABLE.iter().find(|route| route.method == method && route.path == path);
    found.is_some_and(|route| match route.access {
        Access::Anybody | Access::Known => true,
        Access::Needs(permission, _) => who.role_for(permission, Place::Host(host)).is_some(),
    })
}

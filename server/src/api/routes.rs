//! The route table: every route of the interface, with the permission that it needs.

use super::{
    accounts as acc, archives, audit, events, hosts, images, import,
    input::Why,
    inventory, metrics, openapi,
    openapi::Shape,
    orders, profiles, publish,
    route::{Access, Method, Route, on_all, on_hosts, route},
    secrets,
};
use crate::auth::Permission as P;
use axum::routing;

use Method::{Delete, Get, Patch, Post, Put};

const LIMIT: (&str, &str) = ("limit", "how many at most, 1000 at most; 100 unless given");
const AFTER: (&str, &str) = ("after", "the `next` of the page before");

const REASON: (&str, &str) = ("reason", "why, for the audit log");
const FIRMWARE: (&str, &str) = ("firmware", "on this firmware profile, instead of the host's own");
const SELECTION: &[(&str, &str)] = &[
    ("format", "iso, usb, vhd, floppy, efi or lkrn; several, separated by commas"),
    ("hosts", "names, separated by commas"),
    ("site", "all hosts of this site, instead of names"),
    FIRMWARE,
];

const PLACE: (&str, &str) = ("place", "site:NAME or host:NAME; everywhere without it");

/// All routes.
pub static TABLE: &[Route] = &[
    route(Get, "/healthz", Access::Anybody, "Whether the server lives", || {
        routing::get(|| async { "alive\n" })
    })
    .gives_raw("text/plain")
    .quiet(),
    route(Get, "/readyz", Access::Anybody, "Whether the database answers", || {
        routing::get(crate::boot::ready)
    })
    .gives_raw("text/plain")
    .quiet(),
    route(Get, "/api/v1/openapi.json", Access::Anybody, "This document", || {
        routing::get(openapi::serve)
    })
    .gives_raw("application/json"),
    route(Post, "/api/v1/sign-in", Access::Anybody, "A token for name and password", || {
        routing::post(acc::sign_in)
    })
    .takes(Shape::of::<acc::SignInBody>())
    .gives(Shape::of::<acc::TokenMade>()),
    route(Post, "/api/v1/sign-out", Access::Known, "End the token that is sent", || {
        routing::post(acc::sign_out)
    }),
    route(Get, "/api/v1/me", Access::Known, "Who the caller is, and what they may", || {
        routing::get(acc::me)
    })
    .gives(Shape::of::<acc::Me>()),
    route(Get, "/api/v1/roles", Access::Known, "Which role may do what", || {
        routing::get(acc::roles)
    })
    .gives(Shape::of::<acc::RoleList>()),
    route(Get, "/api/v1/hosts", on_hosts(P::HostsRead), "Hosts, by name", || {
        routing::get(hosts::list)
    })
    .query(&[LIMIT, AFTER, ("state", "only in this state"), ("site", "only at this site")])
    .gives(Shape::of::<hosts::HostPage>()),
    route(
        Get,
        "/api/v1/events",
        on_hosts(P::HostsRead),
        "Changes of hosts as they happen; Last-Event-ID goes on behind that event",
        || routing::get(events::follow),
    )
    .gives_raw("text/event-stream"),
    route(Post, "/api/v1/hosts", on_hosts(P::HostsWrite), "Add a host", || {
        routing::post(hosts::create)
    })
    .takes_raw("application/json")
    .gives(Shape::of::<super::view::HostView>()),
    route(Get, "/api/v1/hosts/{host}", on_hosts(P::HostsRead), "A host", || {
        routing::get(hosts::get)
    })
    .gives(Shape::of::<super::view::HostView>()),
    route(
        Put,
        "/api/v1/hosts/{host}",
        on_hosts(P::HostsWrite),
        "Change a host; needs If-Match",
        || routing::put(hosts::replace),
    )
    .guarded()
    .takes_raw("application/json")
    .gives(Shape::of::<super::view::HostView>()),
    route(
        Delete,
        "/api/v1/hosts/{host}",
        on_hosts(P::HostsWrite),
        "Remove a host; needs If-Match",
        || routing::delete(hosts::remove),
    )
    .guarded(),
    route(
        Post,
        "/api/v1/hosts/{host}/arm",
        on_hosts(P::HostsReimage),
        "Allow one install: the disk will be wiped",
        || routing::post(orders::arm),
    )
    .guarded()
    .takes(Shape::of::<orders::ArmBody>())
    .gives(Shape::of::<super::view::HostView>()),
    route(
        Post,
        "/api/v1/hosts/{host}/approve",
        on_hosts(P::HostsApprove),
        "Agree to an arming that another person asked for",
        || routing::post(orders::approve),
    )
    .guarded()
    .takes(Shape::of::<orders::ArmBody>())
    .gives(Shape::of::<super::view::HostView>()),
    route(
        Post,
        "/api/v1/hosts/{host}/disarm",
        on_hosts(P::HostsReimage),
        "Take an arming back",
        || routing::post(orders::disarm),
    )
    .guarded()
    .takes(Shape::of::<orders::OrderBody>())
    .gives(Shape::of::<super::view::HostView>()),
    route(
        Post,
        "/api/v1/hosts/{host}/hold",
        on_hosts(P::HostsHold),
        "Make a host wait for a person",
        || routing::post(orders::hold),
    )
    .guarded()
    .takes(Shape::of::<orders::OrderBody>())
    .gives(Shape::of::<super::view::HostView>()),
    route(
        Post,
        "/api/v1/hosts/{host}/release",
        on_hosts(P::HostsHold),
        "Let a held host boot its disk",
        || routing::post(orders::release),
    )
    .guarded()
    .takes(Shape::of::<orders::OrderBody>())
    .gives(Shape::of::<super::view::HostView>()),
    route(
        Get,
        "/api/v1/hosts/{host}/boots",
        on_hosts(P::HostsRead),
        "A host's boots, the newest first",
        || routing::get(hosts::boots),
    )
    .query(&[LIMIT, AFTER])
    .gives(Shape::of::<hosts::BootPage>()),
    route(
        Get,
        "/api/v1/hosts/{host}/render",
        on_hosts(P::HostsRender),
        "Every text that a host would be sent, secrets hidden",
        || routing::get(hosts::render),
    )
    .gives(Shape::of::<hosts::Texts>()),
    route(
        Post,
        "/api/v1/hosts/{host}/image-link",
        on_hosts(P::ImagesLink),
        "A link to a host's image that needs no sign-in",
        || routing::post(images::make_link),
    )
    .takes(Shape::of::<images::LinkBody>())
    .gives(Shape::of::<images::LinkView>()),
    route(
        Post,
        "/api/v1/hosts/{host}/nocloud-link",
        on_hosts(P::ImagesLink),
        "A link to a host's NoCloud files that needs no sign-in",
        || routing::post(inventory::make_link),
    )
    .takes(Shape::of::<inventory::NoCloudLinkBody>())
    .gives(Shape::of::<inventory::NoCloudLink>()),
    route(
        Get,
        "/api/v1/images/{image}",
        on_hosts(P::ImagesGet),
        "A host's image: <host>.iso, .usb.img, .vhd, .floppy.img, .efi or .lkrn; one Range",
        || routing::get(images::get),
    )
    .query(&[FIRMWARE])
    .gives_raw("application/octet-stream"),
    route(
        Get,
        "/api/v1/images.tar",
        on_hosts(P::ImagesGet),
        "The images of several hosts as one archive",
        || routing::get(archives::tar),
    )
    .query(SELECTION)
    .gives_raw("application/x-tar")
    .heavy(),
    route(
        Get,
        "/api/v1/images.zip",
        on_hosts(P::ImagesGet),
        "The same as a ZIP archive, of 4 GiB at most",
        || routing::get(archives::zip),
    )
    .query(SELECTION)
    .gives_raw("application/zip")
    .heavy(),
    route(
        Get,
        "/images/{signature}/{expires}/{image}",
        Access::Anybody,
        "What a link to an image leads to",
        || routing::get(images::by_link),
    )
    .gives_raw("application/octet-stream"),
    route(Get, "/api/v1/templates", Access::Known, "What images can be minted", || {
        routing::get(images::templates)
    })
    .query(&[LIMIT, AFTER])
    .gives(Shape::of::<images::TemplatePage>()),
    route(Get, "/api/v1/profiles", on_hosts(P::ProfilesRead), "OS profiles, by name", || {
        routing::get(profiles::list)
    })
    .query(&[LIMIT, AFTER])
    .gives(Shape::of::<profiles::ProfilePage>()),
    route(
        Get,
        "/api/v1/profiles/{profile}",
        on_hosts(P::ProfilesRead),
        "An OS profile with its texts, as hosts get them now",
        || routing::get(profiles::get),
    )
    .gives(Shape::of::<profiles::ProfileView>()),
    route(
        Get,
        "/api/v1/profiles/{profile}/versions",
        on_hosts(P::ProfilesRead),
        "Its published versions, the newest first",
        || routing::get(profiles::versions),
    )
    .query(&[LIMIT, AFTER])
    .gives(Shape::of::<profiles::VersionPage>()),
    route(
        Get,
        "/api/v1/profiles/{profile}/versions/{version}",
        on_hosts(P::ProfilesRead),
        "One of them with its texts; 0 is the folder's",
        || routing::get(profiles::version),
    )
    .gives(Shape::of::<profiles::VersionView>()),
    route(
        Get,
        "/api/v1/profiles/{profile}/diff",
        on_hosts(P::ProfilesRead),
        "What differs between two versions",
        || routing::get(profiles::difference),
    )
    .query(&[("from", "the older version; 0 is the folder's"), ("to", "the newer, likewise")])
    .gives(Shape::of::<profiles::DiffView>()),
    route(
        Post,
        "/api/v1/profiles/{profile}/check",
        on_all(P::ProfilesWrite),
        "Everything that is wrong with texts; publishes nothing",
        || routing::post(publish::check),
    )
    .takes(Shape::of::<publish::CheckBody>())
    .gives(Shape::of::<publish::CheckView>())
    .heavy(),
    route(
        Post,
        "/api/v1/profiles/{profile}/preview",
        on_all(P::ProfilesWrite),
        "What a host would be sent of texts, secrets hidden; publishes nothing",
        || routing::post(publish::preview),
    )
    .takes(Shape::of::<publish::PreviewBody>())
    .gives(Shape::of::<super::hosts::Texts>())
    .heavy(),
    route(
        Post,
        "/api/v1/profiles/{profile}/publish",
        on_all(P::ProfilesWrite),
        "Publish texts as the next version; needs If-Match",
        || routing::post(publish::publish),
    )
    .guarded()
    .takes(Shape::of::<publish::PublishBody>())
    .gives(Shape::of::<publish::PublishedView>())
    .heavy(),
    route(
        Post,
        "/api/v1/profiles/{profile}/revert",
        on_all(P::ProfilesWrite),
        "Publish an earlier version again, or let the folder's count; needs If-Match",
        || routing::post(publish::revert),
    )
    .guarded()
    .takes(Shape::of::<publish::RevertBody>())
    .gives(Shape::of::<publish::PublishedView>())
    .heavy(),
    route(
        Get,
        "/api/v1/inventory/ansible",
        on_hosts(P::InventoryRead),
        "Ansible's dynamic inventory",
        || routing::get(inventory::ansible),
    )
    .gives_raw("application/json"),
    route(
        Get,
        "/api/v1/inventory/salt/{host}",
        on_hosts(P::InventoryRead),
        "Salt's http_json external pillar of one minion",
        || routing::get(inventory::salt),
    )
    .gives_raw("application/json"),
    route(
        Get,
        "/api/v1/inventory/nocloud/{host}/{file}",
        on_hosts(P::InventoryRead),
        "cloud-init's NoCloud files: meta-data, user-data, vendor-data, network-config",
        || routing::get(inventory::nocloud),
    )
    .gives_raw("text/yaml"),
    route(Get, "/metrics", on_all(P::MetricsRead), "Measurements, for Prometheus", || {
        routing::get(metrics::serve)
    })
    .gives_raw("text/plain"),
    route(
        Post,
        "/api/v1/import",
        on_hosts(P::HostsWrite),
        "Add and update the hosts of a feed, all or none",
        || routing::post(import::run),
    )
    .query(&[
        ("dry-run", "true: only say what would change"),
        ("format", "csv, json, ndjson or toml, where Content-Type does not say"),
        ("server", "the server of hosts that name none"),
        REASON,
    ])
    .takes_raw("text/csv")
    .gives(Shape::of::<import::ImportView>())
    .heavy(),
    route(
        Get,
        "/api/v1/discovered",
        on_all(P::DiscoveredRead),
        "Machines that asked and are no hosts",
        || routing::get(hosts::discovered),
    )
    .query(&[LIMIT, AFTER])
    .gives(Shape::of::<hosts::DiscoveredPage>()),
    route(Get, "/api/v1/audit", on_all(P::AuditRead), "The audit log, the oldest first", || {
        routing::get(audit::list)
    })
    .query(&[
        LIMIT,
        AFTER,
        ("actor", "only of this actor, such as user:alice"),
        ("host", "only of this host"),
        ("event", "only of this event"),
        ("result", "only done, denied or failed"),
        ("from", "not before this time in UTC: 2026-01-31T12:00:00Z or 2026-01-31"),
        ("until", "before this time, likewise"),
    ])
    .gives(Shape::of::<audit::AuditPage>()),
    route(
        Get,
        "/api/v1/audit/verify",
        on_all(P::AuditRead),
        "Whether the audit chain holds",
        || routing::get(audit::verify),
    )
    .gives(Shape::of::<audit::Verified>())
    .heavy(),
    route(
        Get,
        "/api/v1/secrets",
        on_hosts(P::SecretsWrite),
        "The secrets of a place, by name, without their values",
        || routing::get(secrets::list),
    )
    .query(&[PLACE, LIMIT, AFTER])
    .gives(Shape::of::<secrets::SecretPage>()),
    route(
        Get,
        "/api/v1/secrets/{secret}",
        on_hosts(P::SecretsWrite),
        "A secret, without its value, with its ETag",
        || routing::get(secrets::get),
    )
    .query(&[PLACE])
    .gives(Shape::of::<secrets::SecretView>()),
    route(
        Put,
        "/api/v1/secrets/{secret}",
        on_hosts(P::SecretsWrite),
        "Set a secret; takes If-Match, or If-None-Match: * where none may be set",
        || routing::put(secrets::set),
    )
    .guarded()
    .query(&[PLACE])
    .takes(Shape::of::<secrets::SecretBody>()),
    route(
        Delete,
        "/api/v1/secrets/{secret}",
        on_hosts(P::SecretsWrite),
        "Remove a secret; takes If-Match",
        || routing::delete(secrets::remove),
    )
    .guarded()
    .query(&[PLACE]),
    route(
        Get,
        "/api/v1/tokens",
        on_hosts(P::TokensOwn),
        "One's own tokens, the oldest first; all, for who manages accounts",
        || routing::get(acc::tokens),
    )
    .query(&[LIMIT, AFTER])
    .gives(Shape::of::<acc::TokenPage>()),
    route(Post, "/api/v1/tokens", on_hosts(P::TokensOwn), "Make a token, shown this once", || {
        routing::post(acc::make_token)
    })
    .takes(Shape::of::<acc::TokenBody>())
    .gives(Shape::of::<acc::TokenMade>()),
    route(Get, "/api/v1/tokens/{token}", on_hosts(P::TokensOwn), "A token, with its ETag", || {
        routing::get(acc::token)
    })
    .gives(Shape::of::<acc::TokenView>()),
    route(
        Delete,
        "/api/v1/tokens/{token}",
        on_hosts(P::TokensOwn),
        "End a token; takes If-Match",
        || routing::delete(acc::revoke_token),
    )
    .guarded()
    .query(&[REASON]),
    route(Get, "/api/v1/users", on_all(P::AccountsManage), "Accounts, by name", || {
        routing::get(acc::users)
    })
    .query(&[LIMIT, AFTER])
    .gives(Shape::of::<acc::UserPage>()),
    route(
        Get,
        "/api/v1/users/{user}",
        on_all(P::AccountsManage),
        "An account, with its ETag",
        || routing::get(acc::user),
    )
    .gives(Shape::of::<acc::UserView>()),
    route(
        Post,
        "/api/v1/users",
        on_all(P::AccountsManage),
        "Make an account; its one-time password is shown this once",
        || routing::post(acc::add_user),
    )
    .takes(Shape::of::<acc::UserBody>())
    .gives(Shape::of::<acc::OneTime>()),
    route(
        Patch,
        "/api/v1/users/{user}",
        on_all(P::AccountsManage),
        "Change what an account may, or lock it; takes If-Match",
        || routing::patch(acc::change_user),
    )
    .guarded()
    .takes(Shape::of::<acc::UserChange>())
    .gives(Shape::of::<acc::UserView>()),
    route(
        Delete,
        "/api/v1/users/{user}/factor",
        on_all(P::AccountsManage),
        "Remove an account's second factor; takes If-Match",
        || routing::delete(acc::remove_factor),
    )
    .guarded()
    .query(&[REASON]),
    route(
        Delete,
        "/api/v1/users/{user}",
        on_all(P::AccountsManage),
        "Remove an account with its tokens; takes If-Match",
        || routing::delete(acc::remove_user),
    )
    .guarded()
    .query(&[REASON]),
    route(
        Post,
        "/api/v1/users/{user}/reset-password",
        on_all(P::AccountsManage),
        "Give an account a new one-time password; takes If-Match",
        || routing::post(acc::reset_password),
    )
    .guarded()
    .takes(Shape::of::<Why>())
    .gives(Shape::of::<acc::OneTime>()),
];

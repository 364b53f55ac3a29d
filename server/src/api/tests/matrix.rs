//! Every route against every role: with it, without it, with it for the host alone and for others
//! alone (by site and by group), and with no token.

use super::desk::{Answer, Desk};
use crate::{
    api::{Access, Reach, Route, TABLE},
    auth::{Permission, Role},
};
use axum::http::StatusCode;
use std::path::Path;

const SPEC: &str = r#"{"name":"web-01","server":"http://192.0.2.2:8080","site":"berlin",
    "vars":{"group":"web"},"nics":[{"mac":"52:54:00:00:00:01","address":"192.0.2.1/24"}]}"#;

/// Scopes, and whether the host is in them.
const SCOPES: [(&str, bool); 4] =
    [("site:paris", false), ("group:db", false), ("site:berlin", true), ("group:web", true)];

/// A path, headers and body with which a handler gets as far as to look at the host.
async fn ask(desk: &Desk, route: &Route, token: &str) -> Answer {
    let path = route
        .path
        .replace("{host}", "web-01")
        .replace("{token}", "0000000000000000")
        .replace("{user}", "nobody")
        .replace("{secret}", "root-password-hash?place=host:web-01")
        .replace("{file}", "meta-data")
        .replace("{image}", "web-01.iso")
        .replace("{profile}", "debian")
        .replace("{version}", "0")
        .replace("/diff", "/diff?from=0&to=0")
        .replace("images.tar", "images.tar?format=iso&hosts=web-01")
        .replace("images.zip", "images.zip?format=iso&hosts=web-01");
    let path = match path.as_str() {
        "/api/v1/secrets" => format!("{path}?place=host:web-01"),
        _ => path,
    };
    let body = match (route.method.name(), route.path.rsplit('/').next()) {
        ("POST", Some("arm" | "approve")) => r#"{"confirm":"somebody-else"}"#.to_owned(),
        ("POST", Some("image-link")) => r#"{"format":"iso"}"#.to_owned(),
        ("POST", Some("nocloud-link")) => "{}".to_owned(),
        ("PUT", Some("{secret}")) => r#"{"value":"x"}"#.to_owned(),
        ("POST", Some("check")) => r#"{"files":{}}"#.to_owned(),
        ("POST", Some("preview")) => r#"{"files":{},"host":"web-01"}"#.to_owned(),
        ("POST", Some("publish")) => r#"{"files":{},"reason":"x"}"#.to_owned(),
        ("POST", Some("revert")) => r#"{"version":0,"reason":"x"}"#.to_owned(),
        ("POST", Some("import")) => format!("[{SPEC}]"),
        ("POST" | "PUT", Some("hosts" | "{host}")) => SPEC.to_owned(),
        _ => String::new(),
    };
    let headers: &[(&str, &str)] = match (route.method.name(), route.path) {
        ("PUT", "/api/v1/hosts/{host}") => &[("if-match", "\"g99\"")],
        _ => &[],
    };
    desk.ask(&format!("{} {path}", route.method.name()), token, headers, body).await
}

#[tokio::test]
async fn every_route_lets_in_who_may_and_nobody_else() {
    let desk = Desk::open().await;
    for &role in Role::ALL {
        let everywhere = desk.token(&format!("{role}-all"), role.name()).await;
        let mut scoped = Vec::new();
        for (scope, here) in SCOPES {
            let name = format!("{role}-{}", scope.replace(':', "-"));
            scoped.push((scope, here, desk.token(&name, &format!("{role}@{scope}")).await));
        }
        for route in TABLE {
            let name = format!("{role}: {} {}", route.method.name(), route.path);
            let (may, may_scoped) = match route.access {
                Access::Anybody => continue,
                // Signing out would end the token that the rest needs.
                Access::Known if route.path.ends_with("sign-out") => continue,
                Access::Known => (true, [true; 2]),
                Access::Needs(permission, reach) => {
                    let own = route.path.starts_with("/api/v1/tokens");
                    let list = ["/api/v1/hosts", "/api/v1/events", "/api/v1/inventory/ansible"]
                        .contains(&route.path)
                        && route.method.name() == "GET";
                    let look = route.path.starts_with("/api/v1/profiles");
                    let may = role.may(permission);
                    let scoped = may && reach == Reach::Hosts;
                    // A profile is for the hosts of all sites.
                    let everywhere = look && permission == Permission::ProfilesWrite;
                    (may, [scoped && (own || list || look), scoped && !everywhere])
                }
            };
            // It goes on and on for who may follow it; another test reads it.
            if route.path.ends_with("/events") && may {
                continue;
            }
            let here = ask(&desk, route, &everywhere).await;
            assert_eq!(here.status != StatusCode::FORBIDDEN, may, "{name}: {}", here.text());
            assert_ne!(here.status, StatusCode::UNAUTHORIZED, "{name}");
            assert!(!here.status.is_server_error(), "{name}: {}", here.text());
            for (scope, here, token) in &scoped {
                let answer = ask(&desk, route, token).await;
                let may = may_scoped[usize::from(*here)];
                let (status, text) = (answer.status, answer.text());
                assert_eq!(
                    status != StatusCode::FORBIDDEN,
                    may,
                    "{name} @{scope}: {status} {text}"
                );
            }
        }
    }
}

#[tokio::test]
async fn nobody_is_let_in_without_a_token_that_counts() {
    let desk = Desk::open().await;
    for route in TABLE.iter().filter(|route| route.access != Access::Anybody) {
        let wrong = format!("bmt_{}_{}", "0".repeat(16), "0".repeat(64));
        for token in ["", "x", &wrong] {
            let answer = ask(&desk, route, token).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{} {token}", route.path);
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"bootmint\"");
        }
    }
    let open: Vec<_> =
        TABLE.iter().filter(|route| route.access == Access::Anybody).map(|r| r.path).collect();
    assert_eq!(
        open,
        [
            "/healthz",
            "/readyz",
            "/api/v1/openapi.json",
            "/api/v1/sign-in",
            "/images/{signature}/{expires}/{image}",
        ]
    );
}

/// The sources of a folder of the server, by name, without its tests.
fn sources(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "rs") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            all.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
    all
}

#[test]
fn all_routes_come_from_the_tables() {
    for folder in ["api", "web"] {
        for (name, text) in sources(folder) {
            let from_table = "router.route(route.path, guarded)";
            let known = usize::from(name == "mod.rs");
            assert_eq!(text.matches(from_table).count(), known, "{folder}/{name}");
            for by_hand in [".route(", ".route_service(", ".nest(", ".nest_service("] {
                let found = text.replace(from_table, "").matches(by_hand).count();
                assert_eq!(found, 0, "{folder}/{name}: {by_hand} is no row of the table");
            }
        }
    }
}

//! Every page and form against every role: with it, with it elsewhere, and with no session.

use super::browser::Browser;
use crate::{
    api::{
        Access, Method, Reach, Route,
        tests::desk::{Answer, Desk},
    },
    auth::Role,
    web::TABLE,
};
use axum::http::StatusCode;

fn path(route: &Route) -> String {
    route
        .path
        .replace("{host}", "web-01")
        .replace("{token}", "0000000000000000")
        .replace("{user}", "nobody")
        .replace("{secret}", "root-password-hash")
        .replace("{image}", "web-01.iso")
        .replace("{profile}", "debian")
        .replace("{version}", "0")
        .replace("/diff", "/diff?from=0&to=0")
        .replace("/new-profile", "/new-profile?name=fresh")
        .replace("{file}", "console.css")
        .replace("download.tar", "download.tar?format=iso&hosts=web-01")
        .replace("download.zip", "download.zip?format=iso&hosts=web-01")
}

/// Fields with which a handler gets as far as to look at the host, and changes nothing.
fn fields(route: &Route) -> Vec<(&'static str, &'static str)> {
    match route.path {
        "/fleet/arm" => vec![("host", "web-01"), ("confirm", "web-01")],
        "/import" => vec![
            ("format", "json"),
            (
                "feed",
                r#"[{"name":"web-01","server":"http://192.0.2.2:8080","site":"berlin",
                "nics":[{"mac":"52:54:00:00:00:01","address":"192.0.2.1/24"}]}]"#,
            ),
        ],
        "/tokens" => vec![("days", "0")],
        "/secrets" => vec![("name", "no name"), ("value", "x")],
        path if path.starts_with("/fleet/") => vec![("host", "web-01")],
        _ => vec![("confirm", "somebody-else"), ("password", "x"), ("new-password", "y")],
    }
}

async fn ask(browser: &Browser<'_>, route: &Route) -> Answer {
    match route.method {
        Method::Get => browser.get(&path(route)).await,
        _ => browser.post(&path(route), &fields(route)).await,
    }
}

#[tokio::test]
async fn every_page_lets_in_who_may_and_nobody_else() {
    let desk = Desk::open().await;
    for &role in Role::ALL {
        let here = Browser::of(&desk, &format!("{role}-all"), role.name()).await;
        let there =
            Browser::of(&desk, &format!("{role}-paris"), &format!("{role}@site:paris")).await;
        for route in TABLE {
            let name = format!("{role}: {} {}", route.method.name(), route.path);
            let (may, may_elsewhere) = match route.access {
                Access::Anybody => continue,
                // Signing out would end the session that the rest needs.
                Access::Known if route.path == "/sign-out" => continue,
                Access::Known => (true, true),
                Access::Needs(permission, reach) => {
                    let own = route.path.starts_with("/tokens");
                    let list = ["/fleet", "/fleet.csv", "/fleet/events", "/workshop"]
                        .contains(&route.path)
                        || route.path.starts_with("/fleet/views")
                        || route.path.starts_with("/profiles");
                    let form = ["/import", "/secrets"].contains(&route.path)
                        && route.method == Method::Get;
                    let may = role.may(permission);
                    (may, may && reach == Reach::Hosts && (own || list || form))
                }
            };
            // It goes on and on; that it begins is enough, and another test reads it.
            let follows = route.path == "/fleet/events" && may;
            for (browser, may, place) in [(&here, may, "here"), (&there, may_elsewhere, "there")] {
                if follows && may {
                    continue;
                }
                let answer = ask(browser, route).await;
                let denied = answer.status == StatusCode::FORBIDDEN;
                assert_eq!(!denied, may, "{name} {place}: {} {}", answer.status, answer.text());
                assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{name} {place}");
                assert!(!answer.status.is_server_error(), "{name} {place}: {}", answer.text());
            }
        }
    }
    assert!(desk.app.store().verify_audit().await.unwrap().is_ok());
}

#[tokio::test]
async fn nobody_sees_a_page_without_a_session_that_counts() {
    let desk = Desk::open().await;
    let mut stranger = Browser::new(&desk);
    for cookie in ["", "bootmint=x", &format!("bootmint={}", "0".repeat(64))] {
        cookie.clone_into(&mut stranger.cookie);
        for route in TABLE.iter().filter(|route| route.access != Access::Anybody) {
            let answer = ask(&stranger, route).await;
            let name = format!("{} {}", route.method.name(), route.path);
            if route.method == Method::Get && route.path != "/fleet/events" {
                assert_eq!(answer.status, StatusCode::SEE_OTHER, "{name}");
                assert!(answer.header("location").starts_with("/sign-in"), "{name}");
            } else {
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
            }
        }
    }
    let open: Vec<_> = TABLE
        .iter()
        .filter(|route| route.access == Access::Anybody)
        .map(|route| (route.method, route.path))
        .collect();
    let known = [
        (Method::Get, "/assets/{file}"),
        (Method::Get, "/sign-in"),
        (Method::Post, "/sign-in"),
        (Method::Get, "/sign-in/oidc"),
        (Method::Get, "/sign-in/oidc/callback"),
        (Method::Get, "/sign-in/kerberos"),
    ];
    assert_eq!(open, known);
}

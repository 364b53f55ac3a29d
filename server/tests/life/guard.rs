//! What stands between an order and a wiped disk.

use crate::{install::Install, is_local, site::Site};
use bootmint_server::{
    app::{AppError, Order},
    db::{Actor, Guarded, Trace},
    machine::State,
    time::Timestamp,
};

fn arm(name: &str) -> Order {
    Order::Arm { confirm: name.into() }
}

fn approve(name: &str) -> Order {
    Order::Approve { confirm: name.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_arms_so_many_hosts_and_no_more() {
    let hosts = ["a", "b", "c"];
    let site = Site::start(&hosts, "\n[guard]\narms-per-hour = 2").await;
    // All at once: the limit must hold for those that race too.
    let mut racers = tokio::task::JoinSet::new();
    for name in hosts {
        let site = site.clone();
        racers.spawn(async move { site.order_as("kim", name, &arm(name)).await });
    }
    let results = racers.join_all().await;
    let refused: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert_eq!(refused.len(), 1, "{results:?}");
    let limit = Guarded::Limit { most: 2, span: "hour" };
    assert!(matches!(refused[0], AppError::Guarded { source, .. } if *source == limit));
    let mut armed = 0;
    for name in hosts {
        armed += usize::from(matches!(site.state(name).await, State::Armed { .. }));
    }
    assert_eq!(armed, 2);
    for name in hosts {
        let order = site.order_as("root", name, &arm(name)).await;
        assert_eq!(order.is_ok(), name != "c", "somebody else has a limit of their own: {order:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_must_agree_where_the_site_wants_that() {
    let site = Site::start(&["web-01"], "\n[guard]\napproval = \"second-person\"").await;
    let name = "web-01";
    let error = site.order_as("kim", name, &approve(name)).await.unwrap_err();
    assert!(matches!(error, AppError::Guarded { source: Guarded::NoRequest, .. }), "{error}");
    let waits = site.order_as("kim", name, &arm(name)).await.unwrap_err();
    assert!(matches!(waits, AppError::AwaitsApproval { .. }), "{waits}");
    assert_eq!(site.state(name).await, State::New, "one person changes nothing");
    assert!(is_local(&site.boot(name).await));

    let error = site.order_as("kim", name, &approve(name)).await.unwrap_err();
    assert!(matches!(error, AppError::Guarded { source: Guarded::OwnRequest, .. }), "{error}");
    let account = Actor::by_request("user:kim", &Trace::default());
    let host = name.parse().unwrap();
    let error =
        site.app.order(&host, &approve(name), None, &account, Timestamp::now()).await.unwrap_err();
    assert!(matches!(error, AppError::Guarded { source: Guarded::OtherWay { .. }, .. }), "{error}");
    assert!(is_local(&site.boot(name).await), "it may be the same human");
    let wrong = Order::Approve { confirm: "web-02".into() };
    assert!(matches!(site.order_as("lee", name, &wrong).await, Err(AppError::Unconfirmed { .. })));
    site.order_as("lee", name, &approve(name)).await.unwrap();
    let install = Install::read(&site.boot(name).await);
    assert_eq!(site.report(&install, "done").await.status, 200);
    let error = site.order_as("lee", name, &approve(name)).await.unwrap_err();
    assert!(matches!(error, AppError::Guarded { source: Guarded::NoRequest, .. }), "used up");

    // A request is taken back, and one that is old is none.
    let _ = site.order_as("kim", name, &arm(name)).await;
    site.order_as("kim", name, &Order::Disarm).await.unwrap();
    assert!(site.order_as("lee", name, &approve(name)).await.is_err());
    let _ = site.order_as("kim", name, &arm(name)).await;
    let later = Timestamp::now().after_days(2);
    let late = site
        .app
        .order(&name.parse().unwrap(), &approve(name), None, &Actor::person("lee"), later)
        .await;
    assert!(matches!(late, Err(AppError::Guarded { source: Guarded::NoRequest, .. })));

    let rows = site.app.store().audit(0, 100).await.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.event.as_str(), row.actor.as_str())).collect();
    let arming = told.iter().filter(|(event, _)| event.starts_with("arm")).take(2);
    let expected = [("arm-request", "person:kim"), ("arm", "person:lee")];
    assert_eq!(arming.copied().collect::<Vec<_>>(), expected);
    assert!(told.contains(&("arm-withdraw", "person:kim")));
    assert!(site.app.store().verify_audit().await.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_that_may_be_wiped_is_named_where_it_must_be() {
    let site = Site::start(&["web-01"], "\n[guard]\ndisk-serial = \"required\"").await;
    let refused = site.try_order("web-01", &arm("web-01")).await.unwrap_err();
    assert!(matches!(refused, AppError::NoDiskSerial(_)), "{refused}");
    let mut host = crate::site::host(&site.url, "web-01", 1);
    host.vars.insert("disk-serial".parse().unwrap(), "S3R1AL".parse().unwrap());
    site.app.import(&[host], &Actor::person("root"), Timestamp::now()).await.unwrap();
    site.arm("web-01").await;
    let install = Install::read(&site.boot("web-01").await);
    let preseed = site.answer(&install.secret, "preseed.cfg").await.body;
    let (_, command) = preseed.split_once("d-i partman/early_command string ").unwrap();
    let end = command.split("\\\n").map(|line| !line.contains('\n')).take_while(|more| *more);
    let lines = end.count() + 1;
    let command: Vec<_> = command.lines().take(lines).collect();
    let command = command.join("\n").replace("\\\n", " ");
    assert!(command.contains("serial='S3R1AL';"), "{command}");
    assert!(command.ends_with("fi"), "{command}");
    // A shell takes it: with no such disk it reports the failure and restarts the machine.
    let script = format!(
        "wget() {{ echo \"wget $*\"; }}; sleep() {{ :; }}; reboot() {{ echo reboot; exit; }}; {command}"
    );
    #[allow(clippy::disallowed_methods, reason = "a real shell reads what we quote")]
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (first, rest) = said.split_once('\n').unwrap();
    assert!(first.contains(&format!("secret={}&message=", install.secret)), "{said}");
    assert!(first.ends_with(&format!("/attempt/{}/fail", install.attempt)), "{said}");
    assert_eq!(rest, "reboot\n");
}

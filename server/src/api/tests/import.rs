//! An import is for the hosts that its sender may change, as they were when that was looked at.

use super::desk::Desk;
use crate::{
    api::{caller::Caller, import},
    app::Order,
    auth::{Permission, Principal},
    db::{Actor, Trace},
    time::Timestamp,
};
use bootmint_image_factory::feed::FeedFormat;

const FEED: &str = "name,mac,address,server,site\n\
    web-01,52:54:00:00:00:01,192.0.2.1/24,http://192.0.2.2:8080,berlin\n\
    web-02,52:54:00:00:00:02,192.0.2.2/24,http://192.0.2.2:8080,berlin\n\
    web-09,52:54:00:00:00:09,192.0.2.9/24,http://192.0.2.2:8080,berlin\n";

#[tokio::test]
async fn what_changed_since_it_was_looked_at_is_told_by_host_and_nothing_is_imported() {
    let desk = Desk::open().await;
    let (app, root, now) = (&desk.app, Actor::person("root"), Timestamp::now());
    let grants = "editor@site:berlin".parse().unwrap();
    let principal = Principal::in_person("ed".parse().unwrap(), grants);
    let caller = Caller { principal, permission: Permission::HostsWrite, trace: Trace::default() };
    let hosts = import::parse(FEED.as_bytes(), FeedFormat::Csv, None).unwrap();
    let (view, seen) = import::look(app, &caller, &hosts).await.unwrap();
    assert_eq!(view.updated.len(), 2);
    // Meanwhile one is moved to a site where the sender may change nothing, and one is armed.
    let stored = async |name: &str| app.stored(&name.parse().unwrap()).await.unwrap();
    let mut moved = stored("web-01").await.host;
    moved.site = Some("paris".parse().unwrap());
    app.import(&[moved], &root, now).await.unwrap();
    let arm = Order::Arm { confirm: "web-02".into() };
    app.order(&"web-02".parse().unwrap(), &arm, None, &root, now).await.unwrap();
    let problem = import::apply(app, &caller, &seen, view, "").await.err().unwrap();
    assert_eq!(problem.status.as_u16(), 409);
    assert!(problem.detail.starts_with("2 hosts have changed"), "{}", problem.detail);
    let told = problem.faults.iter().map(|fault| (fault.row, fault.host.as_deref().unwrap()));
    assert_eq!(told.collect::<Vec<_>>(), [(2, "web-01"), (3, "web-02")]);
    assert_eq!(stored("web-01").await.host.site.unwrap().as_str(), "paris");
    assert_eq!(stored("web-02").await.state.name(), "armed");
    assert!(app.store().host(&"web-09".parse().unwrap()).await.unwrap().is_none());
    // Who looks again is told that it is not theirs any more.
    let denied = import::look(app, &caller, &hosts).await.err().unwrap();
    assert_eq!(denied.status.as_u16(), 403);
}

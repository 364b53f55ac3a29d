//! What must hold whatever happens: one armed host installs once, however many ask through
//! however many servers, and no `kill -9` loses or doubles a transition.

use crate::{
    client::{self, Answer},
    install::Install,
    is_local,
    replica::{Replica, Site, installs},
    servers::Server,
    site,
};
use bootmint_server::{
    app::{AppError, Order},
    db::{Actor, AuditRow},
    machine::AttemptId,
    time::Timestamp,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How many machines ask for one armed host.
const RACERS: usize = 200;
/// How often the server is killed, on each engine.
const KILLS: u32 = 200;
/// How many machines live while it is.
const MACHINES: usize = 8;

fn names(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("web-{number:02}")).collect()
}

/// A boot as a ticket sends it; none if the server did not answer to the end.
async fn boot(to: SocketAddr, name: &str) -> Option<Answer> {
    let path = format!("/boot/{}", site::token(name));
    client::try_request(to, "POST", &path, "", "ticket=1&mac=52%3A54%3A00%3A00%3A00%3A01").await
}

async fn order(site: &Site, name: &str, order: Order) -> Result<(), AppError> {
    let (name, root) = (name.parse().unwrap(), Actor::person("root"));
    site.app.order(&name, &order, None, &root, Timestamp::now()).await.map(drop)
}

async fn arm(site: &Site, name: &str) -> Result<(), AppError> {
    order(site, name, Order::Arm { confirm: name.to_owned() }).await
}

async fn postgres() -> Option<(Arc<Server>, String)> {
    let start = || {
        let server = Server::postgres(None)?;
        let url = server.create("proof");
        Some((Arc::new(server), url))
    };
    tokio::task::spawn_blocking(start).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_machines_at_two_servers_one_installs() {
    let Some((_server, url)) = postgres().await else { return };
    let site = Site::new(&url, &names(1)).await;
    let replicas = [site.replica(), site.replica()];
    for _ in 0..3 {
        arm(&site, "web-01").await.unwrap();
        let mut racers = tokio::task::JoinSet::new();
        for racer in 0..RACERS {
            let to = replicas[racer % replicas.len()].address;
            racers.spawn(async move { boot(to, "web-01").await.expect("an answer") });
        }
        let answers = racers.join_all().await;
        let winners: Vec<_> = answers.iter().filter(|answer| installs(answer)).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(answers.iter().filter(|answer| is_local(answer)).count(), RACERS - 1);
        let install = Install::read(winners[0]);
        assert_eq!(report(replicas[1].address, &install).await.unwrap().status, 200);
    }
    let rows = all_rows(&site).await;
    let begun = rows.iter().filter(|row| row.became == "installing").count();
    assert_eq!(begun, 3);
    assert_eq!(site.app.store().verify_audit().await.unwrap(), Ok(1 + 3 * 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_up_before_its_database_waits_for_it() {
    let Some((database, url)) = postgres().await else { return };
    let site = Site::new(&url, &names(1)).await;
    let replica = tokio::task::spawn_blocking(move || {
        database.kill();
        let replica = site.waiting_replica();
        assert!(TcpStream::connect(replica.address).is_err(), "there is nothing to serve yet");
        database.start_again();
        replica.wait();
        (replica, database, site)
    });
    // Both must live on: the database ends with its handle.
    let (replica, _database, _site) = replica.await.unwrap();
    let answer = boot(replica.address, "web-01").await.expect("an answer");
    assert!(is_local(&answer), "{} {}", answer.status, answer.body);
}

async fn report(to: SocketAddr, install: &Install) -> Option<Answer> {
    let path = format!("/attempt/{}/done", install.attempt);
    client::try_request(to, "POST", &path, "", &format!("secret={}", install.secret)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_and_doubles_nothing_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("proof.db").display());
    survives(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_and_doubles_nothing_on_postgresql() {
    let Some((_server, url)) = postgres().await else { return };
    survives(&url).await;
}

/// What the machines were told.
#[derive(Default)]
struct Book {
    installs: BTreeSet<AttemptId>,
    done: BTreeSet<AttemptId>,
    /// Boots that were answered with the local disk since the answer before was lost.
    lost: usize,
}

async fn survives(url: &str) {
    let site = Arc::new(Site::new(url, &names(MACHINES)).await);
    let replica = tokio::task::block_in_place(|| site.replica());
    let (to, stop) = (replica.address, Arc::new(AtomicBool::new(false)));
    let book = Arc::new(Mutex::new(Book::default()));
    let mut machines = tokio::task::JoinSet::new();
    for name in names(MACHINES) {
        let (site, stop, book) = (Arc::clone(&site), Arc::clone(&stop), Arc::clone(&book));
        machines.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                live(&site, to, &name, &book).await;
            }
        });
    }
    let killer = tokio::task::spawn_blocking(move || kill_often(replica));
    // It answers until the last machine has its answer.
    let replica = killer.await.unwrap();
    stop.store(true, Ordering::Relaxed);
    machines.join_all().await;
    drop(replica);
    let book = std::mem::take(&mut *book.lock().unwrap());
    compare(&site, &book).await;
}

fn kill_often(mut replica: Replica) -> Replica {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..KILLS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_micros(1_000 + random % 100_000));
        replica.kill();
        replica.start_again();
    }
    replica
}

/// One round of a machine's life: it is armed, boots, installs, reports.
async fn live(site: &Site, to: SocketAddr, name: &str, book: &Mutex<Book>) {
    arm(site, name).await.unwrap_or_else(|error| panic!("arming {name}: {error}"));
    let mut lost = false;
    let answer = loop {
        match boot(to, name).await {
            Some(answer) if answer.status == 200 => break answer,
            Some(answer) => assert_eq!(answer.status, 503, "{}", answer.body),
            None => lost = true,
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    };
    if !installs(&answer) {
        assert!(is_local(&answer), "{}", answer.body);
        assert!(lost, "{name} was armed and told to boot its disk");
        book.lock().unwrap().lost += 1;
        // A person has a look at it.
        order(site, name, Order::Hold).await.unwrap();
        order(site, name, Order::Release).await.unwrap();
        return;
    }
    let install = Install::read(&answer);
    assert!(book.lock().unwrap().installs.insert(install.attempt), "an attempt came twice");
    loop {
        match report(to, &install).await {
            Some(answer) if answer.status == 200 => break,
            Some(answer) => assert_eq!(answer.status, 503, "{}", answer.body),
            None => {}
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    book.lock().unwrap().done.insert(install.attempt);
}

async fn all_rows(site: &Site) -> Vec<AuditRow> {
    let (mut rows, mut after) = (Vec::new(), 0);
    loop {
        let page = site.app.store().audit(after, 1000).await.unwrap();
        let Some(last) = page.last() else { return rows };
        after = last.seq;
        rows.extend(page);
    }
}

/// Compares what the machines were told with what the database says.
async fn compare(site: &Site, book: &Book) {
    site.app.store().verify_audit().await.unwrap().expect("the audit chain holds");
    let mut states: BTreeMap<String, String> = BTreeMap::new();
    let (mut begun, mut ended) = (BTreeSet::new(), BTreeSet::new());
    for row in all_rows(site).await {
        let before = states.insert(row.host.clone(), row.became.clone()).unwrap_or_default();
        assert_eq!(before, row.was, "a transition is lost or doubled at row {}", row.seq);
        let attempt = || row.detail.strip_prefix("attempt ").unwrap().parse::<AttemptId>().unwrap();
        if row.event == "boot" {
            assert_eq!((row.was.as_str(), row.became.as_str()), ("armed", "installing"));
            assert!(begun.insert(attempt()), "an attempt began twice");
        }
        if row.event == "done" {
            assert!(ended.insert(attempt()), "an attempt ended twice");
        }
    }
    assert!(begun.is_superset(&book.installs), "an install that was answered is lost");
    assert_eq!(begun.len(), book.installs.len() + book.lost, "one began that nobody asked for");
    assert_eq!(ended, book.done);
    assert!(ended.len() > 10, "the machines came to nothing: {}", ended.len());
    for (name, state) in states {
        let stored = site.app.stored(&name.parse().unwrap()).await.unwrap();
        assert_eq!(stored.state.name(), state);
    }
    println!("{} installs, {} answers lost", book.installs.len(), book.lost);
}

//! A backup holds every table, survives no damage, and travels from any engine to any other.

use super::{RestoreError, TABLES, tables::Kind};
use crate::{
    db::{Address, Committed, Store, contract},
    machine::State,
    testing,
    time::Timestamp,
};
use std::{
    io::{self, Cursor, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// What a store holds, row by row: engines sort text differently.
async fn content(store: &Store) -> Vec<String> {
    let mut file = Vec::new();
    store.backup(&mut file, contract::NOW).await.unwrap();
    let text = String::from_utf8(file).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.pop();
    lines.sort();
    lines
}

#[tokio::test]
async fn every_table_and_column_is_in_a_backup() {
    let fresh = contract::sqlite();
    let store = fresh.open().await;
    let sql = "SELECT m.name, p.name, p.type FROM sqlite_master m \
               JOIN pragma_table_info(m.name) p WHERE m.type = 'table' \
               AND m.name NOT IN ('schema_version', 'audit_start', 'audit_head') AND m.name NOT LIKE 'sqlite_%' \
               ORDER BY m.name";
    let mut schema = Vec::new();
    for mut row in store.engine.query(sql, []).await.unwrap() {
        let (table, column) = (row.text().unwrap(), row.text().unwrap());
        let kind = if row.text().unwrap() == "INTEGER" { Kind::Int } else { Kind::Text };
        schema.push((table, column, kind));
    }
    let mut listed: Vec<_> = TABLES
        .iter()
        .flat_map(|table| table.columns.iter().map(move |column| (table.name, column)))
        .map(|(table, (column, kind))| (table.to_owned(), (*column).to_owned(), *kind))
        .collect();
    let key = |(table, column, _): &(String, String, Kind)| (table.clone(), column.clone());
    listed.sort_by_key(key);
    schema.sort_by_key(key);
    assert_eq!(listed, schema, "list new tables and columns in db/backup/tables.rs");
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_travel_between_all_engines() {
    let (sqlite, postgres, mariadb) =
        (contract::sqlite(), contract::postgres().await, contract::mariadb().await);
    let first = sqlite.open().await;
    contract::fill(&first).await;
    let told = content(&first).await;
    assert!(told.len() > 1100, "more than one page: {}", told.len());
    for table in TABLES {
        let begin = format!("[\"{}\",", table.name);
        assert!(told.iter().any(|row| row.starts_with(&begin)), "nothing is in {}", table.name);
    }
    let mut file = Vec::new();
    first.backup(&mut file, contract::NOW).await.unwrap();
    // From SQLite to each engine that is there, and from the last one back to SQLite.
    let back = contract::sqlite();
    let ways = [postgres.map(|fresh| fresh.address), mariadb.map(|fresh| fresh.address)];
    let ways = ways.into_iter().flatten().chain([back.address.clone()]);
    for address in ways {
        let store = Store::open(&address, 4).await.unwrap();
        let rows = store.restore(Cursor::new(&file)).await.unwrap();
        assert_eq!(usize::try_from(rows).unwrap() + 1, told.len());
        assert_eq!(content(&store).await, told, "{address:?}");
        assert!(store.verify_audit().await.unwrap().is_ok());
        let again = store.restore(Cursor::new(&file)).await.unwrap_err();
        assert!(matches!(again, RestoreError::NotEmpty), "{again}");
        // It goes on where it left off.
        contract::import_one(&store, "later-01").await;
        assert!(store.verify_audit().await.unwrap().is_ok());
        let mut next = Vec::new();
        let fresh = contract::sqlite();
        let copy = fresh.open().await;
        store.backup(&mut next, contract::NOW).await.unwrap();
        copy.restore(Cursor::new(&next)).await.unwrap();
        assert_eq!(content(&copy).await, content(&store).await);
    }
}

#[tokio::test]
async fn a_damaged_backup_changes_nothing() {
    let source = contract::sqlite();
    let store = source.open().await;
    contract::fill(&store).await;
    let mut file = Vec::new();
    store.backup(&mut file, contract::NOW).await.unwrap();
    let text = String::from_utf8(file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    let target = contract::sqlite();
    let store = target.open().await;
    let audit = lines.iter().position(|line| line.starts_with("[\"audit\"")).unwrap();
    let without = |at: usize| joined(&[&lines[..at], &lines[at + 1..]].concat());
    for (what, bad) in [
        ("empty", String::new()),
        ("no backup", "{}\n".to_owned()),
        ("another table", joined(&[lines[0], "[\"sqlite_master\",[1]]"])),
        ("another shape", joined(&[lines[0], "[\"answers\",[1]]"])),
        ("cut off", joined(&lines[..lines.len() - 1])),
        ("cut off in a line", text[..text.len() - 2].to_owned()),
        ("a later schema", text.replacen("\"schema\":", "\"schema\":9", 1)),
        ("a changed row", text.replace("\"web-01\"", "\"web-99\"")),
        ("an audit row less", without(audit)),
        ("a row less", without(audit - 1)),
    ] {
        let error = store.restore(Cursor::new(bad.as_bytes())).await.unwrap_err();
        assert!(!matches!(error, RestoreError::NotEmpty), "{what}: {error}");
        assert!(store.hosts(None, 10).await.unwrap().is_empty(), "{what}");
    }
    store.restore(Cursor::new(text.as_bytes())).await.unwrap();
}

/// Where a backup is written to; between the first row and the next, hosts go on changing.
struct Slow {
    file: Vec<u8>,
    done: Arc<AtomicU64>,
    waited: bool,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)?;
        if !self.waited && bytes.starts_with(b"[\"hosts\"") {
            self.waited = true;
            let goal = self.done.load(Ordering::SeqCst) + 10;
            while self.done.load(Ordering::SeqCst) < goal {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Each change of a host adds one to its generation and a row to the audit log, which is read long
/// after the hosts.
async fn is_of_one_moment(address: &Address) {
    const HOSTS: u8 = 3;
    let store = Arc::new(Store::open(address, 8).await.unwrap());
    let hosts: Vec<_> = (1..=HOSTS).map(|n| testing::host(&format!("web-0{n}"), n)).collect();
    contract::import(&store, &hosts).await.unwrap();
    let done = Arc::new(AtomicU64::new(0));
    let mut writers = tokio::task::JoinSet::new();
    for host in hosts {
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        writers.spawn(async move {
            loop {
                let host = store.host(&host.name).await.unwrap().unwrap();
                let next = if host.state == State::Held { State::Installed } else { State::Held };
                let changed = store.commit(&contract::change(&host, next)).await.unwrap();
                assert_eq!(changed, Committed::Done);
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    for _ in 0..3 {
        let mut out = Slow { file: Vec::new(), done: Arc::clone(&done), waited: false };
        store.backup(&mut out, contract::NOW).await.unwrap();
        let fresh = contract::sqlite();
        let copy = fresh.open().await;
        copy.restore(Cursor::new(&out.file)).await.unwrap();
        let rows = copy.verify_audit().await.unwrap().expect("the chain holds");
        assert_eq!(rows, copy.audit_head().await.unwrap());
        let hosts = copy.hosts(None, 10).await.unwrap();
        assert_eq!(hosts.len(), usize::from(HOSTS));
        for host in &hosts {
            let told =
                copy.transitions(&host.host.name, Timestamp::END, 1_000_000).await.unwrap().len();
            assert_eq!(i64::try_from(told).unwrap(), host.generation, "{}", host.host.name);
        }
        assert_eq!(hosts.iter().map(|host| host.generation).sum::<i64>(), rows);
    }
    writers.abort_all();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_is_of_one_moment_while_hosts_change() {
    is_of_one_moment(&contract::sqlite().address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_of_postgresql_is_of_one_moment_while_hosts_change() {
    if let Some(fresh) = contract::postgres().await {
        is_of_one_moment(&fresh.address).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_of_mariadb_is_of_one_moment_while_hosts_change() {
    if let Some(fresh) = contract::mariadb().await {
        is_of_one_moment(&fresh.address).await;
    }
}

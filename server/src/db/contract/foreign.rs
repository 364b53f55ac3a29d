//! Any query of any engine is a feed, and writes nothing.

use super::{Fresh, mariadb, postgres, sqlite};
use crate::db::{ForeignError, foreign_feed};
use bootmint_image_factory::{
    feed::{self, Defaults, FeedFormat},
    host::Host,
};

fn hosts(csv: &str) -> Vec<Host> {
    feed::parse(csv.as_bytes(), FeedFormat::Csv, "query", &Defaults::default()).unwrap()
}

async fn any_query_is_a_feed<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    let mut tx = store.engine.begin().await.unwrap();
    for sql in [
        "CREATE TABLE machines (label VARCHAR(64), ip VARCHAR(64), vlan INTEGER, rack VARCHAR(64))",
        "INSERT INTO machines VALUES ('web-01', '192.0.2.1/24', 30, '7, left')",
        "INSERT INTO machines VALUES ('web-02', '192.0.2.2/24', NULL, NULL)",
    ] {
        tx.script(sql).await.unwrap();
    }
    tx.commit().await.unwrap();
    let ask = async |sql: &str| foreign_feed(&fresh.address, sql).await;
    let found =
        ask("SELECT label AS name, ip AS address, vlan, rack, 'http://192.0.2.9' AS server \
                     FROM machines ORDER BY label -- all of them\n;\n");
    let found = hosts(&found.await.unwrap());
    assert_eq!(
        found.iter().map(|host| host.name.as_str()).collect::<Vec<_>>(),
        ["web-01", "web-02"]
    );
    assert_eq!(found[0].nics[0].vlan.map(|vlan| vlan.get()), Some(30));
    let vars: Vec<_> =
        found[0].vars.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(vars, ["rack=7, left"]);
    assert!(found[1].nics[0].vlan.is_none() && found[1].vars.is_empty());
    let nothing = ask("SELECT label AS name FROM machines WHERE label = 'web-03'").await;
    assert!(matches!(nothing, Err(ForeignError::Empty)), "{nothing:?}");
    for bad in [
        "DELETE FROM machines",
        "DELETE FROM machines RETURNING label",
        "SELECT label FROM machines) q; DELETE FROM machines; SELECT * FROM (SELECT label FROM machines",
        "SELECT nothing FROM nowhere",
        "",
    ] {
        ask(bad).await.unwrap_err();
    }
    assert_eq!(hosts(&ask(ALL).await.unwrap()).len(), 2, "nothing was deleted");
}

const ALL: &str = "SELECT label AS name, ip AS address, 'http://192.0.2.9' AS server FROM machines";

#[tokio::test]
async fn any_query_of_sqlite_is_a_feed() {
    any_query_is_a_feed(&sqlite()).await;
    let missing = sqlite();
    foreign_feed(&missing.address, "SELECT 1 AS name").await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn any_query_of_postgresql_is_a_feed() {
    let Some(fresh) = postgres().await else { return };
    any_query_is_a_feed(&fresh).await;
    let sql = "SELECT 'web-01' AS name, '52:54:00:00:00:01'::macaddr AS mac, true AS dhcp, \
               ARRAY['192.0.2.2', '2001:db8::2']::inet[] AS dns, 'http://192.0.2.9' AS server";
    let found = hosts(&foreign_feed(&fresh.address, sql).await.unwrap());
    assert_eq!(found[0].dns.len(), 2);
    assert_eq!(found[0].nics[0].mac.unwrap().to_string(), "52:54:00:00:00:01");
    let sql = "SELECT '{\"a\":1}'::json AS name";
    let error = foreign_feed(&fresh.address, sql).await.unwrap_err();
    assert!(error.to_string().contains("column \"name\""), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_query_of_mariadb_is_a_feed() {
    if let Some(fresh) = mariadb().await {
        any_query_is_a_feed(&fresh).await;
    }
}

//! A PostgreSQL server of the tests' own, on loopback, that ends with them.

use super::Fresh;
use crate::db::Address;
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// The server. Its shell ends it, and removes its folder, when the tests' end of the pipe closes.
struct Server {
    port: u16,
    _shell: Child,
}

/// A fresh database, or nothing where no server is installed: loudly, and not in CI.
pub(super) async fn fresh() -> Option<Fresh<()>> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let server = tokio::task::spawn_blocking(|| SERVER.get_or_init(start)).await.unwrap();
    let Some(server) = server else {
        println!(
            "SKIPPED: PostgreSQL is not installed (Debian: postgresql, Fedora: postgresql-server)"
        );
        return None;
    };
    let database = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let url = |name: &str| format!("postgres://postgres@127.0.0.1:{}/{name}", server.port);
    let admin: sqlx::PgPool = connect(&url("postgres")).await;
    let sql = sqlx::AssertSqlSafe(format!("CREATE DATABASE {database}"));
    sqlx::raw_sql(sql).execute(&admin).await.unwrap();
    admin.close().await;
    let address = Address::parse(&url(&database), Path::new("")).unwrap();
    Some(Fresh { address, _keep: () })
}

async fn connect(url: &str) -> sqlx::PgPool {
    for _ in 0..100 {
        if let Ok(pool) = sqlx::PgPool::connect(url).await {
            return pool;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("PostgreSQL did not come up at {url}");
}

#[allow(clippy::disallowed_methods, reason = "tests start their own database server")]
fn start() -> Option<Server> {
    let Some(programs) = programs() else {
        assert!(std::env::var_os("CI").is_none(), "CI must have PostgreSQL");
        return None;
    };
    let folder = tempfile::tempdir().unwrap().keep();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // PostgreSQL refuses to run as root.
    let script = r#"
        set -e
        as=; if [ "$(id -u)" = 0 ]; then
            chown postgres "$1"; as='setpriv --reuid=postgres --regid=postgres --clear-groups'
        fi
        cd "$1"
        $as "$2/initdb" -D data -A trust -U postgres --no-sync >initdb.log 2>&1
        $as "$2/postgres" -D data -h 127.0.0.1 -p "$3" -k '' -c fsync=off \
            -c max_connections=200 >server.log 2>&1 </dev/null &
        read -r _ || true
        kill -INT $!
        wait || true
        cd / && rm -rf "$1"
    "#;
    let shell = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(folder)
        .arg(programs)
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    Some(Server { port, _shell: shell })
}

/// Where the newest installed server's programs are.
fn programs() -> Option<PathBuf> {
    // Debian has a folder for each version, others have one version in the usual place.
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let bins = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let newest = bins.filter(|bin| bin.join("initdb").exists()).max();
    newest.or_else(|| {
        let usual = PathBuf::from("/usr/bin");
        usual.join("initdb").exists().then_some(usual)
    })
}

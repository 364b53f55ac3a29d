//! Each engine, with a fresh database; and what must hold for it as a whole.

use super::*;

/// A fresh database, and what must live as long as it is used.
pub(crate) struct Fresh<Keep> {
    pub(crate) address: Address,
    _keep: Keep,
}

impl<Keep> Fresh<Keep> {
    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.address, 4).await.unwrap()
    }
}

pub(crate) fn sqlite() -> Fresh<tempfile::TempDir> {
    let folder = tempfile::tempdir().unwrap();
    Fresh { address: Address::Sqlite(folder.path().join("test.db")), _keep: folder }
}

/// A fresh database of a server that all tests share, if it is installed.
async fn fresh(
    server: &'static OnceLock<Option<Server>>,
    start: fn() -> Option<Server>,
) -> Option<Fresh<()>> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let url = tokio::task::spawn_blocking(move || {
        let server = server.get_or_init(start).as_ref()?;
        Some(server.create(&format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed))))
    });
    let address = Address::parse(&url.await.unwrap()?, Path::new("")).unwrap();
    Some(Fresh { address, _keep: () })
}

pub(crate) async fn postgres() -> Option<Fresh<()>> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    fresh(&SERVER, || Server::postgres(None)).await
}

pub(crate) async fn mariadb() -> Option<Fresh<()>> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    fresh(&SERVER, || Server::mariadb(None)).await
}

pub(super) async fn a_database_is_opened_again_as_it_was_left<K>(fresh: &Fresh<K>) {
    let store = fresh.open().await;
    import(&store, &[testing::host("web-01", 1)]).await.unwrap();
    store.close().await;
    let store = fresh.open().await;
    store.ping().await.unwrap();
    let found = store.host(&name("web-01")).await.unwrap().unwrap();
    assert_eq!((found.state, found.generation, found.created), (State::New, 1, NOW));
}

#[tokio::test]
async fn others_cannot_read_the_embedded_database() {
    use std::os::unix::fs::PermissionsExt;
    let fresh = sqlite();
    let store = fresh.open().await;
    import(&store, &[testing::host("web-01", 1)]).await.unwrap();
    let Address::Sqlite(path) = &fresh.address else { panic!("not SQLite") };
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
}

//! A site: configuration, hosts, and a server on loopback.

use crate::{
    client::{self, Answer},
    install::Install,
};
use bootmint_image_factory::{
    feed::{self, Defaults, FeedFormat},
    host::Host,
};
use bootmint_server::{
    app::{App, AppError, Order},
    boot::{self, Limits, Transport},
    config,
    db::Actor,
    machine::State,
    time::{Seconds, Timestamp},
};
use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt, sync::Arc};
use tokio::net::TcpListener;

/// A running site. Its clones are the same one.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) app: Arc<App>,
    pub(crate) url: String,
    address: SocketAddr,
    _folder: Arc<tempfile::TempDir>,
}

/// The host `name` of a feed; `number` tells it from others.
pub(crate) fn host(server: &str, name: &str, number: usize) -> Host {
    let feed = format!(
        "name,mac,address,gateway,dns,domain,server,token\n\
         {name},52:54:00:00:00:{number:02x},192.0.2.{number}/24,192.0.2.254,192.0.2.53,\
         example.net,{server},{}\n",
        token(name)
    );
    let hosts = feed::parse(feed.as_bytes(), FeedFormat::Csv, "hosts.csv", &Defaults::default());
    hosts.unwrap().remove(0)
}

pub(crate) fn token(name: &str) -> String {
    format!("token-of-{name}-0123456789")
}

impl Site {
    /// Starts a site whose `[policy]` is `policy`.
    pub(crate) async fn start(hosts: &[&str], policy: &str) -> Self {
        Self::start_with(hosts, policy, "").await
    }

    /// Likewise, with more lines in `[boot]`.
    pub(crate) async fn start_with(hosts: &[&str], policy: &str, boot: &str) -> Self {
        Self::start_full(hosts, policy, boot, &[]).await
    }

    /// Likewise, with more `files` in its folder: path and content.
    pub(crate) async fn start_full(
        hosts: &[&str],
        policy: &str,
        boot: &str,
        files: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = config::init(&folder.path().join("site")).unwrap().config;
        let text = format!(
            "[boot]\nlisten = \"127.0.0.1:0\"\n{boot}\n[database]\nurl = \"sqlite:test.db\"\n\
             [paths]\nfiles = \"files\"\nprofiles = \"profiles\"\nsecrets = \"secrets.toml\"\n\
             token-key = \"token.key\"\n[install]\nprofile = \"kali\"\n[policy]\n{policy}\n"
        );
        fs::write(&file, text).unwrap();
        let secrets = file.with_file_name("secrets.toml");
        fs::write(&secrets, "root-password-hash = \"$6$s$h\"\n").unwrap();
        fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
        fs::create_dir(file.with_file_name("files").join("kali")).unwrap();
        fs::write(file.with_file_name("files").join("kali/linux"), "0123456789").unwrap();

        for (path, content) in files {
            let path = file.with_file_name(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let app = Arc::new(App::open(config::load(&file, []).unwrap()).await.unwrap());
        let listener = TcpListener::bind(app.config().listen.unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}");
        let hosts: Vec<_> =
            hosts.iter().enumerate().map(|(i, name)| host(&url, name, i + 1)).collect();
        app.import(&hosts, &Actor::person("root"), Timestamp::now()).await.unwrap();
        let limits = Limits {
            clients: 100,
            head: Seconds::new(5),
            write: Seconds::new(5),
            head_bytes: boot::HEAD,
        };
        let router = boot::router(Arc::clone(&app));
        let stop = std::future::pending();
        tokio::spawn(boot::serve(listener, Transport::Plain, router, limits, stop));
        Self { app, url, address, _folder: Arc::new(folder) }
    }

    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        form: &str,
    ) -> Answer {
        client::request(self.address, method, path, headers, form).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "", "").await
    }

    pub(crate) async fn post(&self, path: &str, form: &str) -> Answer {
        self.request("POST", path, "", form).await
    }

    /// What a ticket sends.
    pub(crate) async fn boot(&self, name: &str) -> Answer {
        let facts = format!(
            "ticket=1&host={name}&nic=net0&mac=52%3A54%3A00%3A00%3A00%3A01&uuid=&serial=&asset=\
             &manufacturer=QEMU&product=Standard+PC&platform=pcbios&arch=i386&version=2.0.0"
        );
        self.post(&format!("/boot/{}", token(name)), &facts).await
    }

    /// What an installer sends.
    pub(crate) async fn report(&self, install: &Install, report: &str) -> Answer {
        let form = format!("secret={}&message=no+disk+%0Ax%00", install.secret);
        self.post(&format!("/attempt/{}/{report}", install.attempt), &form).await
    }

    pub(crate) async fn answer(&self, secret: &str, file: &str) -> Answer {
        self.get(&format!("/answer/{secret}/{file}")).await
    }

    pub(crate) async fn try_order(&self, name: &str, order: &Order) -> Result<State, AppError> {
        let (name, root) = (name.parse().unwrap(), Actor::person("root"));
        self.app.order(&name, order, None, &root, Timestamp::now()).await
    }

    /// An order of somebody else than root.
    pub(crate) async fn order_as(
        &self,
        who: &str,
        name: &str,
        order: &Order,
    ) -> Result<State, AppError> {
        self.app
            .order(&name.parse().unwrap(), order, None, &Actor::person(who), Timestamp::now())
            .await
    }

    pub(crate) async fn order(&self, name: &str, order: &Order) -> State {
        self.try_order(name, order).await.unwrap()
    }

    pub(crate) async fn arm(&self, name: &str) {
        let state = self.order(name, &Order::Arm { confirm: name.into() }).await;
        assert!(matches!(state, State::Armed { .. }));
    }

    /// The boots of a host, once there are `count`: they are written a moment after the answer.
    pub(crate) async fn boots(
        &self,
        name: &str,
        count: usize,
    ) -> Vec<(Timestamp, String, String, String)> {
        let name = name.parse().unwrap();
        for _ in 0..1000 {
            let boots = self.app.store().boots(&name, Timestamp::END, 100).await.unwrap();
            if boots.len() >= count {
                return boots;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the boots of {name} were not written");
    }

    pub(crate) async fn state(&self, name: &str) -> State {
        self.app.stored(&name.parse().unwrap()).await.unwrap().state
    }
}

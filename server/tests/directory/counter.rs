//! A server of its own process to which tickets are shown, and the clients that show them: curl,
//! whose Kerberos is none of ours.

use crate::{realm::Realm, run::Server, samba::Samba, site::written};
use bootmint_server::{app::App, config, db::AuditFilter};
use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    thread,
};

/// What browsers call the server.
pub(crate) const NAME: &str = "boot.ad.test";

/// A running server.
pub(crate) struct Counter {
    /// Another user of its database.
    pub(crate) app: App,
    pub(crate) file: PathBuf,
    port: u16,
    _server: Server,
    _folder: tempfile::TempDir,
}

/// What came back: the last answer of several.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    fn read(text: &str) -> Self {
        let start = text.rfind("HTTP/1.1 ").unwrap_or_else(|| panic!("no answer: {text}"));
        let (head, body) = text[start..].split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A header; nothing if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// The cookie of a new session.
    pub(crate) fn cookie(&self) -> &str {
        self.header("set-cookie").split(';').next().unwrap()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Counter {
    /// Starts one that has keys of `services`.
    pub(crate) async fn open(
        samba: &Samba,
        realm: &Realm<'_>,
        groups: &str,
        services: &[&str],
    ) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let more = format!(
            "[directory.kerberos]\nkeytab-file = \"http.keytab\"\nservice = \"HTTP@{NAME}\"\n\
             label = \"Come in as in the domain\"\n"
        );
        let file = written(folder.path(), samba, groups, &more);
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text
            .replace("\"0.0.0.0:8080\"", "\"127.0.0.1:0\"")
            .replace("\"127.0.0.1:8081\"", &format!("\"127.0.0.1:{port}\""));
        std::fs::write(&file, text).unwrap();
        realm.export(&file.with_file_name("http.keytab"), services);
        // The system's settings for Kerberos are not looked at: it needs none.
        let command = "KRB5_CONFIG=/dev/null \"$1\" --config \"$2\" serve";
        let arguments = [env!("CARGO_BIN_EXE_bootmint"), file.to_str().unwrap()];
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let server = Server::start(command, &arguments, folder.path(), address);
        let app = App::open(config::load(&file, []).unwrap()).await.unwrap();
        Self { app, file, port, _server: server, _folder: folder }
    }

    /// Somebody asks for `path` with their tickets; `more` are arguments of curl.
    pub(crate) fn ask(&self, realm: &Realm<'_>, who: &str, path: &str, more: &str) -> Answer {
        let script = format!(
            "curl -sS -i --max-time 60 --resolve \"$1:$2:127.0.0.1\" {more} \"http://$1:$2$3\""
        );
        let port = self.port.to_string();
        let output = realm.command(who, &script, &[NAME, &port, path]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{who}: {said}");
        Answer::read(&String::from_utf8(output.stdout).unwrap())
    }

    /// Somebody shows their ticket.
    pub(crate) fn come(&self, realm: &Realm<'_>, who: &str) -> Answer {
        self.ask(realm, who, "/sign-in/kerberos?next=/fleet", "--negotiate -u :")
    }

    /// Somebody shows a token that is given.
    pub(crate) fn show(&self, realm: &Realm<'_>, token: &str) -> Answer {
        let header = format!("-H 'Authorization: Negotiate {token}'");
        self.ask(realm, "nobody", "/sign-in/kerberos", &header)
    }

    /// What the audit log says of sign-ins, the newest first.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let filter = AuditFilter::default();
        let rows = self.app.store().audit_back(&filter, i64::MAX, 500).await.unwrap();
        let rows = rows.iter().filter(|row| row.event == "sign-in");
        rows.map(|row| format!("{} {} ({})", row.actor, row.detail, row.result)).collect()
    }
}

/// The token that curl would show to the service `HTTP/name`, which nobody has seen yet.
pub(crate) fn token(realm: &Realm<'_>, who: &str, name: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let taken = thread::spawn(move || {
        loop {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<_> =
                lines.by_ref().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            let token = head.iter().find_map(|line| line.split_once("Negotiate "));
            let status = if token.is_some() { "200 Good" } else { "401 No" };
            let answer = format!(
                "HTTP/1.1 {status}\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\
                 Connection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).unwrap();
            if let Some((_, token)) = token {
                return token.to_owned();
            }
        }
    });
    let script = "curl -sS --max-time 60 --negotiate -u : --resolve \"$1:$2:127.0.0.1\" \
                  \"http://$1:$2/\"";
    let output = realm.command(who, script, &[name, &port]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    taken.join().unwrap()
}

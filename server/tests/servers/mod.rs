//! Database servers of the tests' own: real ones, on loopback, that can be killed and started
//! again, and end with the tests. The unit tests of `src/db` use this file too.
#![allow(dead_code, reason = "the tests of one crate do not use all that those of another do")]

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
};

/// What both scripts do: start the server, do what each line of standard input says, and when
/// that ends, end the server and remove its folder.
const COMMON: &str = r#"
    start
    while read -r word name; do
        case $word in
            kill) kill -"$harsh" $pid; wait $pid || true ;;
            start) start ;;
            create) for try in $(seq 200); do
                    if create "$name" >>client.log 2>&1; then break; fi; sleep 0.1
                done; [ "$try" != 200 ] ;;
        esac
        echo "$word"
    done
    kill -"$gentle" $pid
    wait || true
    cd / && rm -rf "$folder"
"#;

/// PostgreSQL refuses to run as root. It is killed by its own immediate shutdown, which ends its
/// children too and recovers like a crash.
const POSTGRES: &str = r#"
    set -e; folder=$1 programs=$2 port=$3; cd "$folder"
    as=; if [ "$(id -u)" = 0 ]; then
        chown -R postgres "$folder"; as='setpriv --reuid=postgres --regid=postgres --clear-groups'
    fi
    gentle=INT; harsh=QUIT; tls=
    if [ -e "$folder/key.pem" ]; then
        tls="-c ssl=on -c ssl_cert_file=$folder/cert.pem -c ssl_key_file=$folder/key.pem"
    fi
    start() {
        $as "$programs/postgres" -D data -h 127.0.0.1 -p "$port" -k '' -c fsync=off $tls \
            -c max_connections=200 >>server.log 2>&1 </dev/null &
        pid=$!
    }
    create() { $as "$programs/createdb" -h 127.0.0.1 -p "$port" -U postgres "$1"; }
    $as "$programs/initdb" -D data -A trust -U postgres --no-sync >initdb.log 2>&1
"#;

/// MariaDB, or MySQL itself where `programs` names its server.
/// A server that starts removes the temporary tables of all others that share its folder for them.
const MARIADB: &str = r#"
    set -e; folder=$1 mysqld=$2 port=$3; cd "$folder"
    mkdir tmp; export TMPDIR="$folder/tmp"
    gentle=TERM; harsh=KILL; as=; tls=
    server=${mysqld:-mariadbd}; own=; grant=
    if [ -n "$mysqld" ]; then
        # With its binary log, and without its second protocol, whose port others may have.
        own='--mysqlx=OFF --secure-file-priv=NULL --log-bin-trust-function-creators=ON'
        grant='CREATE USER IF NOT EXISTS root@127.0.0.1; GRANT ALL ON *.* TO root@127.0.0.1;'
    fi
    if [ "$(id -u)" = 0 ]; then as=--user=root; fi
    if [ -e "$folder/key.pem" ]; then tls="--ssl-cert=$folder/cert.pem --ssl-key=$folder/key.pem"; fi
    start() {
        "$server" --no-defaults $as $tls $own --datadir="$folder/data" --bind-address=127.0.0.1 --port="$port" \
            --socket="$folder/socket" --pid-file="$folder/pid" --skip-name-resolve --max-connections=200 \
            --innodb-flush-log-at-trx-commit=2 --innodb-buffer-pool-size=32M \
            >>server.log 2>&1 </dev/null &
        pid=$!
    }
    create() {
        mariadb --no-defaults --socket="$folder/socket" --user=root \
            --execute="$grant CREATE DATABASE $1"
    }
    if [ -n "$mysqld" ]; then
        "$mysqld" --no-defaults $as --initialize-insecure --datadir="$folder/data" >initdb.log 2>&1
    else
        mariadb-install-db --no-defaults $as --datadir="$folder/data" \
            --auth-root-authentication-method=normal --skip-test-db >initdb.log 2>&1
    fi
"#;

/// A certificate and its key, in PEM.
pub(crate) struct Pem<'a> {
    pub(crate) certificate: &'a str,
    pub(crate) key: &'a str,
}

struct Shell {
    _child: Child,
    words: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// A running server.
pub(crate) struct Server {
    scheme: &'static str,
    user: &'static str,
    port: u16,
    shell: Mutex<Shell>,
}

impl Server {
    /// A PostgreSQL server, or nothing where none is installed: loudly, and not in CI.
    pub(crate) fn postgres(tls: Option<&Pem<'_>>) -> Option<Self> {
        let Some(programs) = programs() else {
            return missing("PostgreSQL", "postgresql", "postgresql-server");
        };
        Some(Self::start("postgres", "postgres", POSTGRES, programs, tls))
    }

    /// Likewise a MariaDB server; MySQL itself where `BOOTMINT_TEST_MYSQLD` names its server
    /// program.
    pub(crate) fn mariadb(tls: Option<&Pem<'_>>) -> Option<Self> {
        if let Some(mysqld) = std::env::var_os("BOOTMINT_TEST_MYSQLD") {
            return Some(Self::start("mysql", "root", MARIADB, mysqld.into(), tls));
        }
        let there = ["/usr/sbin/mariadbd", "/usr/libexec/mariadbd", "/usr/bin/mariadbd"];
        if !there.iter().any(|path| PathBuf::from(path).exists()) {
            return missing("MariaDB", "mariadb-server", "mariadb-server");
        }
        Some(Self::start("mysql", "root", MARIADB, PathBuf::new(), tls))
    }

    #[allow(clippy::disallowed_methods, reason = "tests start their own database server")]
    fn start(
        scheme: &'static str,
        user: &'static str,
        engine: &str,
        programs: PathBuf,
        tls: Option<&Pem<'_>>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        if let Some(pem) = tls {
            use std::os::unix::fs::PermissionsExt;
            std::fs::write(folder.join("cert.pem"), pem.certificate).unwrap();
            std::fs::write(folder.join("key.pem"), pem.key).unwrap();
            let private = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(folder.join("key.pem"), private).unwrap();
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new("sh")
            .args(["-c", &format!("{engine}{COMMON}"), "sh"])
            .arg(&folder)
            .arg(programs)
            .arg(port.to_string())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:/usr/libexec")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (words, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let shell = Shell { _child: child, words, answers: BufReader::new(answers) };
        Self { scheme, user, port, shell: Mutex::new(shell) }
    }

    /// Makes a database; returns its URL.
    pub(crate) fn create(&self, name: &str) -> String {
        self.say(&format!("create {name}"));
        format!("{}://{}@127.0.0.1:{}/{name}", self.scheme, self.user, self.port)
    }

    /// Ends it without a warning.
    pub(crate) fn kill(&self) {
        self.say("kill");
    }

    /// Starts it again; it may need a moment more.
    pub(crate) fn start_again(&self) {
        self.say("start");
    }

    fn say(&self, word: &str) {
        let mut shell = self.shell.lock().unwrap();
        writeln!(shell.words, "{word}").unwrap();
        let mut answer = String::new();
        shell.answers.read_line(&mut answer).unwrap();
        let first = word.split(' ').next().unwrap();
        assert_eq!(answer.trim_end(), first, "the database server did not do \"{word}\"");
    }
}

fn missing(what: &str, debian: &str, fedora: &str) -> Option<Server> {
    assert!(std::env::var_os("CI").is_none(), "CI must have {what}");
    println!("SKIPPED: {what} is not installed (Debian: {debian}, Fedora: {fedora})");
    None
}

/// Where the newest installed PostgreSQL's programs are.
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

//! `bootmint serve`.

use crate::{
    api,
    app::{App, AppError, Delivery},
    auth::{AuthError, spnego},
    boot::{self, Limits, Tftp, Transport},
    config::{Config, LogFormat},
    syslog::Collector,
    time::Timestamp,
    tls::{Certificates, Loaded, TlsFiles},
    webhook::Sender,
};
use anyhow::Context;
use axum::Router;
use std::{
    future::Future,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
    time::MissedTickBehavior,
};

/// How often it is looked for hosts whose time is over.
const SWEEP: Duration = Duration::from_secs(5);
/// How often it is looked whether the certificate's files changed.
const LOOK: Duration = Duration::from_secs(5);
/// How often it is looked for profiles that another replica published.
const PUBLISHED: Duration = Duration::from_secs(2);
/// How often it is looked for what webhooks are to be told.
const TELL: Duration = Duration::from_secs(1);
/// How long before its end a certificate is warned of, in days.
const SOON: i64 = 30;
/// How long the database may take until it is there.
const UNTIL_THERE: Duration = Duration::from_secs(60);
/// How long the server waits before it looks for it again.
const PAUSE: Duration = Duration::from_secs(1);
/// How often old boots are forgotten.
const FORGET: Duration = Duration::from_secs(3600);

pub(super) fn run(config: Config) -> anyhow::Result<()> {
    log_to_stderr(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(config))
}

fn log_to_stderr(config: &Config) {
    let logs =
        tracing_subscriber::fmt().with_max_level(config.log_level).with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => logs.with_ansi(false).with_target(false).init(),
        LogFormat::Json => logs.json().with_target(false).init(),
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let limits = Limits {
        clients: config.max_clients,
        head: config.request_time,
        write: config.write_time,
        head_bytes: boot::HEAD,
    };
    let boot_tls = config.listen_tls.map(|_| certificates(&config.tls)).transpose()?;
    let console_tls = config.console.https.as_ref().map(certificates).transpose()?;
    let senders: Vec<_> = config.webhooks.iter().map(Sender::new).collect::<Result<_, _>>()?;
    let collector = config.syslog.as_ref().map(Collector::new).transpose()?;
    let app = Arc::new(open(config).await.context("opening the database")?);
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Without HTTPS nobody listens to it, and it must not end the server.
    let _hangup = signal(SignalKind::hangup())?;
    let mut running = Running { limits, stopped, tasks: Vec::new() };
    running.start(sweep(Arc::clone(&app), running.stopped.clone()));
    running.start(clean(Arc::clone(&app), running.stopped.clone()));
    running.start(take_profiles(Arc::clone(&app), running.stopped.clone()));
    for sender in senders {
        running.start(tell(Arc::clone(&app), sender, running.stopped.clone()));
    }
    if let Some(collector) = collector {
        running.start(ship(Arc::clone(&app), collector, running.stopped.clone()));
    }
    if app.directory().is_some() || app.openid().is_some() {
        running.start(recheck(Arc::clone(&app), running.stopped.clone()));
    }
    running.console(&app, console_tls).await?;
    running.machines(&app, boot_tls).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    stop.send_replace(true);
    app.close();
    for task in running.tasks {
        task.await.context("ending the server")?;
    }
    app.store().close().await;
    tracing::info!("stopped");
    Ok(())
}

fn certificates(files: &TlsFiles) -> anyhow::Result<Arc<Certificates>> {
    Certificates::load(files.clone()).context("setting up HTTPS")
}

/// What runs until the server is told to stop.
struct Running {
    limits: Limits,
    stopped: watch::Receiver<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    fn start(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(tokio::spawn(task));
    }

    /// Answers people and programs.
    async fn console(
        &mut self,
        app: &Arc<App>,
        certificates: Option<Arc<Certificates>>,
    ) -> anyhow::Result<()> {
        let (address, router) = (app.config().console.listen, api::router(app));
        // A ticket of somebody in many groups is long.
        let tickets = if app.kerberos().is_some() { spnego::LONGEST } else { 0 };
        let limits = Limits { head_bytes: boot::HEAD.saturating_add(tickets), ..self.limits };
        match certificates {
            Some(certificates) => {
                self.listen_tls("console over HTTPS", address, router, limits, certificates).await
            }
            None => {
                if !address.ip().is_loopback() {
                    tracing::warn!(
                        "others reach the console over plain HTTP: set scheme = \"https\" in \
                         [console], unless a proxy with TLS is all that reaches it"
                    );
                }
                self.listen("console", address, Transport::Plain, router, limits).await
            }
        }
    }

    /// Answers machines.
    async fn machines(
        &mut self,
        app: &Arc<App>,
        certificates: Option<Arc<Certificates>>,
    ) -> anyhow::Result<()> {
        let (config, router) = (app.config(), boot::router(Arc::clone(app)));
        if let Some(address) = config.listen {
            self.listen("serving", address, Transport::Plain, router.clone(), self.limits).await?;
        }
        if let Some(address) = config.listen_tftp {
            let tftp = Tftp::listen(address, &config.files).await;
            let tftp = tftp.with_context(|| format!("listening on {address} for TFTP"))?;
            tracing::info!(address = %tftp.address(), "serving files by TFTP");
            self.start(tftp.serve(until(self.stopped.clone())));
        }
        if let (Some(address), Some(certificates)) = (config.listen_tls, certificates) {
            self.listen_tls("serving HTTPS", address, router, self.limits, certificates).await?;
        }
        Ok(())
    }

    async fn listen_tls(
        &mut self,
        what: &str,
        address: SocketAddr,
        router: Router,
        limits: Limits,
        certificates: Arc<Certificates>,
    ) -> anyhow::Result<()> {
        let transport = Transport::Tls(certificates.config()?);
        self.listen(what, address, transport, router, limits).await?;
        self.start(renew(certificates, self.stopped.clone()));
        Ok(())
    }

    async fn listen(
        &mut self,
        what: &str,
        address: SocketAddr,
        transport: Transport,
        router: Router,
        limits: Limits,
    ) -> anyhow::Result<()> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("listening on {address}"))?;
        tracing::info!(address = %listener.local_addr()?, "{what}");
        let stop = until(self.stopped.clone());
        self.start(boot::serve(listener, transport, router, limits, stop));
        Ok(())
    }
}

/// Over when the server stops.
async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is the end too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Takes new certificates: when their files change, and on SIGHUP.
async fn renew(certificates: Arc<Certificates>, mut stopped: watch::Receiver<bool>) {
    let mut looks = tokio::time::interval(LOOK);
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => return tracing::error!(%error, "SIGHUP cannot be received"),
    };
    warn_of_end(certificates.expires());
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = looks.tick() => {}
            _ = hangup.recv() => {}
        }
        match certificates.refresh() {
            Ok(Loaded::Same) => {}
            Ok(Loaded::New(expires)) => {
                tracing::info!(until = %expires, "new certificate");
                warn_of_end(expires);
            }
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::error!(error = format!("{error:#}"), "the certificate before is kept");
            }
        }
    }
}

/// Opens the database, which may not be there yet when a whole site comes up.
async fn open(config: Config) -> Result<App, AppError> {
    let start = Instant::now();
    loop {
        match App::open(config.clone()).await {
            Err(AppError::Db(error)) if error.may_pass() && start.elapsed() < UNTIL_THERE => {
                tracing::warn!(error = %anyhow::Error::from(error), "waiting for the database");
                tokio::time::sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}

fn warn_of_end(expires: Timestamp) {
    if expires <= Timestamp::now().after_days(SOON) {
        tracing::warn!(until = %expires, "the certificate ends soon: `bootmint certificate` makes a new one");
    }
}

/// Ends what time has ended, until it is told to stop.
async fn sweep(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut sweeps = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = sweeps.tick() => {}
        }
        if let Err(error) = app.sweep(Timestamp::now()).await {
            let error = anyhow::Error::from(error);
            tracing::error!(error = format!("{error:#}"), "sweeping failed; it is tried again");
        }
    }
}

/// Forgets and archives what is old, until it is told to stop: apart from the sweeper, since it may
/// take long.
async fn clean(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut cleanings = tokio::time::interval(FORGET);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = cleanings.tick() => {}
        }
        for error in app.clean(Timestamp::now()).await {
            tracing::error!(error = format!("{error:#}"), "cleaning failed; it is tried again");
        }
    }
}

/// Takes profiles that were published elsewhere, until it is told to stop.
async fn take_profiles(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut looks = tokio::time::interval(PUBLISHED);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = looks.tick() => {}
        }
        match app.refresh_profiles().await {
            Ok(false) => {}
            Ok(true) => tracing::info!("profiles that were published are taken"),
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::error!(error = format!("{error:#}"), "the profiles before are kept");
            }
        }
    }
}

/// Looks up people of the directory and of the OpenID provider again, apart from the sweeper: those
/// may be slow.
async fn recheck(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut looks = tokio::time::interval(SWEEP);
    loop {
        let result = tokio::select! {
            _ = stopped.changed() => return,
            _ = looks.tick() => look(&app, Timestamp::now()),
        };
        let results = tokio::select! {
            _ = stopped.changed() => return,
            results = result => results,
        };
        for error in results.into_iter().filter_map(Result::err) {
            let error = anyhow::Error::from(error);
            tracing::error!(error = format!("{error:#}"), "people could not be looked up again");
        }
    }
}

/// One that is down is not the other's trouble.
async fn look(app: &App, now: Timestamp) -> [Result<usize, AuthError>; 2] {
    [app.recheck_people(now).await, app.recheck_openid(now).await]
}

/// Tells one webhook, until it is told to stop. Each has a task of its own, so that none waits for
/// another.
async fn tell(app: Arc<App>, to: Sender, mut stopped: watch::Receiver<bool>) {
    let mut looks = tokio::time::interval(TELL);
    let name = to.config().name.clone();
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = looks.tick() => {}
        }
        while !*stopped.borrow() {
            match app.deliver(&to, Timestamp::now()).await {
                Ok(Delivery::Delivered | Delivery::Passed) => {}
                Ok(Delivery::Nothing | Delivery::Failed) => break,
                Err(error) => {
                    let error = anyhow::Error::from(error);
                    tracing::error!(webhook = %name, error = format!("{error:#}"), "a webhook waits");
                    break;
                }
            }
        }
    }
}

/// Sends the audit log to its collector, until it is told to stop.
async fn ship(app: Arc<App>, to: Collector, mut stopped: watch::Receiver<bool>) {
    let mut looks = tokio::time::interval(TELL);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = looks.tick() => {}
        }
        while !*stopped.borrow() {
            match app.ship(&to, Timestamp::now()).await {
                Ok(Delivery::Delivered) => {}
                Ok(_) => break,
                Err(error) => {
                    let error = anyhow::Error::from(error);
                    tracing::error!(error = format!("{error:#}"), "the audit log waits");
                    break;
                }
            }
        }
    }
}

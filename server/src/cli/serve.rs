//! `bootmint serve`.

use crate::{
    api,
    app::{App, AppError},
    boot::{self, Limits, Tftp, Transport},
    config::{Config, LogFormat},
    time::Timestamp,
    tls::{Certificates, Loaded},
};
use anyhow::Context;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// How often it is looked for hosts whose time is over.
const SWEEP: Duration = Duration::from_secs(5);
/// How often it is looked whether the certificate's files changed.
const LOOK: Duration = Duration::from_secs(5);
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
    let limits = Limits { clients: config.max_clients, head: config.request_time };
    let (plain, secure) = (config.listen, config.listen_tls);
    let certificates = match secure {
        Some(_) => Some(Certificates::load(config.tls.clone()).context("setting up HTTPS")?),
        None => None,
    };
    let app = Arc::new(open(config).await.context("opening the database")?);
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sweeper = tokio::spawn(sweep(Arc::clone(&app), stopped.clone()));
    let mut tasks = vec![sweeper];
    if app.directory().is_some() {
        tasks.push(tokio::spawn(recheck(Arc::clone(&app), stopped.clone())));
    }
    let console = listen(app.config().console.listen).await?;
    tracing::info!(address = %console.local_addr()?, "console");
    let (router, stopping) = (api::router(&app), until(stopped.clone()));
    tasks.push(tokio::spawn(boot::serve(console, Transport::Plain, router, limits, stopping)));
    let router = boot::router(Arc::clone(&app));
    if let Some(address) = plain {
        let listener = listen(address).await?;
        tracing::info!(address = %listener.local_addr()?, "serving");
        let stop = until(stopped.clone());
        tasks.push(tokio::spawn(boot::serve(
            listener,
            Transport::Plain,
            router.clone(),
            limits,
            stop,
        )));
    }
    if let Some(address) = app.config().listen_tftp {
        let tftp = Tftp::listen(address, &app.config().files).await;
        let tftp = tftp.with_context(|| format!("listening on {address} for TFTP"))?;
        tracing::info!(address = %tftp.address(), "serving files by TFTP");
        tasks.push(tokio::spawn(tftp.serve(until(stopped.clone()))));
    }
    if let (Some(address), Some(certificates)) = (secure, certificates) {
        let listener = listen(address).await?;
        let transport = Transport::Tls(certificates.config()?);
        tracing::info!(address = %listener.local_addr()?, "serving HTTPS");
        let stop = until(stopped.clone());
        tasks.push(tokio::spawn(boot::serve(listener, transport, router, limits, stop)));
        tasks.push(tokio::spawn(renew(certificates, stopped.clone())));
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    stop.send_replace(true);
    app.close();
    for task in tasks {
        task.await.context("ending the server")?;
    }
    app.store().close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))
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
    let mut cleanings = tokio::time::interval(FORGET);
    loop {
        let result = tokio::select! {
            _ = stopped.changed() => return,
            _ = sweeps.tick() => app.sweep(Timestamp::now()).await.map(drop).map_err(Into::into),
            _ = cleanings.tick() => clean(&app).await,
        };
        if let Err(error) = result {
            tracing::error!(error = format!("{error:#}"), "sweeping failed; it is tried again");
        }
    }
}

/// Looks up people of the directory again, apart from the sweeper: controllers may be slow.
async fn recheck(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut looks = tokio::time::interval(SWEEP);
    loop {
        let result = tokio::select! {
            _ = stopped.changed() => return,
            _ = looks.tick() => app.recheck_people(Timestamp::now()),
        };
        let result = tokio::select! {
            _ = stopped.changed() => return,
            result = result => result,
        };
        if let Err(error) = result {
            let error = anyhow::Error::from(error);
            tracing::error!(error = format!("{error:#}"), "people could not be looked up again");
        }
    }
}

async fn clean(app: &App) -> anyhow::Result<()> {
    app.forget(Timestamp::now()).await?;
    Ok(app.forget_accounts(Timestamp::now()).await?)
}

//! `bootmint serve`.

use crate::{
    app::App,
    boot::{self, Limits},
    config::{Config, LogFormat},
    time::Timestamp,
};
use anyhow::Context;
use std::{sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// How often it is looked for hosts whose time is over.
const SWEEP: Duration = Duration::from_secs(5);
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
    let address = config.listen;
    let app = Arc::new(App::open(config).await.context("opening the database")?);
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sweeper = tokio::spawn(sweep(Arc::clone(&app), stopped.clone()));
    tracing::info!(address = %listener.local_addr()?, "serving");
    boot::serve(listener, boot::router(Arc::clone(&app)), limits, async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    })
    .await;
    stop.send_replace(true);
    sweeper.await.context("ending the sweeper")?;
    app.store().close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Ends what time has ended, until it is told to stop.
async fn sweep(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut sweeps = tokio::time::interval(SWEEP);
    let mut cleanings = tokio::time::interval(FORGET);
    loop {
        let result = tokio::select! {
            _ = stopped.changed() => return,
            _ = sweeps.tick() => app.sweep(Timestamp::now()).await.map(drop),
            _ = cleanings.tick() => app.forget(Timestamp::now()).await.map(drop),
        };
        if let Err(error) = result {
            tracing::error!(error = %anyhow::Error::from(error), "sweeping failed; it is tried again");
        }
    }
}

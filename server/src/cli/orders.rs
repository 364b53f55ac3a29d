//! `bootmint arm`, `disarm`, `hold` and `release`.

use super::{actor, ui::Ui};
use crate::{
    app::{App, AppError, Order},
    time::Timestamp,
};
use bootmint_image_factory::host::HostName;

/// Arguments of commands on one host.
#[derive(clap::Args)]
pub(super) struct HostArgs {
    /// The host
    host: HostName,
}

/// Arguments of `bootmint arm`.
#[derive(clap::Args)]
pub(super) struct ArmArgs {
    #[command(flatten)]
    host: HostArgs,
    /// The host's name again: what is on its disk will be lost
    #[arg(long, value_name = "HOST")]
    confirm: String,
}

pub(super) async fn arm(args: ArmArgs, app: &App, ui: &Ui) -> anyhow::Result<()> {
    match run(args.host, Order::Arm { confirm: args.confirm }, app, ui).await {
        Err(error) => match error.downcast_ref::<AppError>() {
            Some(waits @ AppError::AwaitsApproval { .. }) => {
                ui.line(waits);
                Ok(())
            }
            _ => Err(error),
        },
        done => done,
    }
}

pub(super) async fn approve(args: ArmArgs, app: &App, ui: &Ui) -> anyhow::Result<()> {
    run(args.host, Order::Approve { confirm: args.confirm }, app, ui).await
}

pub(super) async fn run(args: HostArgs, order: Order, app: &App, ui: &Ui) -> anyhow::Result<()> {
    let state = app.order(&args.host, &order, None, &actor(), Timestamp::now()).await?;
    match state.due() {
        Some(until) => ui.line(format_args!("{} is {} until {until}", args.host, state.name())),
        None => ui.line(format_args!("{} is {}", args.host, state.name())),
    }
    Ok(())
}

//! `bootmint lint`.

use super::ui::Ui;
use crate::{
    app::App,
    script::{Kind, Profile},
};
use anyhow::bail;
use bootmint_image_factory::host::{Host, HostName};

/// How many hosts are read at a time.
const PAGE: i64 = 500;

/// Arguments of `bootmint lint`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Only this host
    host: Option<HostName>,
    /// With this OS profile instead of the host's own
    #[arg(long, value_name = "NAME", conflicts_with = "all_profiles")]
    profile: Option<String>,
    /// With every OS profile that installs
    #[arg(long)]
    all_profiles: bool,
}

pub(super) async fn run(args: &Args, app: &App, ui: &Ui) -> anyhow::Result<()> {
    let all = app.profiles();
    let profiles: Vec<Option<&Profile>> = match (&args.profile, args.all_profiles) {
        (Some(name), _) => vec![Some(all.get(name)?)],
        (None, true) => {
            let installs = |profile: &&Profile| matches!(profile.kind(), Kind::Install(_));
            all.iter().filter(installs).map(Some).collect()
        }
        (None, false) => vec![None],
    };
    let mut count = Count::default();
    match &args.host {
        Some(name) => count.host(app, &app.stored(name).await?.host, &profiles, ui).await,
        None => {
            let mut after = None;
            loop {
                let page = app.store().hosts(after.as_ref(), PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.host.name.clone());
                for stored in &page {
                    count.host(app, &stored.host, &profiles, ui).await;
                }
            }
        }
    }
    let Count { checked, wrong } = count;
    if wrong > 0 {
        bail!("{wrong} of {checked} cannot be rendered: see above");
    }
    ui.line(format_args!("{checked} checked, all good"));
    Ok(())
}

#[derive(Default)]
struct Count {
    checked: usize,
    wrong: usize,
}

impl Count {
    async fn host(&mut self, app: &App, host: &Host, profiles: &[Option<&Profile>], ui: &Ui) {
        for profile in profiles {
            self.checked = self.checked.saturating_add(1);
            if let Err(error) = app.lint(host, *profile).await {
                self.wrong = self.wrong.saturating_add(1);
                ui.line(format_args!("{:#}", anyhow::Error::from(error)));
            }
        }
    }
}

//! `bootmint secrets`: values that answer files may hold, and the keys that seal them.

use super::{actor, ui::Ui, with_app};
use crate::{
    app::{App, Resealed},
    config::Config,
    mark::Seen,
    seal::{MAX_VALUE, Place, SealKeys, SecretName},
    secret::random_key,
    time::Timestamp,
};
use anyhow::{Context, bail};
use bootmint_image_factory::host::{HostName, Name};
use std::{
    fs,
    io::{self, IsTerminal, Read, Write},
    path::Path,
};

/// Where a secret counts: everywhere unless given.
#[derive(clap::Args)]
pub(super) struct Where {
    /// For the hosts of this site
    #[arg(long, value_name = "NAME", conflicts_with = "host")]
    site: Option<Name>,
    /// For this host
    #[arg(long, value_name = "NAME")]
    host: Option<HostName>,
}

impl Where {
    pub(super) fn place(self) -> Place {
        match (self.host, self.site) {
            (Some(host), _) => Place::Host(host),
            (None, Some(site)) => Place::Site(site),
            (None, None) => Place::Everywhere,
        }
    }
}

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Lists the secrets that are set, without their values
    List,
    /// Sets a secret to what standard input holds
    Set {
        /// Its name, as templates have it
        name: SecretName,
        #[command(flatten)]
        at: Where,
    },
    /// Removes a secret
    Remove {
        /// Its name
        name: SecretName,
        #[command(flatten)]
        at: Where,
    },
    /// Puts a new key before those of the key file, which it makes if it is missing
    NewKey,
    /// Seals all secrets, and tokens of hosts, with the first key, so that the others can be removed
    Reseal,
}

pub(super) fn run(command: Command, config: Config, ui: &Ui) -> anyhow::Result<()> {
    match command {
        Command::NewKey => new_key(&config.secrets_key, ui),
        other => with_app(config, async |app| on_database(other, app, ui).await),
    }
}

async fn on_database(command: Command, app: &App, ui: &Ui) -> anyhow::Result<()> {
    let now = Timestamp::now();
    match command {
        Command::NewKey => {}
        Command::List => {
            for one in app.store().all_secrets().await? {
                let place = match one.place {
                    Place::Everywhere => "everywhere".to_owned(),
                    place => place.to_string(),
                };
                let (name, by) = (one.name.as_str(), one.changed_by);
                ui.line(format_args!("{place:<32} {name:<32} set {} by {by}", one.changed));
            }
        }
        Command::Set { name, at } => {
            let value = value()?;
            app.set_secret((&at.place(), &name), &value, &Seen::Anything, &actor(), now).await?;
        }
        Command::Remove { name, at } => {
            app.remove_secret((&at.place(), &name), &Seen::Anything, &actor(), now).await?;
        }
        Command::Reseal => {
            let Resealed { secrets, tokens } = app.reseal(&actor(), now).await?;
            ui.line(format_args!(
                "{secrets} secrets and {tokens} tokens of hosts were sealed anew: only the first \
                 key is needed now, also for backups that are made from now on"
            ));
        }
    }
    Ok(())
}

/// What standard input holds, without the end of its last line.
pub(super) fn value() -> anyhow::Result<String> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        bail!("write the value to standard input: bootmint secrets set NAME < FILE");
    }
    let mut text = String::new();
    let most = MAX_VALUE as u64 + 2;
    stdin.take(most).read_to_string(&mut text).context("reading the value")?;
    Ok(text
        .strip_suffix('\n')
        .map(|text| text.strip_suffix('\r').unwrap_or(text))
        .map_or_else(|| text.clone(), ToOwned::to_owned))
}

/// Writes the file whole or not at all: without its keys no secret opens.
fn new_key(file: &Path, ui: &Ui) -> anyhow::Result<()> {
    let before = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).context(format!("reading {}", file.display())),
    };
    let text = format!("{}\n{before}", random_key()?);
    SealKeys::parse(&text).with_context(|| file.display().to_string())?;
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let context = || format!("writing {}", file.display());
    // Such files are for their owner alone.
    let mut fresh = tempfile::NamedTempFile::new_in(folder).with_context(context)?;
    fresh.write_all(text.as_bytes()).with_context(context)?;
    fresh.as_file().sync_all().with_context(context)?;
    fresh.persist(file).with_context(context)?;
    ui.line(format_args!(
        "{}: has a new first key. Give it to all replicas, start them anew, then run `bootmint \
         secrets reseal`.",
        file.display()
    ));
    Ok(())
}

//! `bootmint users` and `bootmint tokens`.

use super::{actor, ui::Ui};
use crate::{
    app::App,
    auth::{Grant, Grants, NewToken, UserName, token::TokenId},
    db::Realm,
    time::{Seconds, Timestamp},
};
use anyhow::Context;

/// Commands, and why what they do is done.
#[derive(clap::Args)]
pub(super) struct Because<C: clap::Subcommand> {
    #[command(subcommand)]
    pub(super) command: C,
    /// Why, for the audit log
    #[arg(long, global = true, default_value = "")]
    pub(super) reason: String,
}

/// Commands of `bootmint users`.
#[derive(clap::Subcommand)]
pub(super) enum Users {
    /// Lists the accounts
    List,
    /// Makes an account, and prints its one-time password
    Add {
        /// Its name
        name: UserName,
        /// What it may: ROLE, ROLE@site:NAME or ROLE@group:NAME; `bootmint roles` lists the roles
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<Grant>,
        /// It is a program's: it gets tokens and no password
        #[arg(long)]
        program: bool,
    },
    /// Changes what an account may
    Grant {
        /// The account
        name: UserName,
        /// All that it may from now on
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<Grant>,
    },
    /// Locks an account: neither its password nor its tokens count
    Lock {
        /// The account
        name: UserName,
    },
    /// Unlocks an account
    Unlock {
        /// The account
        name: UserName,
    },
    /// Gives an account a new one-time password; its sessions and tokens end
    ResetPassword {
        /// The account
        name: UserName,
    },
    /// Removes an account's second factor, for who lost their telephone; its sessions and tokens end
    RemoveFactor {
        /// The account
        name: UserName,
    },
    /// Removes an account with its tokens
    Remove {
        /// The account
        name: UserName,
    },
}

/// Commands of `bootmint tokens`.
#[derive(clap::Subcommand)]
pub(super) enum Tokens {
    /// Lists the tokens, without their secrets
    List,
    /// Makes a token, and prints it: it is not shown again
    Add {
        /// Whose it is
        owner: UserName,
        /// What it is for
        #[arg(long)]
        label: String,
        /// The most that it allows; less where its owner may less
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<Grant>,
        /// How many days it lives, 366 at most
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
    },
    /// Ends a token
    Revoke {
        /// Its id, as the list shows it
        id: String,
    },
}

pub(super) async fn users(args: Because<Users>, app: &App, ui: &Ui) -> anyhow::Result<()> {
    let (now, actor) = (Timestamp::now(), actor().because(&args.reason));
    match args.command {
        Users::List => {
            for one in app.store().accounts().await? {
                let kind = match (one.disabled, &one.password, one.one_time) {
                    (true, ..) => "locked",
                    _ if one.is_of(Realm::Openid) => "openid",
                    _ if one.directory.is_some() => "directory",
                    (false, None, _) => "program",
                    (false, Some(_), true) => "one-time",
                    (false, Some(_), false) => "person",
                };
                ui.line(format_args!("{:<24} {kind:<9} {}", one.name, one.grants));
            }
        }
        Users::Add { name, roles, program } => {
            let grants = Grants::new(roles)?;
            let password = app.add_account(&name, &grants, !program, &actor, now).await?;
            if let Some(password) = password {
                ui.line(format_args!("one-time password of {name}: {}", password.reveal()));
            }
        }
        Users::Grant { name, roles } => {
            let grants = Grants::new(roles)?;
            app.change_account(&name, Some(&grants), None, &actor, now).await?;
        }
        Users::Lock { name } => {
            app.change_account(&name, None, Some(true), &actor, now).await?;
        }
        Users::Unlock { name } => {
            app.change_account(&name, None, Some(false), &actor, now).await?;
        }
        Users::ResetPassword { name } => {
            let password = app.reset_password(&name, &actor, now).await?;
            ui.line(format_args!("one-time password of {name}: {}", password.reveal()));
        }
        Users::RemoveFactor { name } => app.remove_factor(&name, &actor, now).await?,
        Users::Remove { name } => app.remove_account(&name, &actor, now).await?,
    }
    Ok(())
}

pub(super) async fn tokens(args: Because<Tokens>, app: &App, ui: &Ui) -> anyhow::Result<()> {
    let (now, actor) = (Timestamp::now(), actor().because(&args.reason));
    match args.command {
        Tokens::List => {
            for one in app.store().tokens().await? {
                ui.line(format_args!(
                    "{} {:<24} until {} {} ({})",
                    one.id, one.owner, one.expires, one.grants, one.label
                ));
            }
        }
        Tokens::Add { owner, label, roles, days } => {
            let expires = now.after(Seconds::new(days.saturating_mul(86_400)));
            let new = NewToken { owner, label, grants: Grants::new(roles)?, expires };
            let token = app.make_token(&new, &actor, now).await?;
            ui.line(token.reveal());
        }
        Tokens::Revoke { id } => {
            let id = TokenId::parse(&id).context("a token's id has 16 hexadecimal digits")?;
            app.revoke_token(&id, &actor, now).await?;
        }
    }
    Ok(())
}

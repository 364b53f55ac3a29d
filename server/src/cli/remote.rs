//! `bootmint remote`: the commands of a person or program that works with a server elsewhere.

mod hosts;
mod people;
mod profiles;
mod secrets;

use super::{
    accounts::{Because, Tokens, Users},
    ui::Ui,
};
use crate::{
    remote::{Hear, Place, Remote},
    time::Timestamp,
};
use anyhow::{Context, bail};
use bootmint_image_factory::{format::Format, host::HostName};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

/// How many rows are asked for at a time.
const PAGE: usize = 500;

/// Arguments of `bootmint remote`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The server's console, such as `https://boot.example.net`
    #[arg(long, env = "BOOTMINT_SERVER", value_name = "URL")]
    server: String,
    /// A file that holds an API token; without it the variable BOOTMINT_TOKEN is taken
    #[arg(long, env = "BOOTMINT_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The one certificate that the server's must lead to, such as a site's tls/ca.pem, in PEM;
    /// without it, those that the system trusts
    #[arg(long, env = "BOOTMINT_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Print the server's answers as they are, in JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Shows and imports hosts
    #[command(subcommand)]
    Hosts(hosts::Hosts),
    /// Allows one install of a host: its disk will be wiped
    Arm(Confirmed),
    /// Agrees to an arming that another person asked for
    Approve(Confirmed),
    /// Takes an arming, or the wish for one, back
    Disarm(Ordered),
    /// Makes a host wait for a person at every boot
    Hold(Ordered),
    /// Lets a held host go on: it boots its local disk
    Release(Ordered),
    /// Fetches images that are minted on demand
    #[command(subcommand)]
    Images(Images),
    /// Makes a URL at which cloud-init finds the NoCloud files of a host, without a token
    Nocloud {
        /// The host
        host: HostName,
        /// How long it counts
        #[arg(long, default_value_t = 60)]
        minutes: u32,
    },
    /// Shows, exports and publishes OS profiles
    #[command(subcommand)]
    Profiles(profiles::Profiles),
    /// Sets and removes values that answer files may hold
    #[command(subcommand)]
    Secrets(secrets::Secrets),
    /// Makes, changes and removes accounts
    Users(Because<Users>),
    /// Makes and ends API tokens
    Tokens(Because<Tokens>),
    /// Shows or verifies the audit log
    Audit {
        /// Check that no row was changed or removed
        #[arg(long, conflicts_with_all = ["from", "until"])]
        verify: bool,
        /// Only rows that are not older, in UTC: 2026-01-31T12:00:00Z or 2026-01-31
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// Only rows from before that time, likewise
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
    },
    /// Tells of each host's changes as they happen
    Watch,
}

#[derive(clap::Subcommand)]
enum Images {
    /// Fetches the image of a host
    Get {
        /// The host
        host: HostName,
        /// The image's format
        #[arg(long, default_value = "iso")]
        format: Format,
        /// Where to write it [default: HOST.FORMAT here]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Makes a link to the image of a host, for who can't sign in, such as a BMC; whoever has it
    /// gets the image
    Link {
        /// The host
        host: HostName,
        /// The image's format
        #[arg(long, default_value = "iso")]
        format: Format,
        /// How many minutes it lives, a week at most
        #[arg(long, default_value_t = 60)]
        minutes: u32,
    },
}

#[derive(clap::Args)]
struct Ordered {
    /// The host
    host: HostName,
    /// Why, for the audit log
    #[arg(long, default_value = "")]
    reason: String,
}

#[derive(clap::Args)]
struct Confirmed {
    #[command(flatten)]
    order: Ordered,
    /// The host's name again: what is on its disk will be lost
    #[arg(long, value_name = "HOST")]
    confirm: String,
}

pub(super) fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    let token = match &args.token_file {
        Some(path) => fs::read_to_string(path)
            .with_context(|| format!("reading the token in {}", path.display()))?,
        None => std::env::var("BOOTMINT_TOKEN").context(
            "who asks? Name a file with an API token (--token-file), or set BOOTMINT_TOKEN",
        )?,
    };
    let remote = Remote::new(&Place { server: args.server, token, ca: args.ca })?;
    let desk = Desk { remote, json: args.json, ui };
    match args.command {
        Command::Hosts(command) => desk.hosts(command),
        Command::Arm(args) => desk.order(args.order, "arm", Some(args.confirm)),
        Command::Approve(args) => desk.order(args.order, "approve", Some(args.confirm)),
        Command::Disarm(args) => desk.order(args, "disarm", None),
        Command::Hold(args) => desk.order(args, "hold", None),
        Command::Release(args) => desk.order(args, "release", None),
        Command::Images(Images::Get { host, format, out }) => desk.image(&host, format, out),
        Command::Nocloud { host, minutes } => desk.nocloud(&host, minutes),
        Command::Images(Images::Link { host, format, minutes }) => {
            desk.link(&host, format, minutes)
        }
        Command::Profiles(command) => desk.profiles(command),
        Command::Secrets(command) => desk.secrets(command),
        Command::Users(args) => desk.users(args),
        Command::Tokens(args) => desk.tokens(args),
        Command::Audit { verify: true, .. } => desk.verify(),
        Command::Audit { verify: false, from, until } => desk.audit(from, until),
        Command::Watch => desk.watch(),
    }
}

/// Where commands ask, and how they say what they heard.
struct Desk<'a> {
    remote: Remote,
    json: bool,
    ui: &'a Ui,
}

impl Desk<'_> {
    /// Says `answer` as it is, or in lines.
    fn say(&self, answer: &Value, lines: impl FnOnce(&Value)) {
        if self.json {
            self.ui.line(answer);
        } else {
            lines(answer);
        }
    }

    /// Says what an order was answered, if anything: that nothing is said is success.
    fn done(&self, answer: Value) -> anyhow::Result<()> {
        if self.json && !answer.is_null() {
            self.ui.line(answer);
        }
        Ok(())
    }

    /// Reads all pages of `path`, which has a query already, and says each item by `line`.
    fn pages(&self, path: &str, line: &dyn Fn(&Value) -> String) -> anyhow::Result<()> {
        let mut after = String::new();
        loop {
            let page = self.remote.get(&format!("{path}&limit={PAGE}{after}"))?;
            let items = page.get("items").and_then(Value::as_array);
            for item in items.context("the answer has no items")? {
                self.say(item, |item| self.ui.line(line(item)));
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) => {
                    let mut query = form_urlencoded::Serializer::new(String::from("&"));
                    after = query.append_pair("after", next).finish();
                }
                None => return Ok(()),
            }
        }
    }

    fn order(&self, args: Ordered, order: &str, confirm: Option<String>) -> anyhow::Result<()> {
        let mut body = json!({ "reason": args.reason });
        if let Some(confirm) = confirm {
            body["confirm"] = confirm.into();
        }
        let host = self.remote.post(&format!("/hosts/{}/{order}", args.host), &body)?;
        let state = state_of(&host).to_owned();
        self.say(&host, |host| match host.pointer("/state/until").and_then(Value::as_str) {
            _ if order == "arm" && state != "armed" => {
                let name = &args.host;
                self.ui.line(format_args!("{name} is {state}: another person must approve it"));
            }
            Some(until) => self.ui.line(format_args!("{} is {state} until {until}", args.host)),
            None => self.ui.line(format_args!("{} is {state}", args.host)),
        });
        Ok(())
    }

    fn image(&self, host: &HostName, format: Format, out: Option<PathBuf>) -> anyhow::Result<()> {
        let name = format!("{host}.{}", format.extension());
        let out = out.unwrap_or_else(|| name.clone().into());
        let size = self.remote.save(&format!("/images/{name}"), &out)?;
        self.say(&json!({ "file": out, "bytes": size }), |_| {
            self.ui.line(format_args!("{}: {size} bytes", out.display()));
        });
        Ok(())
    }

    fn nocloud(&self, host: &HostName, minutes: u32) -> anyhow::Result<()> {
        let path = format!("/hosts/{host}/nocloud-link");
        let link = self.remote.post(&path, &json!({ "minutes": minutes }))?;
        self.say(&link, |link| self.ui.line(text(link, "url")));
        Ok(())
    }

    fn link(&self, host: &HostName, format: Format, minutes: u32) -> anyhow::Result<()> {
        let body = json!({ "format": format.name(), "minutes": minutes });
        let made = self.remote.post(&format!("/hosts/{host}/image-link"), &body)?;
        self.say(&made, |made| self.ui.line(text(made, "url")));
        Ok(())
    }

    fn audit(&self, from: Option<Timestamp>, until: Option<Timestamp>) -> anyhow::Result<()> {
        let mut path = "/audit?".to_owned();
        for (name, time) in [("from", from), ("until", until)] {
            path.extend(time.map(|time| format!("{name}={time}&")));
        }
        self.pages(&path, &|row| {
            let [at, actor, host, event, was, became] =
                ["at", "actor", "host", "event", "was", "became"].map(|key| text(row, key));
            let (seq, detail) = (&row["seq"], text(row, "detail"));
            let head = format!("{seq:>6} {at} {actor:<16} {host:<24} {event:<10}");
            format!("{head} {was:<10} -> {became:<10} {detail}")
        })
    }

    fn verify(&self) -> anyhow::Result<()> {
        let found = self.remote.get("/audit/verify")?;
        self.say(&found, |found| {
            if found["holds"] == true {
                let (rows, head) = (&found["rows"], text(found, "head"));
                self.ui.line(format_args!(
                    "the audit chain holds: the last is row {rows} with digest {head}"
                ));
            }
        });
        if found["holds"] == true {
            return Ok(());
        }
        bail!("the audit chain is broken: {}", text(&found, "broken"))
    }

    fn watch(&self) -> anyhow::Result<()> {
        Ok(self.remote.watch(&mut |event| {
            let shown = json!({
                "host": event.host, "event": event.event, "was": event.was,
                "became": event.became, "at": event.at,
            });
            self.say(&shown, |_| {
                let (at, host, what) = (&event.at, &event.host, &event.event);
                self.ui.line(format_args!(
                    "{at} {host:<32} {what:<10} {:<10} -> {}",
                    event.was, event.became
                ));
            });
            Hear::More
        })?)
    }
}

/// A query that says why, if somebody did.
fn why(reason: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if reason.is_empty() {
        return String::new();
    }
    format!("?{}", query.append_pair("reason", reason).finish())
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn state_of(host: &Value) -> &str {
    host.pointer("/state/name").and_then(Value::as_str).unwrap_or("unknown")
}

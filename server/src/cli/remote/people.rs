//! `bootmint remote users` and `tokens`: the accounts of a server elsewhere.

use super::{Desk, text, why};
use crate::{
    auth::{Grant, UserName},
    cli::accounts::{Because, Tokens, Users},
};
use reqwest::Method;
use serde_json::{Value, json};

impl Desk<'_> {
    pub(super) fn users(&self, args: Because<Users>) -> anyhow::Result<()> {
        let (reason, why) = (&args.reason, why(&args.reason));
        let change = |name: &UserName, mut body: Value| {
            body["reason"] = reason.as_str().into();
            self.done(self.remote.call(Method::PATCH, &format!("/users/{name}"), Some(&body))?)
        };
        let remove = |path: String| {
            self.done(self.remote.call(Method::DELETE, &format!("{path}{why}"), None)?)
        };
        match args.command {
            Users::List => self.list_users(),
            Users::Add { name, roles, program } => {
                let body = json!({ "name": name.to_string(), "roles": words(&roles), "program": program, "reason": reason });
                let made = self.remote.post("/users", &body)?;
                self.one_time(&name, &made)
            }
            Users::Grant { name, roles } => change(&name, json!({ "roles": words(&roles) })),
            Users::Lock { name } => change(&name, json!({ "locked": true })),
            Users::Unlock { name } => change(&name, json!({ "locked": false })),
            Users::ResetPassword { name } => {
                let path = format!("/users/{name}/reset-password{why}");
                let made = self.remote.call(Method::POST, &path, None)?;
                self.one_time(&name, &made)
            }
            Users::RemoveFactor { name } => remove(format!("/users/{name}/factor")),
            Users::Remove { name } => remove(format!("/users/{name}")),
        }
    }

    fn list_users(&self) -> anyhow::Result<()> {
        self.pages("/users?", &|user| {
            let is = |key: &str| user[key] == true;
            let kind = match () {
                () if is("locked") => "locked",
                () if is("openid") => "openid",
                () if is("directory") => "directory",
                () if is("program") => "program",
                () if is("one_time") => "one-time",
                () => "person",
            };
            format!("{:<24} {kind:<9} {}", text(user, "name"), roles(user))
        })
    }

    fn one_time(&self, name: &UserName, made: &Value) -> anyhow::Result<()> {
        self.say(made, |made| {
            if let Some(password) = made.get("one-time-password").and_then(Value::as_str) {
                self.ui.line(format_args!("one-time password of {name}: {password}"));
            }
        });
        Ok(())
    }

    pub(super) fn tokens(&self, args: Because<Tokens>) -> anyhow::Result<()> {
        match args.command {
            Tokens::List => self.pages("/tokens?", &|token| {
                let [id, owner, expires, label] =
                    ["id", "owner", "expires", "label"].map(|key| text(token, key));
                format!("{id} {owner:<24} until {expires} {} ({label})", roles(token))
            }),
            Tokens::Add { owner, label, roles, days } => {
                let body = json!({ "owner": owner.to_string(), "label": label, "roles": words(&roles), "days": days, "reason": args.reason });
                let made = self.remote.post("/tokens", &body)?;
                self.say(&made, |made| self.ui.line(text(made, "token")));
                Ok(())
            }
            Tokens::Revoke { id } => self.done(self.remote.call(
                Method::DELETE,
                &format!("/tokens/{id}{}", why(&args.reason)),
                None,
            )?),
        }
    }
}

fn words(roles: &[Grant]) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}

fn roles(of: &Value) -> String {
    let roles = of.get("roles").and_then(Value::as_array).into_iter().flatten();
    roles.filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

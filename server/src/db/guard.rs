//! What is checked in the same transaction as an arming: how many there were lately, and whether
//! another person asked for it. Two that race can't both pass a limit that leaves room for one.

use super::{
    Actor, AuditResult, Change, DbError, Store, Tx, at_most_one,
    audit::{self, Entry},
};
use crate::{machine::State, time::Timestamp};
use bootmint_image_factory::host::HostName;

/// The event of a request, in the audit log.
const REQUEST: &str = "arm-request";
/// The event of a request that was taken back.
const WITHDRAW: &str = "arm-withdraw";

/// How often one person may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So often,
    pub most: i64,
    /// since then.
    pub since: Timestamp,
    /// What people call that time: "hour".
    pub span: &'static str,
}

/// Whether an arming needs a request of another person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// No.
    NotNeeded,
    /// Yes.
    Needed,
}

/// What an arming must pass.
#[derive(Clone, Debug)]
pub struct ArmGuard {
    /// How many armings its actor may have made.
    pub limits: Vec<Limit>,
    /// Whether it needs a request.
    pub approval: Approval,
}

/// An arming that waits for another person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmRequest {
    /// Who asked for it.
    pub actor: String,
    /// When.
    pub at: Timestamp,
    /// Until when it can be approved.
    pub due: Timestamp,
}

/// Why an arming was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Guarded {
    /// Too many.
    #[error(
        "{most} hosts were armed or asked for by you in the last {span}: that is the limit (arms-per-{span} in [guard])"
    )]
    Limit {
        /// How many are allowed.
        most: i64,
        /// In which time.
        span: &'static str,
    },
    /// Nobody asked for it, or too long ago.
    #[error("nobody has asked to arm it, or too long ago: one person arms, another approves")]
    NoRequest,
    /// The same person asked for it.
    #[error("you asked for it yourself: another person must approve it")]
    OwnRequest,
    /// A person at the command line and an account: they may be the same human.
    #[error(
        "it was asked for by {asked}, and you come another way: at the command line and through \
         the API one human has two names, so ask and approve the same way"
    )]
    OtherWay {
        /// The kind of actor that asked.
        asked: &'static str,
    },
}

/// Says what keeps the arming `change` from being made, if anything, and takes its request away.
pub(super) async fn check(
    tx: &mut Tx,
    change: &Change<'_>,
    guard: &ArmGuard,
) -> Result<Option<Guarded>, DbError> {
    if let Some(over) = over_limit(tx, &change.actor, change.event, &guard.limits).await? {
        return Ok(Some(over));
    }
    let host = change.host.as_str();
    if guard.approval == Approval::Needed {
        match read(tx.query(SELECT, [host.into()]).await?)? {
            Some(request) if request.due > change.at => {
                if let Some(guarded) = same_human(&request.actor, change.actor.as_str()) {
                    return Ok(Some(guarded));
                }
            }
            _ => return Ok(Some(Guarded::NoRequest)),
        }
    }
    tx.execute(DELETE, [host.into()]).await?;
    Ok(None)
}

/// Why `approver` may be whoever asked, as far as names tell; none if they are two.
fn same_human(asked: &str, approver: &str) -> Option<Guarded> {
    let kind = |actor: &str| actor.split(':').next().map(str::to_owned);
    if asked == approver {
        Some(Guarded::OwnRequest)
    } else if kind(asked) != kind(approver) {
        let at_the_command_line = asked.starts_with("person:");
        let asked = if at_the_command_line { "somebody at the command line" } else { "an account" };
        Some(Guarded::OtherWay { asked })
    } else {
        None
    }
}

const SELECT: &str = "SELECT actor, at, due FROM arm_requests WHERE host = $1";
const DELETE: &str = "DELETE FROM arm_requests WHERE host = $1";

async fn over_limit(
    tx: &mut Tx,
    actor: &Actor,
    event: &'static str,
    limits: &[Limit],
) -> Result<Option<Guarded>, DbError> {
    let sql = "SELECT COUNT(*) FROM audit WHERE actor = $1 AND event = $2 AND at > $3";
    for &Limit { most, since, span } in limits {
        let binds = [actor.as_str().into(), event.into(), since.as_unix().into()];
        let made = at_most_one(tx.query(sql, binds).await?).ok_or(DbError::Shape)?.int()?;
        if made >= most {
            return Ok(Some(Guarded::Limit { most, span }));
        }
    }
    Ok(None)
}

fn read(rows: Vec<super::engine::Row>) -> Result<Option<ArmRequest>, DbError> {
    at_most_one(rows)
        .map(|mut row| {
            Ok(ArmRequest {
                actor: row.text()?,
                at: Timestamp::from_unix(row.int()?),
                due: Timestamp::from_unix(row.int()?),
            })
        })
        .transpose()
}

impl Store {
    /// The arming of a host that waits for another person.
    pub async fn arm_request(&self, host: &HostName) -> Result<Option<ArmRequest>, DbError> {
        read(self.engine.query(SELECT, [host.as_str().into()]).await?)
    }

    /// Writes down that `actor` asks to arm a host, until `due`; a request before this one ends.
    pub async fn request_arm(
        &self,
        host: &HostName,
        state: &State,
        actor: &Actor,
        (at, due): (Timestamp, Timestamp),
        limits: &[Limit],
    ) -> Result<Option<Guarded>, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        if let Some(over) = over_limit(&mut tx, actor, REQUEST, limits).await? {
            return Ok(Some(over));
        }
        tx.execute(DELETE, [host.as_str().into()]).await?;
        tx.execute(
            "INSERT INTO arm_requests (host, actor, at, due) VALUES ($1, $2, $3, $4)",
            [
                host.as_str().into(),
                actor.as_str().into(),
                at.as_unix().into(),
                due.as_unix().into(),
            ],
        )
        .await?;
        append(&mut tx, host, state, actor, at, REQUEST).await?;
        tx.commit().await?;
        Ok(None)
    }

    /// Takes a request back; says whether there was one.
    pub async fn withdraw_arm(
        &self,
        host: &HostName,
        state: &State,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        if tx.execute(DELETE, [host.as_str().into()]).await? == 0 {
            return Ok(false);
        }
        append(&mut tx, host, state, actor, at, WITHDRAW).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn append(
    tx: &mut Tx,
    host: &HostName,
    state: &State,
    actor: &Actor,
    at: Timestamp,
    event: &str,
) -> Result<(), DbError> {
    let (was, became) = (state.name(), state.name());
    let entry = Entry {
        at,
        actor,
        host: host.as_str(),
        event,
        was,
        became,
        detail: "",
        result: AuditResult::Done,
    };
    audit::append(tx, &entry).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_people_are_two_only_where_their_names_come_the_same_way() {
        assert_eq!(same_human("person:kim", "person:lee"), None);
        assert_eq!(same_human("user:kim", "user:lee"), None);
        assert_eq!(same_human("user:kim", "user:kim"), Some(Guarded::OwnRequest));
        for (asked, approver) in
            [("person:kim", "user:kim"), ("user:lee", "person:root"), ("person:kim", "machine")]
        {
            let found = same_human(asked, approver);
            assert!(matches!(found, Some(Guarded::OtherWay { .. })), "{asked} {approver}");
        }
    }
}

//! What sign-ins have in common for which somebody else vouches, an OpenID provider or a ticket:
//! they are counted by address, written down, and end in a new session.

use super::{AuthError, SessionKey, UserName, accounts::note, sign_in::pause, token::TokenId};
use crate::{
    app::App,
    db::{Account, Actor, AuditResult, Note},
    time::Timestamp,
};

/// How many sign-ins one address may begin before it has to wait, and how long at most.
const FREE: i64 = 30;
const LONGEST_PAUSE: u32 = 900;

impl App {
    /// Counts a sign-in that begins, unless its address has to wait.
    pub(super) async fn count_arrival(
        &self,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let pause = |tries| pause(tries, FREE, LONGEST_PAUSE);
        match self.store().count_try(&subject(actor), now, pause).await? {
            Some(until) => {
                tracing::warn!(source = actor.trace().source, "sign-in throttled");
                Err(AuthError::Throttled(until))
            }
            None => Ok(()),
        }
    }

    /// Writes down how a sign-in ended: `way` is how, `explained` why not.
    pub(super) async fn write_arrival(
        &self,
        result: Result<Account, AuthError>,
        way: &str,
        explained: impl Fn(&AuthError) -> (String, AuditResult),
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Account, AuthError> {
        let (detail, outcome) = match &result {
            Ok(_) => (way.to_owned(), AuditResult::Done),
            Err(error) => explained(error),
        };
        let known = result.as_ref().ok().map(|account| by(&account.name, actor));
        let actor = known.as_ref().unwrap_or(actor);
        let note =
            Note { at: now, actor, host: "", event: "sign-in", detail: &detail, result: outcome };
        self.store().note(&note).await?;
        let account = result?;
        self.store().forget_tries(&subject(actor)).await?;
        Ok(account)
    }

    /// A new session of somebody who was let in. The `earlier` one, which the browser came with,
    /// ends.
    pub(super) async fn renew_session(
        &self,
        owner: UserName,
        earlier: Option<TokenId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<SessionKey, AuthError> {
        if let Some(earlier) = earlier {
            let (detail, actor) = (format!("session {earlier}, for a new one"), by(&owner, actor));
            let note = note("sign-out", &detail, &actor, now);
            self.store().remove_session(&earlier, &note).await?;
        }
        self.open_session(owner, now).await
    }
}

/// What one address is counted by.
fn subject(actor: &Actor) -> String {
    format!("vouched source:{}", actor.trace().source)
}

fn by(name: &UserName, actor: &Actor) -> Actor {
    Actor::by_request(&format!("user:{name}"), actor.trace())
}

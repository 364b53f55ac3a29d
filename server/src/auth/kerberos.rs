//! Signing in by a Kerberos ticket: checked here, then the directory says who it is and what they
//! may, as for somebody who typed their password.

use super::{
    AuthError, SessionKey,
    oidc::said,
    spnego::{KerberosError, Shown},
};
use crate::{
    app::App,
    db::{Account, Actor, AuditResult},
    time::Timestamp,
};

impl App {
    /// Lets somebody in by the ticket in `token`, as it stands in the header of their request; the
    /// session that they came with ends. What the browser is answered comes with the new one.
    pub async fn begin_by_ticket(
        &self,
        token: &str,
        before: Option<&SessionKey>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(SessionKey, Option<String>), AuthError> {
        self.count_arrival(actor, now).await?;
        let (result, answer) = match self.try_ticket(token, actor, now).await {
            Ok((account, answer)) => (Ok(account), answer),
            Err(error) => (Err(error), None),
        };
        let account = self.write_arrival(result, "by Kerberos", explained, actor, now).await?;
        let earlier = match before {
            Some(before) => self.lapsed_session(before, now).await?.map(|(id, _)| id),
            None => None,
        };
        Ok((self.renew_session(account.name, earlier, actor, now).await?, answer))
    }

    /// The account of somebody whose ticket counts.
    async fn try_ticket(
        &self,
        token: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(Account, Option<String>), AuthError> {
        let (Some(acceptor), Some(directory)) = (self.kerberos(), self.directory()) else {
            return Err(KerberosError::NoToken("none is taken here").into());
        };
        let Shown { name, answer } = acceptor.accept(token).await?;
        let found = directory.vouched(&name, now).await;
        match self.take_in(found, actor, now).await {
            Ok(account) => Ok((account, answer)),
            Err(AuthError::Refused(why)) => {
                Err(KerberosError::Refused { name: said(&name), why }.into())
            }
            Err(error) => Err(error),
        }
    }
}

/// Why somebody is not let in, for the audit log.
fn explained(error: &AuthError) -> (String, AuditResult) {
    match error {
        AuthError::Kerberos(error) => {
            (format!("Kerberos: {}", error.detail()), AuditResult::Denied)
        }
        error => (error.to_string(), AuditResult::Failed),
    }
}

//! Errors as `application/problem+json` (RFC 9457): the one place that decides how they look.

use crate::{
    app::AppError,
    auth::{AuthError, Permission, oidc::OidcError, spnego::KerberosError},
    boot::{chain, status},
    db::DbError,
    seal::SealError,
};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bootmint_image_factory::fault::{Fault, Faults};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was not done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The HTTP status.
    #[serde(serialize_with = "code")]
    #[schema(value_type = u16)]
    pub(crate) status: StatusCode,
    /// The kind of trouble.
    pub(crate) title: String,
    /// What happened, and what to do.
    pub(crate) detail: String,
    /// Everything that is wrong with a feed, or with a profile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) faults: Vec<FaultView>,
    /// After how many seconds it may be asked again, where that is known: for the header.
    #[serde(skip)]
    pub(crate) retry: Option<u32>,
}

/// Something that is wrong with a feed, or with a profile.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FaultView {
    /// The file of a profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// The line, from 1; 0 where it is no line's.
    pub(crate) row: u32,
    /// The character in the line, from 1; 0 where it is the whole line's.
    pub(crate) column: u32,
    /// The host, where it has a usable name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<String>,
}

fn code<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        Self { status, title, detail: detail.into(), faults: Vec::new(), retry: None }
    }

    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// After how many seconds the sender may come again.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        let usual = match self.status {
            StatusCode::SERVICE_UNAVAILABLE => Some(2),
            StatusCode::TOO_MANY_REQUESTS => Some(60),
            _ => None,
        };
        self.retry.or(usual)
    }

    pub(crate) fn nothing_there() -> Self {
        Self::not_found("there is nothing here: GET /api/v1/openapi.json lists what there is")
    }

    pub(crate) fn unknown() -> Self {
        let detail = "send \"Authorization: Bearer TOKEN\" with a token that counts";
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    pub(crate) fn denied(permission: Permission) -> Self {
        let detail =
            format!("this needs the permission {permission}: `bootmint roles` says who has it");
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// A feed with faults.
    pub(crate) fn of_feed(faults: &Faults) -> Self {
        let view = |fault: &Fault| FaultView {
            file: None,
            row: fault.at.line,
            column: fault.at.column,
            host: fault.host.as_ref().map(ToString::to_string),
            message: fault.message.clone(),
            help: fault.help.clone(),
        };
        let faults: Vec<_> = faults.as_slice().iter().map(view).collect();
        let detail = format!("{} faults: nothing was changed", faults.len());
        Self { faults, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    /// An error of the application. What is the server's own trouble is for its log.
    pub(crate) fn of_error(status: StatusCode, error: &(dyn std::error::Error + 'static)) -> Self {
        if !status.is_server_error() {
            return Self::new(status, chain(error));
        }
        tracing::error!(status = status.as_u16(), error = chain(error), "request failed");
        let detail = match status {
            StatusCode::SERVICE_UNAVAILABLE => "not now: try again",
            _ => "the server's log says what is wrong",
        };
        Self::new(status, detail)
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        let error = match error {
            AppError::Image(error) => return error.into(),
            error => error,
        };
        let status = match &error {
            AppError::Seal(SealError::Value) => StatusCode::BAD_REQUEST,
            // A host's record, profile or secret is to blame, which its editors can mend.
            AppError::Db(DbError::Taken { .. } | DbError::Moved(_))
            | AppError::Seal(_)
            | AppError::NoProfile(_)
            | AppError::NoScript { .. }
            | AppError::InstallerAsBoot { .. }
            | AppError::Profile(_)
            | AppError::Script(_) => StatusCode::CONFLICT,
            error => status(error),
        };
        Self::of_error(status, &error)
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        AppError::from(error).into()
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let error = match error {
            AuthError::Db(error) => return error.into(),
            error => error,
        };
        let status = match &error {
            AuthError::Db(_) => StatusCode::INTERNAL_SERVER_ERROR,
            AuthError::Random(_) => StatusCode::INTERNAL_SERVER_ERROR,
            AuthError::Wrong | AuthError::Refused(_) | AuthError::WrongCode => {
                StatusCode::UNAUTHORIZED
            }
            AuthError::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            AuthError::MustChange | AuthError::NeedsCode | AuthError::MustEnrol => {
                StatusCode::FORBIDDEN
            }
            AuthError::NoAccount(_) | AuthError::NoToken(_) | AuthError::NoFactor(_) => {
                StatusCode::NOT_FOUND
            }
            AuthError::Directory(_) => StatusCode::SERVICE_UNAVAILABLE,
            AuthError::Openid(error) if error.is_outage() => {
                // All that is known of it is for the person, too.
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
            }
            AuthError::Openid(OidcError::Refused(_)) => StatusCode::FORBIDDEN,
            AuthError::Openid(_) | AuthError::Kerberos(KerberosError::NoToken(_)) => {
                StatusCode::BAD_REQUEST
            }
            // Without a challenge: a browser would show the same ticket again.
            AuthError::Kerberos(_) => StatusCode::FORBIDDEN,
            AuthError::Changed(_) => StatusCode::PRECONDITION_FAILED,
            AuthError::Exists(_)
            | AuthError::HasFactor(_)
            | AuthError::Program(_)
            | AuthError::LastAdmin(_)
            | AuthError::OfDirectory(_) => StatusCode::CONFLICT,
            AuthError::Password(_) | AuthError::Life | AuthError::Label => StatusCode::BAD_REQUEST,
        };
        Self::of_error(status, &error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"bootmint\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        told(response, self)
    }
}

/// The console shows a page instead, of the same problem.
fn told(mut response: Response, problem: Problem) -> Response {
    response.extensions_mut().insert(problem);
    response
}

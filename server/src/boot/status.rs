//! From error to HTTP status: the one place where that is decided, and where errors are logged.

use crate::{
    app::AppError,
    db::{DbError, Guarded},
    nocloud::NoCloudFile,
    script::ScriptError,
    seal::SealError,
};
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use std::error::Error;

/// The status of an error.
pub(crate) fn status(error: &AppError) -> StatusCode {
    match error {
        AppError::Db(DbError::Unavailable(_) | DbError::Broken(_) | DbError::Busy(_))
        | AppError::Contended(_)
        | AppError::ProfilesContended => StatusCode::SERVICE_UNAVAILABLE,
        AppError::UnknownHost(_)
        | AppError::UnknownAttempt
        | AppError::NoLink
        | AppError::NoSecret(_)
        | AppError::NoCloud(NoCloudFile::Unknown)
        | AppError::Script(ScriptError::NoAnswer { .. }) => StatusCode::NOT_FOUND,
        AppError::AwaitsApproval { .. } => StatusCode::ACCEPTED,
        AppError::Guarded { source: Guarded::Limit { .. }, .. } => StatusCode::TOO_MANY_REQUESTS,
        AppError::Refused { .. }
        | AppError::SecretsChanged
        | AppError::Guarded { .. }
        | AppError::NoDiskSerial(_)
        | AppError::DiskSerialUnchecked { .. }
        | AppError::NoCloud(NoCloudFile::NoMac(_)) => StatusCode::CONFLICT,
        AppError::Closed | AppError::Released | AppError::LinkEnded => StatusCode::GONE,
        AppError::Firmware(_) | AppError::Policy(_) => StatusCode::UNPROCESSABLE_ENTITY,
        AppError::Moved(_) | AppError::SecretChanged(_) => StatusCode::PRECONDITION_FAILED,
        AppError::Unconfirmed { .. } | AppError::Seal(SealError::Value) => StatusCode::BAD_REQUEST,
        AppError::Db(_)
        | AppError::Script(_)
        | AppError::Profile(_)
        | AppError::Seal(_)
        | AppError::Random(_)
        | AppError::Directory(_)
        | AppError::Kerberos(_)
        | AppError::Token(_)
        | AppError::Image(_)
        | AppError::BrokenOff
        | AppError::NoProfile(_)
        | AppError::NoScript { .. }
        | AppError::InstallerAsBoot { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for AppError {
    /// Machines are told no more than the kind of trouble; the log has the rest.
    fn into_response(self) -> Response {
        let status = status(&self);
        let error = chain(&self);
        if status.is_server_error() {
            tracing::error!(status = status.as_u16(), error, "request failed");
        } else {
            tracing::warn!(status = status.as_u16(), error, "request refused");
        }
        let text = match status {
            StatusCode::SERVICE_UNAVAILABLE => "not now: try again\n".to_owned(),
            status if status.is_server_error() => {
                "the server's log says what is wrong\n".to_owned()
            }
            _ => format!("{self}\n"),
        };
        let mut response = (status, text).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = axum::http::HeaderValue::from_static("2");
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// An error with its sources, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text.replace(['\r', '\n'], " ")
}

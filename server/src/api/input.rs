//! What requests bring: JSON, query parameters, names, generations.

use super::problem::Problem;
use crate::{
    link::MAX_MINUTES,
    mark::{Mark, Seen},
    time::{Seconds, Timestamp},
};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bootmint_image_factory::host::HostName;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

/// When a link ends that is to live for `minutes`.
pub(super) fn end_of_link(minutes: u32, now: Timestamp) -> Result<Timestamp, Problem> {
    if !(1..=MAX_MINUTES).contains(&minutes) {
        return Err(Problem::bad(format!("minutes: 1 to {MAX_MINUTES}")));
    }
    Ok(now.after(Seconds::new(minutes.saturating_mul(60))))
}

/// A JSON body; none at all counts as `{}`.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json = is_json(request.headers());
        let bytes = body(request, state).await?;
        if bytes.is_empty() {
            return parse(b"{}").map(Self);
        }
        // Not a form of another site's page: browsers send JSON across sites only if allowed.
        if !json {
            let detail = "send JSON, with Content-Type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        parse(&bytes).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"application/json"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| Problem::bad(format!("the body: {error}")))
}

/// The whole body, up to the limit.
pub(crate) async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state)
        .await
        .map_err(|error| Problem::new(error.status(), error.body_text()))
}

/// Query parameters.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(params) = Query::try_from_uri(&parts.uri)
            .map_err(|error| Problem::bad(format!("the query: {}", error.body_text())))?;
        Ok(Self(params))
    }
}

/// The host that the path names.
pub(crate) struct Named(pub(crate) HostName);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(name) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::bad(error.body_text()))?;
        name.parse().map(Self).map_err(|error| Problem::bad(format!("{error}")))
    }
}

/// Why something is done that needs no more words.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Why {
    /// Why, for the audit log.
    pub(crate) reason: String,
}

/// What `If-Match` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Nothing.
    Absent,
    /// Any generation.
    Any,
    /// This one.
    Generation(i64),
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if_match(&parts.headers)
    }
}

fn if_match(headers: &HeaderMap) -> Result<IfMatch, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(IfMatch::Absent) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(IfMatch::Any);
    }
    let digits = text.strip_prefix("\"g").and_then(|rest| rest.strip_suffix('"'));
    let generation = digits.and_then(|digits| digits.parse().ok());
    generation.map(IfMatch::Generation).ok_or_else(stale)
}

impl IfMatch {
    /// The generation that it names.
    pub(crate) fn named(self) -> Option<i64> {
        match self {
            Self::Generation(seen) => Some(seen),
            Self::Absent | Self::Any => None,
        }
    }

    /// The generation that a change rests on: it must be named.
    pub(crate) fn required(self, current: i64) -> Result<i64, Problem> {
        match self {
            Self::Absent => {
                let detail = "send If-Match with the ETag that you saw";
                Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, detail))
            }
            Self::Any => Ok(current),
            Self::Generation(seen) => Ok(seen),
        }
    }
}

/// What the `If-Match` or `If-None-Match` of a change says of what has no generation.
pub(crate) struct Rests(pub(crate) Seen);

impl<S: Send + Sync> FromRequestParts<S> for Rests {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        rests(&parts.headers).map(Self)
    }
}

fn rests(headers: &HeaderMap) -> Result<Seen, Problem> {
    let said = |name| Some(headers.get(name)?.to_str().unwrap_or_default().trim());
    match (said(header::IF_MATCH), said(header::IF_NONE_MATCH)) {
        (None | Some("*"), None) => Ok(Seen::Anything),
        (None, Some("*")) => Ok(Seen::Nothing),
        (Some(tag), None) => {
            let mark = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            mark.and_then(Mark::parse).map(Seen::This).ok_or_else(|| {
                let detail = "If-Match is no ETag that this has: read it again, then decide";
                Problem::new(StatusCode::PRECONDITION_FAILED, detail)
            })
        }
        _ => Err(Problem::bad("send If-Match with an ETag, or If-None-Match: *, not both")),
    }
}

/// An answer with its entity tag; nothing but the tag if that is what the asker knows.
pub(crate) fn tagged(headers: &HeaderMap, mark: &Mark, view: impl Serialize) -> Response {
    let tag = format!("\"{}\"", mark.as_str());
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    ([(header::ETAG, tag)], axum::Json(view)).into_response()
}

/// The host is not as it was when the sender looked.
pub(crate) fn stale() -> Problem {
    let detail = "the host has changed since you looked: read it again, then decide";
    Problem::new(StatusCode::PRECONDITION_FAILED, detail)
}

/// The ETag of a generation.
pub(crate) fn etag(generation: i64) -> String {
    format!("\"g{generation}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_names_a_generation_or_refuses() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, text.parse().unwrap());
            if_match(&headers)
        };
        assert_eq!(of(&etag(7)).unwrap(), IfMatch::Generation(7));
        assert_eq!(of("*").unwrap(), IfMatch::Any);
        for bad in ["", "g7", "\"7\"", "W/\"g7\"", "\"g7\", \"g8\""] {
            assert!(of(bad).is_err(), "{bad}");
        }
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), IfMatch::Absent);
    }

    #[test]
    fn a_change_says_what_it_rests_on_or_is_refused() {
        let of = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            rests(&headers)
        };
        let mark = Mark::of(&["x"]);
        let tag = format!("\"{}\"", mark.as_str());
        assert_eq!(of(&[("if-match", &tag)]).unwrap(), Seen::This(mark));
        assert_eq!(of(&[]).unwrap(), Seen::Anything);
        assert_eq!(of(&[("if-match", "*")]).unwrap(), Seen::Anything);
        assert_eq!(of(&[("if-none-match", "*")]).unwrap(), Seen::Nothing);
        for bad in [
            &[("if-match", "\"g7\"")][..],
            &[("if-match", "")],
            &[("if-none-match", &tag)],
            &[("if-match", &tag), ("if-none-match", "*")],
        ] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
    }
}

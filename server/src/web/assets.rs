//! The console's style and script, part of the program.

use crate::{api::problem::Problem, secret::Digest};
use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};
use std::sync::LazyLock;

const STYLE: &str = include_str!("assets/console.css");
const SCRIPT: &str = include_str!("assets/console.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Their paths change with their content, so that browsers may keep them.
static PATHS: LazyLock<[String; 2]> = LazyLock::new(|| {
    [("css", STYLE), ("js", SCRIPT)].map(|(end, text)| {
        let digest = Digest::of(text.as_bytes());
        let short = digest.as_str().get(..12).unwrap_or_default();
        format!("/assets/console.{end}?{short}")
    })
});

/// Where the style is.
pub(super) fn style_path() -> &'static str {
    &PATHS[0]
}

/// Where the script is.
pub(super) fn script_path() -> &'static str {
    &PATHS[1]
}

/// `GET /assets/{file}`.
pub(super) async fn serve(Path(file): Path<String>) -> Result<Response, Problem> {
    let (kind, text) = match file.as_str() {
        "console.css" => ("text/css; charset=utf-8", STYLE),
        "console.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Err(Problem::nothing_there()),
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, text).into_response())
}

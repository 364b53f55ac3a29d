//! The pinned tree by git: a shallow fetch, and the archive of one commit.

use super::{SourceError, origin::without_password, unpack};
use crate::{
    pin::Pin,
    progress::Progress,
    run::{Invocation, RunError},
};
use std::path::Path;

/// Git gives up when less than this many bytes a second came for [`STALL_SECONDS`].
const STALL_BYTES: u32 = 1000;
const STALL_SECONDS: u32 = 30;

/// Git in `repository`, without what the user's environment says about other repositories, and
/// without asking for passwords, which nobody may be there to type.
fn git(repository: &Path) -> Invocation {
    let other_repository = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"];
    let git =
        other_repository.iter().fold(Invocation::new("git"), |git, name| git.env_remove(name));
    let git = git.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").arg("-C").arg(repository);
    // Line ends belong to the tree id: a user's preference must not change them.
    git.args(["-c", "core.autocrlf=false", "-c", "core.eol=lf", "-c", "core.attributesFile="])
}

/// Fetches the pinned commit, and no history, from `url` into the new bare `repository`.
pub(super) fn fetch(
    url: &str,
    pin: &Pin,
    repository: &Path,
    progress: &mut dyn Progress,
) -> Result<(), SourceError> {
    let init = Invocation::new("git").args(["init", "--quiet", "--bare"]).arg(repository);
    init.stream(&mut |said| progress.said(said))?;
    let by_commit = fetch_ref(url, &pin.commit.to_string(), repository, progress);
    let Err(error) = by_commit else { return Ok(()) };
    // Many servers give out what has a name only.
    let Some(tag) = pin.tag.as_ref().filter(|_| matches!(error, RunError::Failed { .. })) else {
        return Err(error.into());
    };
    fetch_ref(url, &format!("refs/tags/{tag}"), repository, progress).map_err(|_| error)?;
    Ok(())
}

fn fetch_ref(
    url: &str,
    wanted: &str,
    repository: &Path,
    progress: &mut dyn Progress,
) -> Result<(), RunError> {
    git(repository)
        .arg("-c")
        .arg(format!("http.lowSpeedLimit={STALL_BYTES}"))
        .arg("-c")
        .arg(format!("http.lowSpeedTime={STALL_SECONDS}"))
        .args(["fetch", "--quiet", "--no-tags", "--depth", "1", "--", url, wanted])
        .remedy(format!(
            "is {} within reach and open to you? A proxy is taken from https_proxy",
            without_password(url)
        ))
        .stream(&mut |said| progress.said(said))
}

/// Unpacks the pinned commit of `repository` into the new folder `target`.
pub(super) fn archive(
    repository: &Path,
    pin: &Pin,
    target: &Path,
    progress: &mut dyn Progress,
) -> Result<(), SourceError> {
    let commit = pin.commit.to_string();
    let exists = git(repository).args(["cat-file", "-e"]).arg(format!("{commit}^{{tree}}"));
    match exists.capture(&mut |said| progress.said(said)) {
        Err(RunError::Failed { lines, .. }) if !is_other_trouble(&lines) => {
            return Err(SourceError::LacksCommit {
                folder: repository.to_owned(),
                commit,
                version: pin.version.clone(),
                upstream: pin.git.clone(),
            });
        }
        result => result.map(drop)?,
    }
    git(repository)
        .args(["archive", "--format=tar", commit.as_str()])
        .pipe(&mut |said| progress.said(said), |output| {
            unpack::tar(output, "git archive", target)
        })??;
    Ok(())
}

/// Whether git failed for another reason than that it has no such object.
fn is_other_trouble(lines: &[String]) -> bool {
    ["dubious ownership", "not a git repository", "ermission denied"]
        .iter()
        .any(|trouble| lines.iter().any(|line| line.contains(trouble)))
}

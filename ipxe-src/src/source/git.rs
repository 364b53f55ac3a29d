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

/// How much of what leads to a commit comes with it.
#[derive(Clone, Copy, Debug)]
enum History {
    /// Nothing.
    Left,
    /// All of it.
    Taken,
}

/// Fetches the pinned commit from `url` into the new bare `repository`, without history where the
/// server can leave it out.
pub(super) fn fetch(
    url: &str,
    pin: &Pin,
    repository: &Path,
    progress: &mut dyn Progress,
) -> Result<(), SourceError> {
    let init = Invocation::new("git").args(["init", "--quiet", "--bare"]).arg(repository);
    init.stream(&mut |said| progress.said(said))?;
    let by_commit = fetch_ref(url, &pin.commit.to_string(), History::Left, repository, progress);
    let Err(error) = by_commit else { return Ok(()) };
    let (Some(tag), RunError::Failed { lines, .. }) = (&pin.tag, &error) else {
        return Err(error.into());
    };
    // Many servers give out what has a name only; a web server with a repository's files in a
    // folder ("dumb http" to git) knows no commits at all, so it cannot leave any out.
    let files_only = lines.iter().any(|line| line.contains("dumb http"));
    let history = if files_only { History::Taken } else { History::Left };
    let tag = format!("refs/tags/{tag}");
    fetch_ref(url, &tag, history, repository, progress).map_err(|_| error)?;
    Ok(())
}

fn fetch_ref(
    url: &str,
    wanted: &str,
    history: History,
    repository: &Path,
    progress: &mut dyn Progress,
) -> Result<(), RunError> {
    git(repository)
        .arg("-c")
        .arg(format!("http.lowSpeedLimit={STALL_BYTES}"))
        .arg("-c")
        .arg(format!("http.lowSpeedTime={STALL_SECONDS}"))
        .args(["fetch", "--quiet", "--no-tags"])
        .args(match history {
            History::Left => &["--depth", "1"][..],
            History::Taken => &[],
        })
        .args(["--", url, wanted])
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

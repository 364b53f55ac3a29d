//! The editor of OS profiles: a form that is checked, previewed for a host, and then published.
//! Whatever is wrong, it comes back with what was typed.

use super::{
    page::{self, Fields, Frame, Notice, Visitor},
    profiles::{list, mendable},
};
use crate::{
    api::{
        hosts::TextView,
        input::Params,
        problem::{FaultView, Problem},
        profiles::{Which, no_profile},
        publish::{fault_views, faulty, no_files, policy_change, shown_host},
    },
    app::{App, Checked, Origin, Publication, PublishError, Source},
    script::{
        Files, NoFiles, PROFILE_FILE,
        diff::{self, FileDiff},
    },
    time::Timestamp,
};
use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use bootmint_image_factory::host::Name;
use serde::Deserialize;
use std::sync::Arc;

/// How many hosts are proposed for a preview.
const PROPOSED: usize = 50;

/// A file in the form.
struct FileForm {
    name: String,
    text: String,
    removed: bool,
}

/// Somebody else published meanwhile.
struct Conflict {
    base: i64,
    newest: i64,
    /// What they changed.
    theirs: Vec<FileDiff>,
    /// What publishing this would change of that.
    own: Vec<FileDiff>,
}

#[derive(Template)]
#[template(path = "profile_edit.html")]
struct Editor {
    frame: Frame,
    notice: Option<Notice>,
    name: Name,
    base: i64,
    is_new: bool,
    files: Vec<FileForm>,
    faults: Vec<FaultView>,
    known: Vec<FaultView>,
    host: String,
    hosts: Vec<String>,
    texts: Vec<TextView>,
    reason: String,
    conflict: Option<Conflict>,
}

impl Editor {
    async fn new(app: &App, visitor: &Visitor, name: Name, base: i64) -> Result<Self, Problem> {
        let users = app.users_of(&name).await?;
        let seen = users.iter().filter(|host| visitor.caller.may(host)).take(PROPOSED);
        let hosts: Vec<_> = seen.map(|host| host.name.to_string()).collect();
        let is_new = base == 0 && app.profiles().get(name.as_str()).is_err();
        let title = if is_new { format!("New OS profile {name}") } else { format!("Edit {name}") };
        Ok(Self {
            frame: Frame::new(visitor, "/profiles", title),
            notice: None,
            base,
            is_new,
            files: Vec::new(),
            faults: Vec::new(),
            known: Vec::new(),
            host: hosts.first().cloned().unwrap_or_default(),
            hosts,
            texts: Vec::new(),
            reason: String::new(),
            conflict: None,
            name,
        })
    }

    fn fill(&mut self, files: &Files) {
        let form = |(name, text): (&str, &str)| FileForm {
            name: name.to_owned(),
            text: text.to_owned(),
            removed: false,
        };
        self.files = files.iter().map(form).collect();
    }

    /// The field of a file, for links to it.
    fn field(&self, file: &str) -> Option<usize> {
        self.files.iter().position(|form| form.name == file)
    }

    /// The line of a fault, as it was typed.
    fn line(&self, fault: &FaultView) -> &str {
        let file = fault.file.as_deref().unwrap_or_default();
        let form = self.files.iter().find(|form| form.name == file);
        let index = usize::try_from(fault.row).ok().and_then(|row| row.checked_sub(1));
        form.zip(index).and_then(|(form, index)| form.text.lines().nth(index)).unwrap_or_default()
    }

    fn bad(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), good: false });
    }

    /// What is wrong, where it can be mended.
    fn wrong(mut self, problem: &Problem) -> Result<Response, Problem> {
        self.faults.clone_from(&problem.faults);
        self.bad(problem.detail.clone());
        page::refuse(&self, problem)
    }
}

/// What a new profile is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    #[serde(default)]
    name: String,
    #[serde(default)]
    from: String,
}

/// `GET /new-profile`: a form that publishes nothing yet.
pub(super) async fn new(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Params(new): Params<New>,
) -> Result<Response, Problem> {
    let name: Name = match new.name.trim().parse() {
        Ok(name) => name,
        Err(error) => {
            let problem = Problem::bad(format!("{error}"));
            let notice = Notice { text: problem.detail.clone(), good: false };
            return page::refuse(&list(&app, &visitor, Some(notice)), &problem);
        }
    };
    let base = seen_version(&app, &name).await?;
    if app.profiles().get(name.as_str()).is_ok() {
        return Ok(Redirect::to(&format!("/profiles/{name}/edit")).into_response());
    }
    let files = match new.from.as_str() {
        "" => scratch(&name)?,
        from => {
            let from: Name = from.parse().map_err(|error| Problem::bad(format!("{error}")))?;
            let found = app.profile_files(&from, Source::Current).await?;
            found.ok_or_else(|| no_profile(&from))?
        }
    };
    let mut editor = Editor::new(&app, &visitor, name, base).await?;
    editor.fill(&files);
    page::show(&editor)
}

/// What a profile begins with that is no other's copy.
fn scratch(name: &Name) -> Result<Files, Problem> {
    let text = format!(
        "title = \"{name}\"\n\n# Kernel and initrds: paths below the served files, or URLs. \
         docs/templates.md lists all keys.\n[install]\nkernel = \"{name}/linux\"\n\
         initrd = [\"{name}/initrd.gz\"]\n\
         arguments = \"hostname={{{{ host.short }}}}\"\n\
         # answers = {{ \"ks.cfg\" = \"kickstart\" }}\n"
    );
    Files::new([(PROFILE_FILE.to_owned(), text)]).map_err(|error| no_files(&error))
}

/// `GET /profiles/{profile}/edit`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Which(name, _): Which,
) -> Result<Response, Problem> {
    let base = seen_version(&app, &name).await?;
    let files = app.profile_files(&name, Source::Current).await?;
    let files = files.ok_or_else(|| no_profile(&name))?;
    let mut editor = Editor::new(&app, &visitor, name, base).await?;
    editor.fill(&files);
    page::show(&editor)
}

/// The newest version, from which on what is shown is as new or newer: should it be newer,
/// publishing over it is refused.
async fn seen_version(app: &App, name: &Name) -> Result<i64, Problem> {
    let base = app.newest_version(name).await?.map_or(0, |newest| newest.version);
    // Another replica may have published it a moment ago.
    app.refresh_profiles().await?;
    Ok(base)
}

/// `POST /profiles/{profile}/edit`: checks, previews or publishes what was typed.
pub(super) async fn run(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Which(name, _): Which,
    fields: Fields,
) -> Result<Response, Problem> {
    let base = fields.get("base").parse().unwrap_or(0);
    let mut editor = Editor::new(&app, &visitor, name.clone(), base).await?;
    fields.get("reason").clone_into(&mut editor.reason);
    fields.get("host").clone_into(&mut editor.host);
    let before = app.profile_files(&name, Source::Current).await?.unwrap_or_default();
    editor.files = typed(&fields, &before);
    let kept = editor.files.iter().filter(|form| !form.removed);
    let sent = kept.map(|form| (form.name.clone(), form.text.clone()));
    let files = match Files::new(sent) {
        Ok(files) => files,
        Err(error) => {
            let problem = no_files(&error);
            if let NoFiles::Name(_) = error {
                let detail = format!("{error}. Nothing was published");
                return editor.wrong(&Problem { detail, ..problem });
            }
            return editor.wrong(&problem);
        }
    };
    match fields.get("do") {
        "preview" => preview(&app, &visitor, editor, &files).await,
        "publish" => publish(&app, &visitor, editor, files).await,
        _ => check(&app, editor, &files).await,
    }
}

/// The files of the form. Browsers end the lines of a form as Windows does.
fn typed(fields: &Fields, before: &Files) -> Vec<FileForm> {
    let removed: Vec<usize> = fields.all("remove").filter_map(|at| at.parse().ok()).collect();
    let pairs = fields.all("name").zip(fields.all("text"));
    let form = |(index, (name, text)): (usize, (&str, &str))| {
        let (name, text) = (name.trim().to_owned(), text.replace("\r\n", "\n"));
        // A file of Windows stays one.
        let windows = before.get(&name).is_some_and(|text| {
            text.contains("\r\n") && text.matches('\n').count() == text.matches("\r\n").count()
        });
        let text = if windows { text.replace('\n', "\r\n") } else { text };
        FileForm { name, text, removed: removed.contains(&index) }
    };
    let forms = pairs.enumerate().map(form);
    forms.filter(|form| !form.name.is_empty() || !form.text.trim().is_empty()).collect()
}

async fn check(app: &Arc<App>, mut editor: Editor, files: &Files) -> Result<Response, Problem> {
    let checked = app.check_profile(&editor.name, files).await?;
    editor.known = fault_views(&checked.known);
    if !checked.faults.is_empty() {
        return editor.wrong(&faulty(&checked));
    }
    editor.notice = Some(Notice::done(told(&checked)));
    page::show(&editor)
}

fn told(checked: &Checked) -> String {
    let Checked { users, rendered, .. } = checked;
    match users {
        0 => "It has no fault. No host uses it yet: preview it for one.".to_owned(),
        _ if rendered < users => format!(
            "It has no fault. It was rendered for {rendered} of {users} hosts; `bootmint lint` \
             tries the others."
        ),
        _ => format!("It has no fault, with any of the {users} hosts that use it."),
    }
}

async fn preview(
    app: &Arc<App>,
    visitor: &Visitor,
    mut editor: Editor,
    files: &Files,
) -> Result<Response, Problem> {
    let host = match shown_host(app, &visitor.caller, &editor.host).await {
        Ok(host) => host,
        Err(problem) if problem.status == StatusCode::FORBIDDEN => return Err(problem),
        Err(problem) if problem.status.is_client_error() => return editor.wrong(&problem),
        Err(problem) => return Err(problem),
    };
    match app.preview_profile(&editor.name, files, &host).await? {
        Ok(texts) => {
            let view = |one: crate::app::Text| TextView { title: one.title, text: one.text };
            editor.texts = texts.into_iter().map(view).collect();
            let text = format!("This is what {} would be sent. See below.", host.name);
            editor.notice = Some(Notice::done(text));
            page::show(&editor)
        }
        Err(checked) => editor.wrong(&faulty(&checked)),
    }
}

async fn publish(
    app: &Arc<App>,
    visitor: &Visitor,
    mut editor: Editor,
    files: Files,
) -> Result<Response, Problem> {
    let (name, base) = (editor.name.clone(), editor.base);
    let actor = visitor.caller.actor().because(&editor.reason);
    let origin = Origin::Written(files.clone());
    let wanted = Publication {
        profile: &name,
        base,
        origin,
        actor: &actor,
        policy: policy_change(&visitor.caller),
    };
    match app.publish_profile(&wanted, Timestamp::now()).await {
        Ok(_) => Ok(Redirect::to(&format!("/profiles/{name}?published")).into_response()),
        Err(error @ PublishError::Stale { newest }) => {
            editor.conflict = Some(conflict(app, &name, (base, newest), &files).await?);
            // What they saw of it, they may publish over.
            editor.base = newest;
            editor.wrong(&error.into())
        }
        Err(error) => {
            if let PublishError::Faults(checked) = &error {
                editor.known = fault_views(&checked.known);
            }
            let by_leaving_it_out = matches!(error, PublishError::Policy);
            let problem = Problem::from(error);
            if by_leaving_it_out || mendable(&problem) {
                editor.wrong(&problem)
            } else {
                Err(problem)
            }
        }
    }
}

async fn conflict(
    app: &App,
    name: &Name,
    (base, newest): (i64, i64),
    own: &Files,
) -> Result<Conflict, Problem> {
    app.refresh_profiles().await?;
    let source = if base == 0 { Source::Folder } else { Source::Version(base) };
    let seen = app.profile_files(name, source).await?.unwrap_or_default();
    let theirs = app.profile_files(name, Source::Current).await?.unwrap_or_default();
    let (own, theirs) = (diff::diff(&theirs, own), diff::diff(&seen, &theirs));
    Ok(Conflict { base, newest, theirs, own })
}

//! A route: method, path, who may use it, what it takes and gives. The interface's table and the
//! console's are made of them.

use super::openapi::{Content, Shape};
use crate::{
    app::App,
    auth::{Permission, Place},
};
use axum::routing::MethodRouter;
use std::sync::Arc;

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes, or orders.
    Post,
    /// Changes the whole.
    Put,
    /// Changes a part.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What a permission must reach to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Some hosts: the handler looks at which.
    Hosts,
    /// Everything: a scope is not enough.
    Everything,
}

impl Reach {
    /// What the gate itself asks for.
    pub(crate) fn place(self) -> Place<'static> {
        match self {
            Self::Hosts => Place::Somewhere,
            Self::Everything => Place::Everywhere,
        }
    }
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody: it proves itself, or is no secret.
    Anybody,
    /// Everybody who is known.
    Known,
    /// Who has the permission.
    Needs(Permission, Reach),
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// What it does, in a line.
    pub about: &'static str,
    /// The query parameters, each with what it means.
    pub query: &'static [(&'static str, &'static str)],
    pub(in crate::api) takes: Option<Content>,
    pub(in crate::api) gives: Option<Content>,
    /// Whether it is asked so often that its requests are no news.
    pub(in crate::api) quiet: bool,
    /// Whether it takes `If-Match`, with the `ETag` of what it changes.
    pub(in crate::api) guarded: bool,
    /// Whether it makes much work, so that it has limits of its own.
    pub(in crate::api) heavy: bool,
    handler: fn() -> MethodRouter<Arc<App>>,
}

impl Route {
    /// The handler, for its method.
    pub(crate) fn methods(&self) -> MethodRouter<Arc<App>> {
        (self.handler)()
    }

    pub(super) const fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    pub(super) const fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    pub(crate) const fn heavy(mut self) -> Self {
        self.heavy = true;
        self
    }

    pub(super) const fn guarded(mut self) -> Self {
        self.guarded = true;
        self
    }

    pub(super) const fn takes(mut self, shape: Shape) -> Self {
        self.takes = Some(Content::Json(shape));
        self
    }

    pub(super) const fn takes_raw(mut self, kind: &'static str) -> Self {
        self.takes = Some(Content::Raw(kind));
        self
    }

    pub(super) const fn gives(mut self, shape: Shape) -> Self {
        self.gives = Some(Content::Json(shape));
        self
    }

    pub(super) const fn gives_raw(mut self, kind: &'static str) -> Self {
        self.gives = Some(Content::Raw(kind));
        self
    }
}

pub(crate) const fn route(
    method: Method,
    path: &'static str,
    access: Access,
    about: &'static str,
    handler: fn() -> MethodRouter<Arc<App>>,
) -> Route {
    Route {
        method,
        path,
        access,
        about,
        query: &[],
        takes: None,
        gives: None,
        quiet: false,
        guarded: false,
        heavy: false,
        handler,
    }
}

pub(crate) const fn on_hosts(permission: Permission) -> Access {
    Access::Needs(permission, Reach::Hosts)
}

pub(crate) const fn on_all(permission: Permission) -> Access {
    Access::Needs(permission, Reach::Everything)
}

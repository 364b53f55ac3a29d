//! A browser without a network: it keeps a cookie and fills forms.

use crate::{
    api::tests::desk::{Answer, Desk},
    auth::{Credentials, Password, UserName},
    db::Actor,
    time::Timestamp,
};
use axum::{body::Body, http::Request};

pub(super) const PASSWORD: &str = "correct horse battery";

/// Somebody's browser.
pub(super) struct Browser<'d> {
    desk: &'d Desk,
    pub(super) cookie: String,
    pub(super) form: String,
}

/// The cookie that an answer sets.
pub(super) fn cookie_of(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

impl<'d> Browser<'d> {
    /// One that nobody has signed in with.
    pub(super) fn new(desk: &'d Desk) -> Self {
        Self { desk, cookie: String::new(), form: String::new() }
    }

    /// One of a new person with these roles.
    pub(super) async fn of(desk: &'d Desk, name: &str, roles: &str) -> Self {
        let (user, grants): (UserName, _) = (name.parse().unwrap(), roles.parse().unwrap());
        let (root, now) = (Actor::person("root"), Timestamp::now());
        let once = desk.app.add_account(&user, &grants, true, &root, now).await.unwrap().unwrap();
        let new = Password::new(PASSWORD);
        desk.app
            .prove(&Credentials::new(name, &once).renewing(Some(&new)), &root, now)
            .await
            .unwrap();
        let mut browser = Self::new(desk);
        let answer = browser.sign_in(name, PASSWORD, "").await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        browser
    }

    /// Signs in, and takes the form's token from the first page.
    pub(super) async fn sign_in(&mut self, name: &str, password: &str, next: &str) -> Answer {
        let fields = [("user", name), ("password", password), ("next", next)];
        let answer = self.post("/sign-in", &fields).await;
        if !cookie_of(&answer).is_empty() {
            self.cookie = cookie_of(&answer);
            let page = self.get("/me").await.text();
            let start = page.find("name=\"form\" value=\"").unwrap() + 19;
            page[start..start + 64].clone_into(&mut self.form);
        }
        answer
    }

    pub(super) async fn send(&self, line: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        if !self.cookie.is_empty() {
            request = request.header("cookie", &self.cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.desk.send(request.body(Body::from(body)).unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), &[("sec-fetch-site", "same-origin")], String::new()).await
    }

    /// Sends a form of this session.
    pub(super) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let headers = [
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.send(&format!("POST {path}"), &headers, self.filled(fields)).await
    }

    /// The fields, with the session's token.
    pub(super) fn filled(&self, fields: &[(&str, &str)]) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(fields.iter().filter(|(_, value)| !value.is_empty()));
        if !self.form.is_empty() {
            text.append_pair("form", &self.form);
        }
        text.finish()
    }
}

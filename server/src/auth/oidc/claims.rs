//! What the provider says of a person, once it is proved that the provider says it.

use super::{
    config::OidcConfig,
    error::{OidcError, said},
};
use crate::auth::ldap::{Person, PersonId, Refusal};
use serde_json::{Map, Value};

/// The most groups of one person that are read.
const MAX_GROUPS: usize = 2000;
/// The longest name of a person at the provider, in characters (OpenID Connect Core, section 2).
const MAX_SUBJECT: usize = 255;

/// Claims of a person, by name.
pub(super) type Claims = Map<String, Value>;

/// Whether the ID token alone says all that is needed.
pub(super) fn are_whole(claims: &Claims, config: &OidcConfig) -> bool {
    claims.contains_key(&config.name_claim) && claims.contains_key(&config.groups_claim)
}

/// The claims of the ID token, with those of the userinfo endpoint that it lacks.
pub(super) fn joined(mut token: Claims, userinfo: Claims) -> Result<Claims, OidcError> {
    if token.get("sub") != userinfo.get("sub") {
        return Err(OidcError::Answer("its userinfo is of somebody else".to_owned()));
    }
    for (name, value) in userinfo {
        token.entry(name).or_insert(value);
    }
    Ok(token)
}

/// Who signed in, and what their groups grant.
pub(super) fn person(claims: &Claims, config: &OidcConfig) -> Result<Person, OidcError> {
    let refused = |why| Err(OidcError::Refused(why));
    let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    if subject.is_empty() || subject.chars().count() > MAX_SUBJECT {
        return Err(OidcError::Answer("it does not say whom it is about".to_owned()));
    }
    let Some(name) = claims.get(&config.name_claim).and_then(Value::as_str) else {
        return refused(Refusal::NoName);
    };
    if config.name_claim == "email" && is_unverified(claims) {
        return refused(Refusal::Unverified);
    }
    let Ok(name) = name.parse::<crate::auth::UserName>() else { return refused(Refusal::NotAName) };
    let Some(groups) = groups(claims, &config.groups_claim) else {
        return refused(Refusal::TooManyGroups);
    };
    let grants = config.grants(&groups);
    if grants.is_empty() {
        return refused(Refusal::NoGroup);
    }
    let shown = claims.get("name").and_then(Value::as_str).unwrap_or(name.as_str());
    Ok(Person {
        id: PersonId::of_subject(&config.issuer, subject),
        name: name.to_string(),
        shown: said(shown),
        grants,
    })
}

/// A provider that says nothing of it has not verified it.
fn is_unverified(claims: &Claims) -> bool {
    match claims.get("email_verified") {
        Some(Value::Bool(verified)) => !verified,
        Some(Value::String(text)) => text != "true",
        _ => true,
    }
}

/// The person's groups; nothing if there are more than can be listed.
fn groups<'c>(claims: &'c Claims, name: &str) -> Option<Vec<&'c str>> {
    match claims.get(name) {
        Some(Value::String(one)) => Some(vec![one]),
        Some(Value::Array(all)) if all.len() > MAX_GROUPS => None,
        Some(Value::Array(all)) => Some(all.iter().filter_map(Value::as_str).collect()),
        // Distributed claims (OpenID Connect Core, section 5.6.2): they are elsewhere. Entra ID
        // does so for people with many groups.
        _ if claims.get("_claim_names").is_some_and(|names| names.get(name).is_some()) => None,
        _ => Some(Vec::new()),
    }
}

/// Whether they signed in at the provider as the configuration asks.
pub(super) fn is_strong(claims: &Claims, config: &OidcConfig) -> bool {
    let acr = claims.get("acr").and_then(Value::as_str);
    let amr: Vec<_> = claims.get("amr").and_then(Value::as_array).into_iter().flatten().collect();
    let known = |wanted: &String| amr.iter().any(|one| one.as_str() == Some(wanted));
    (config.acr.is_empty() || acr.is_some_and(|acr| config.acr.iter().any(|one| one == acr)))
        && config.amr.iter().all(known)
}

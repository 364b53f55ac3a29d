//! What a provider that lies, or whose answers were tampered with, gets anybody into: nothing.

pub(crate) mod hostile;

use super::*;
use crate::{auth::ldap::Refusal, time::Timestamp};
use hostile::{Hostile, Key};
use serde_json::{Value, json};

/// What comes of a sign-in at which the provider gives a token with these changes.
async fn sign_in(hostile: &Hostile, changes: Value) -> Result<Vouched, OidcError> {
    let provider = Provider::new(hostile.config("")).unwrap();
    redeem(&provider, hostile, changes).await
}

async fn redeem(
    provider: &Provider,
    hostile: &Hostile,
    changes: Value,
) -> Result<Vouched, OidcError> {
    let key = FlowKey::random().unwrap();
    hostile.say(&key, changes);
    let iss = Some(hostile.issuer.clone());
    let returned = Returned { code: "code".into(), iss, ..Returned::default() };
    provider.redeem(&key, &returned, Timestamp::now()).await
}

fn says(result: Result<Vouched, OidcError>, wanted: &str) {
    let error = result.unwrap_err().to_string();
    assert!(error.contains(wanted), "{wanted}: {error}");
}

#[tokio::test]
async fn a_token_that_is_right_lets_its_person_in() {
    let hostile = Hostile::start();
    let vouched = sign_in(&hostile, json!({})).await.unwrap();
    assert_eq!((vouched.person.name.as_str(), vouched.person.shown.as_str()), ("alice", "Alice"));
    assert_eq!(vouched.person.grants.to_string(), "viewer");
    assert_eq!(vouched.refresh.as_deref(), Some("refresh-1"));
    // What was sent: the secret in a header, and the proof of RFC 7636.
    let asked = hostile.asked("/token");
    assert!(asked.contains("authorization: Basic") && asked.contains("code_verifier="), "{asked}");
    let more = json!({ "aud": ["bootmint"], "azp": "bootmint", "exp": hostile::now() - 30 });
    assert!(sign_in(&hostile, more).await.is_ok(), "clocks differ a little");
}

#[tokio::test]
async fn a_token_that_is_wrong_lets_nobody_in() {
    let hostile = Hostile::start();
    let now = hostile::now();
    for (changes, wanted) in [
        (json!({ "nonce": "another" }), "another sign-in"),
        (json!({ "nonce": null }), "another sign-in"),
        (json!({ "iss": "https://evil.example" }), "another issuer"),
        (json!({ "aud": "another" }), "another client (aud)"),
        (json!({ "aud": ["bootmint", "another"] }), "another client (aud)"),
        (json!({ "azp": "another" }), "another client (azp)"),
        (json!({ "exp": now - 120 }), "its time is over"),
        (json!({ "iat": now + 120 }), "not issued now"),
        (json!({ "iat": now - 3600 }), "not issued now"),
        (json!({ "sub": "" }), "whom it is about"),
    ] {
        says(sign_in(&hostile, changes).await, wanted);
    }
}

#[tokio::test]
async fn a_signature_that_anybody_can_make_lets_nobody_in() {
    let hostile = Hostile::start();
    for key in [Key::None, Key::Hmac, Key::Stranger] {
        hostile.sign_with(key);
        let error = sign_in(&hostile, json!({})).await.unwrap_err();
        assert!(matches!(error, OidcError::Answer(_)), "{key:?}: {error}");
    }
    hostile.sign_with(Key::First);
    assert!(sign_in(&hostile, json!({})).await.is_ok());
}

#[tokio::test]
async fn a_new_key_is_fetched_once_in_a_while() {
    let hostile = Hostile::start();
    let provider = Provider::new(hostile.config("")).unwrap();
    assert!(redeem(&provider, &hostile, json!({})).await.is_ok());
    hostile.sign_with(Key::Second);
    assert!(redeem(&provider, &hostile, json!({})).await.is_ok(), "it is published by now");
    let fetched = hostile.count("/keys");
    hostile.sign_with(Key::Unpublished);
    for _ in 0..3 {
        says(redeem(&provider, &hostile, json!({})).await, "does not publish");
    }
    assert_eq!((fetched, hostile.count("/keys")), (2, 2), "strangers make nobody ask for keys");
}

#[tokio::test]
async fn a_person_needs_a_name_and_a_group_that_counts() {
    let hostile = Hostile::start();
    hostile.inform(json!({ "sub": "s1" }));
    let refused = async |changes, why| {
        let error = sign_in(&hostile, changes).await.unwrap_err();
        assert_eq!(error, OidcError::Refused(why));
    };
    refused(json!({ "groups": ["others"] }), Refusal::NoGroup).await;
    refused(json!({ "groups": [7, null] }), Refusal::NoGroup).await;
    refused(json!({ "groups": vec!["x"; 2001] }), Refusal::TooManyGroups).await;
    let elsewhere = json!({ "groups": null, "_claim_names": { "groups": "src1" } });
    refused(elsewhere, Refusal::TooManyGroups).await;
    refused(json!({ "preferred_username": "a b" }), Refusal::NotAName).await;
    refused(json!({ "preferred_username": null }), Refusal::NoName).await;
    let one = sign_in(&hostile, json!({ "groups": "staff" })).await.unwrap();
    assert_eq!(one.person.grants.to_string(), "viewer");
    let other = sign_in(&hostile, json!({ "sub": "another" })).await.unwrap();
    assert_ne!(one.person.id, other.person.id, "a name is nobody's for good");
}

#[tokio::test]
async fn what_the_token_lacks_is_asked_for_but_not_of_somebody_else() {
    let hostile = Hostile::start();
    hostile.inform(json!({ "sub": "s1", "groups": ["staff"] }));
    let vouched = sign_in(&hostile, json!({ "groups": null })).await.unwrap();
    assert_eq!(vouched.person.grants.to_string(), "viewer");
    assert!(hostile.asked("/userinfo").contains("authorization: Bearer access"));
    hostile.inform(json!({ "sub": "s2", "groups": ["staff"] }));
    says(sign_in(&hostile, json!({ "groups": null })).await, "somebody else");
    hostile.inform(json!({ "sub": "s1", "padding": "x".repeat(300 << 10) }));
    says(sign_in(&hostile, json!({ "groups": null })).await, "longer than");
}

#[tokio::test]
async fn a_stronger_sign_in_can_be_asked_for() {
    let hostile = Hostile::start();
    let strong = "require-acr = [\"gold\"]\nrequire-amr = [\"mfa\"]\n";
    let provider = Provider::new(hostile.config(strong)).unwrap();
    let key = FlowKey::random().unwrap();
    let to = provider.entrance(&key).await.unwrap();
    assert!(to.query().unwrap().contains("acr_values=gold"), "{to}");
    for (changes, good) in [
        (json!({}), false),
        (json!({ "acr": "gold" }), false),
        (json!({ "acr": "tin", "amr": ["mfa"] }), false),
        (json!({ "acr": "gold", "amr": ["pwd", "mfa"] }), true),
    ] {
        assert_eq!(redeem(&provider, &hostile, changes).await.is_ok(), good);
    }
}

#[tokio::test]
async fn the_way_back_names_the_issuer_or_what_went_wrong() {
    let hostile = Hostile::start();
    let provider = Provider::new(hostile.config("")).unwrap();
    let key = FlowKey::random().unwrap();
    hostile.say(&key, json!({}));
    let come = async |iss: Option<&str>, error: Option<&str>| {
        let returned = Returned {
            code: "code".into(),
            iss: iss.map(str::to_owned),
            error: error.map(str::to_owned),
            description: "no\nway".into(),
            ..Returned::default()
        };
        provider.redeem(&key, &returned, Timestamp::now()).await
    };
    says(come(Some("https://evil.example"), None).await, "another issuer");
    says(come(None, None).await, "which issuer");
    let own = hostile.issuer.clone();
    says(come(Some(&own), Some("access_denied")).await, "access_denied no?way");
    assert_eq!(hostile.count("/token"), 0, "no code was shown to anybody");
    assert!(come(Some(&own), None).await.is_ok());
    hostile.refuse("invalid_grant");
    says(come(Some(&own), None).await, "invalid_grant");
}

#[tokio::test]
async fn who_sends_people_on_asks_for_a_code_with_proof() {
    let hostile = Hostile::start();
    let provider = Provider::new(hostile.config("")).unwrap();
    let key = FlowKey::random().unwrap();
    let to = provider.entrance(&key).await.unwrap();
    let has = |name: &str| {
        let found = to.query_pairs().find(|(found, _)| found == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    assert_eq!(
        (has("response_type"), has("code_challenge_method")),
        ("code".into(), "S256".into())
    );
    assert_eq!(has("state"), key.state().as_str());
    assert_eq!(has("scope"), "openid profile email");
    assert!(has("redirect_uri").ends_with(CALLBACK));
    for secret in [key.reveal(), key.verifier().as_str(), hostile::SECRET] {
        assert!(!to.as_str().contains(secret));
    }
}

#[tokio::test]
async fn a_provider_that_does_not_fit_is_told_from_one_that_is_down() {
    let hostile = Hostile::start();
    let good = Provider::new(hostile.config("")).unwrap().probe().await;
    assert!(good.faults.is_empty(), "{good:?}");
    assert!(good.good.iter().any(|line| line.contains("/sign-in/oidc/callback")), "{good:?}");
    for (changes, wanted) in [
        (json!({ "issuer": "https://evil.example" }), "calls itself"),
        (json!({ "response_types_supported": ["id_token"] }), "authorization code flow"),
        (json!({ "code_challenge_methods_supported": ["plain"] }), "PKCE with S256"),
        (json!({ "id_token_signing_alg_values_supported": ["HS256", "none"] }), "signs ID tokens"),
        (json!({ "token_endpoint": "http://evil.example/token" }), "is not HTTPS"),
        (json!({ "token_endpoint": null }), "is not what it should be"),
    ] {
        hostile.pretend(changes);
        let provider = Provider::new(hostile.config("")).unwrap();
        let found = provider.probe().await;
        assert!(found.faults.iter().any(|fault| fault.contains(wanted)), "{wanted}: {found:?}");
        assert!(provider.entrance(&FlowKey::random().unwrap()).await.unwrap_err().is_outage());
    }
    hostile.pretend(json!({ "code_challenge_methods_supported": null }));
    let found = Provider::new(hostile.config("")).unwrap().probe().await;
    assert!(found.faults.is_empty() && found.notes.iter().any(|note| note.contains("PKCE")));
    hostile.pretend(json!({}));
    let config = hostile.config("");
    drop(hostile);
    let found = Provider::new(config).unwrap().probe().await;
    assert!(found.faults[0].contains("cannot be reached"), "{found:?}");
}

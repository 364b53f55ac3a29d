//! What a domain controller says of people, and what comes of it.

use crate::{
    admin::Admin,
    directory, refusal,
    samba::{self, BASE, Samba},
    sign_in,
};
use bootmint_server::{
    auth::ldap::{Directory, Refusal, SignInError, Standing},
    time::Timestamp,
};

const PASSWORD: &str = "S3cret-pass-phrase";

/// The section of a directory with these controllers.
pub(crate) fn section(controllers: &str, ca: &str, more: &str) -> String {
    format!(
        "kind = \"active-directory\"\ncontrollers = [{controllers}]\nca-file = \"{ca}\"\n\
         base = \"{BASE}\"\ndomain = \"ad.test\"\nnetbios-domain = \"ADTEST\"\n\
         upn-suffixes = [\"corp.example\"]\nconnect-seconds = 60\nanswer-seconds = 60\n\
         service-user = \"{}\"\nservice-password-file = \"-\"\n{more}\n",
        samba::ADMIN
    )
}

pub(crate) fn at(samba: &Samba, groups: &str) -> Directory {
    let groups = format!("groups = [{groups}]");
    let controllers = format!("\"{}\"", samba.ip);
    directory(&section(&controllers, &samba.ca.display().to_string(), &groups), samba::PASSWORD)
}

pub(crate) fn grant(group: &str, grants: &str) -> String {
    format!("{{ group = '{group}', grants = [{grants}] }},")
}

pub(crate) fn person(name: &str) -> String {
    format!("CN={name},CN=Users,{BASE}")
}

async fn group(admin: &mut Admin, dn: &str, account: &str) {
    admin.add(dn, &[("objectClass", &["group"]), ("sAMAccountName", &[account])]).await;
}

/// A group that may look at everything, and people in it, named after it.
pub(crate) async fn viewers(admin: &mut Admin, name: &str, people: &[&str]) -> String {
    let dn = person(name);
    group(admin, &dn, name).await;
    for one in people {
        admin.add_user(&person(one), one, PASSWORD).await;
        admin.put_into(&dn, &person(one)).await;
    }
    dn
}

#[tokio::test]
async fn groups_in_groups_grant_roles_whatever_their_names_are() {
    let Some(samba) = samba::shared().await else { return };
    let mut admin = samba.admin().await;
    // What has a meaning in filters and in distinguished names.
    let alice = format!(r"CN=Alice (A*)\, \+Liddell\\,CN=Users,{BASE}");
    let shift = format!(r"CN=Night (shift)\, all*,CN=Users,{BASE}");
    let (berlin, other) = (person("Reimagers Berlin"), person("Auditors"));
    admin.add_user(&alice, "Alice", PASSWORD).await;
    for (dn, account) in [(&shift, "shift"), (&berlin, "berlin"), (&other, "auditors")] {
        group(&mut admin, dn, account).await;
    }
    admin.put_into(&shift, &alice).await;
    admin.put_into(&berlin, &shift).await;
    admin.set(&alice, "userPrincipalName", &["al@corp.example"]).await;
    let grants = [
        grant(&berlin.to_lowercase(), r#""reimager@site:berlin""#),
        grant(&shift, r#""viewer""#),
        grant(&other, r#""auditor""#),
        grant(&person("Not There"), r#""admin""#),
    ];
    let directory = at(samba, &grants.concat());
    let names =
        ["alice", "ALICE", "ADTEST\\Alice", "ad.test\\alice", "alice@ad.test", "al@corp.example"];
    for name in names {
        let person = sign_in(&directory, name, PASSWORD).await.unwrap();
        assert_eq!((person.name.as_str(), person.shown.as_str()), ("alice@ad.test", "The Alice"));
        assert_eq!(person.grants.to_string(), "viewer,reimager@site:berlin", "{name}");
    }
    // The inner group goes: what it gave goes with it.
    admin.take_out(&berlin, &shift).await;
    let person = sign_in(&directory, "alice", PASSWORD).await.unwrap();
    assert_eq!(person.grants.to_string(), "viewer");
    assert_eq!(refusal(&directory, "al@ad.test", PASSWORD).await, Refusal::Unknown);
}

#[tokio::test]
async fn refusals_are_told_apart_for_the_audit_and_not_for_the_person() {
    let Some(samba) = samba::shared().await else { return };
    let mut admin = samba.admin().await;
    let people = ["good", "off", "over", "change", "locked"];
    let group = viewers(&mut admin, "refused", &people).await;
    admin.add_user(&person("stranger"), "stranger", PASSWORD).await;
    admin.set(&person("off"), "userAccountControl", &["514"]).await;
    admin.set(&person("over"), "accountExpires", &["132223104000000000"]).await;
    admin.set(&person("change"), "pwdLastSet", &["0"]).await;
    admin.set(BASE, "lockoutThreshold", &["3"]).await;
    let directory = at(samba, &grant(&group, r#""viewer""#));
    assert!(sign_in(&directory, "good", PASSWORD).await.is_ok());
    for _ in 0..3 {
        assert_eq!(refusal(&directory, "locked", "wrong").await, Refusal::WrongPassword);
    }
    let long = "x".repeat(5000);
    for (name, password, why) in [
        ("good", "wrong", Refusal::WrongPassword),
        ("good", "", Refusal::NoPassword),
        ("good", &long, Refusal::WrongPassword),
        ("nobody-here", PASSWORD, Refusal::Unknown),
        ("nobody-here", "", Refusal::NoPassword),
        ("*", PASSWORD, Refusal::NotAName),
        ("good)(cn=*", PASSWORD, Refusal::NotAName),
        ("OTHER\\good", PASSWORD, Refusal::NotAName),
        ("off", PASSWORD, Refusal::Disabled),
        ("over", PASSWORD, Refusal::Expired),
        ("change", PASSWORD, Refusal::MustChange),
        ("locked", PASSWORD, Refusal::LockedOut),
        ("stranger", PASSWORD, Refusal::NoGroup),
    ] {
        let error = sign_in(&directory, name, password).await.unwrap_err();
        assert_eq!(error, SignInError::Refused(why), "{name}");
        let said = "the name or the password is wrong, or the account may not sign in here";
        assert_eq!(error.to_string(), said);
    }
}

#[tokio::test]
async fn a_upn_that_is_no_accounts_name_is_its_owners() {
    let Some(samba) = samba::shared().await else { return };
    let mut admin = samba.admin().await;
    let group = viewers(&mut admin, "mixed", &["carol", "mallory"]).await;
    admin.set(&person("mallory"), "userPrincipalName", &["boss@ad.test"]).await;
    let directory = at(samba, &grant(&group, r#""viewer""#));
    for name in ["mallory", "boss@ad.test"] {
        assert_eq!(sign_in(&directory, name, PASSWORD).await.unwrap().name, "mallory@ad.test");
    }
    assert_eq!(refusal(&directory, "boss", PASSWORD).await, Refusal::Unknown);
    assert_eq!(sign_in(&directory, "carol@ad.test", PASSWORD).await.unwrap().name, "carol@ad.test");
}

#[tokio::test]
async fn a_second_look_sees_what_changed() {
    let Some(samba) = samba::shared().await else { return };
    let mut admin = samba.admin().await;
    let group = viewers(&mut admin, "watched", &["dave"]).await;
    let directory = at(samba, &grant(&group, r#""viewer""#));
    let dave = sign_in(&directory, "dave", PASSWORD).await.unwrap();
    let look = async || directory.recheck(&dave.id, Timestamp::now()).await.unwrap();
    assert_eq!(look().await, Standing::Good(dave.clone()));
    admin.take_out(&group, &person("dave")).await;
    assert_eq!(look().await, Standing::Ended(Refusal::NoGroup));
    admin.put_into(&group, &person("dave")).await;
    assert_eq!(look().await, Standing::Good(dave.clone()));
    admin.set(&person("dave"), "userAccountControl", &["514"]).await;
    assert_eq!(look().await, Standing::Ended(Refusal::Disabled));
    admin.set(&person("dave"), "userAccountControl", &["512"]).await;
    admin.set(&person("dave"), "accountExpires", &["132223104000000000"]).await;
    assert_eq!(look().await, Standing::Ended(Refusal::Expired));
    admin.set(&person("dave"), "accountExpires", &["0"]).await;
    admin.rename(&person("dave"), "CN=David").await;
    assert_eq!(look().await, Standing::Good(dave.clone()), "it is the same person");
    admin.delete(&person("David")).await;
    assert_eq!(look().await, Standing::Ended(Refusal::Unknown));
    // A new account of that name is somebody else.
    admin.add_user(&person("dave"), "dave", PASSWORD).await;
    admin.put_into(&group, &person("dave")).await;
    assert_eq!(look().await, Standing::Ended(Refusal::Unknown));
    assert!(sign_in(&directory, "dave", PASSWORD).await.is_ok());
}

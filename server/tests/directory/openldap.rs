//! The same with OpenLDAP.

use crate::{
    admin::Admin,
    directory, refusal, sign_in,
    slapd::{ADMIN, BASE, PASSWORD, Slapd},
};
use bootmint_server::{
    auth::ldap::{Directory, Refusal, Standing},
    time::Timestamp,
};

async fn fill(admin: &mut Admin) {
    admin.add(BASE, &[("objectClass", &["domain"]), ("dc", &["ldap"])]).await;
    for name in ["erin", "frank", "grace"] {
        let attributes: &[(&str, &[&str])] = &[
            ("objectClass", &["inetOrgPerson"]),
            ("uid", &[name]),
            ("cn", &[name]),
            ("sn", &[name]),
            ("userPassword", &["t0p-secret"]),
        ];
        admin.add(&person(name), attributes).await;
    }
    let members: &[(&str, &[&str])] = &[
        ("objectClass", &["groupOfNames"]),
        ("cn", &["arms"]),
        ("member", &[&person("erin"), &person("grace")]),
    ];
    admin.add(&group("arms"), members).await;
    let unique: &[(&str, &[&str])] = &[
        ("objectClass", &["groupOfUniqueNames"]),
        ("cn", &["reads"]),
        ("uniqueMember", &[&person("erin")]),
    ];
    admin.add(&group("reads"), unique).await;
    let posix: &[(&str, &[&str])] = &[
        ("objectClass", &["posixGroup"]),
        ("cn", &["edits"]),
        ("gidNumber", &["5"]),
        ("memberUid", &["frank"]),
    ];
    admin.add(&group("edits"), posix).await;
}

fn person(name: &str) -> String {
    format!("uid={name},{BASE}")
}

fn group(name: &str) -> String {
    format!("cn={name},{BASE}")
}

fn open(slapd: &Slapd, port: u16, more: &str) -> Directory {
    let ca = slapd.ca.display();
    let section = format!(
        "kind = \"openldap\"\ncontrollers = [\"127.0.0.1:{port}\"]\nca-file = \"{ca}\"\n\
         base = \"{BASE}\"\ndomain = \"ldap.test\"\nservice-user = \"{ADMIN}\"\n\
         service-password-file = \"-\"\nanswer-seconds = 60\nconnect-seconds = 60\n{more}\n\
         groups = [{{ group = \"{}\", grants = [\"reimager@site:berlin\"] }}, \
         {{ group = \"{}\", grants = [\"viewer\"] }}, {{ group = \"{}\", grants = [\"editor\"] }}]",
        group("arms"),
        group("reads"),
        group("edits")
    );
    directory(&section, PASSWORD)
}

/// Makes somebody with what a policy, or an account's end, says of them.
async fn special(admin: &mut Admin, name: &str, more: &[(&str, &[&str])]) {
    let own: &[(&str, &[&str])] = &[
        ("objectClass", &["inetOrgPerson", "shadowAccount"]),
        ("uid", &[name]),
        ("cn", &[name]),
        ("sn", &[name]),
        ("userPassword", &["t0p-secret"]),
    ];
    admin.add(&person(name), &[own, more].concat()).await;
    admin.put_into(&group("arms"), &person(name)).await;
}

async fn policy(admin: &mut Admin, name: &str, more: &[(&str, &[&str])]) -> String {
    let own: &[(&str, &[&str])] = &[
        ("objectClass", &["device", "pwdPolicy"]),
        ("cn", &[name]),
        ("pwdAttribute", &["userPassword"]),
    ];
    admin.add(&group(name), &[own, more].concat()).await;
    group(name)
}

#[tokio::test]
async fn refusals_of_the_password_policy_are_told_apart() {
    let Some(slapd) = tokio::task::spawn_blocking(Slapd::start).await.unwrap() else { return };
    let mut admin = slapd.admin().await;
    fill(&mut admin).await;
    let directory = open(&slapd, slapd.ldaps, "");
    let yes: &[&str] = &["TRUE"];
    let lockout = &[("pwdLockout", yes), ("pwdMaxFailure", &["2"])];
    let strict = policy(&mut admin, "strict", lockout).await;
    let short = policy(&mut admin, "short", &[("pwdMaxAge", &["1"])]).await;
    let first = policy(&mut admin, "first", &[("pwdMustChange", yes)]).await;
    special(&mut admin, "locked", &[("pwdPolicySubentry", &[&strict])]).await;
    special(&mut admin, "aged", &[("pwdPolicySubentry", &[&short])]).await;
    special(&mut admin, "new", &[("pwdPolicySubentry", &[&first])]).await;
    special(&mut admin, "over", &[("shadowExpire", &["18262"])]).await;
    special(&mut admin, "later", &[("shadowExpire", &["99999"])]).await;
    for name in ["locked", "new", "later"] {
        assert!(sign_in(&directory, name, "t0p-secret").await.is_ok(), "{name}");
    }
    let look = sign_in(&directory, "locked", "t0p-secret").await.unwrap();
    for _ in 0..2 {
        assert_eq!(refusal(&directory, "locked", "wrong").await, Refusal::WrongPassword);
    }
    admin.set(&person("new"), "pwdReset", yes).await;
    // Its password's second is over, whatever part of one it began in.
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    for (name, password, why) in [
        ("locked", "t0p-secret", Refusal::LockedOut),
        ("aged", "t0p-secret", Refusal::PasswordExpired),
        ("aged", "wrong", Refusal::WrongPassword),
        ("new", "t0p-secret", Refusal::MustChange),
        ("new", "wrong", Refusal::WrongPassword),
        ("over", "t0p-secret", Refusal::Expired),
    ] {
        assert_eq!(refusal(&directory, name, password).await, why, "{name} {password}");
    }
    // Anybody can lock somebody by wrong passwords: it signs nobody out. An account's end does.
    let stands = async |id| directory.recheck(id, Timestamp::now()).await.unwrap();
    assert_eq!(stands(&look.id).await, Standing::Good(look.clone()));
    let later = sign_in(&directory, "later", "t0p-secret").await.unwrap();
    admin.set(&person("later"), "shadowExpire", &["18262"]).await;
    assert_eq!(stands(&later.id).await, Standing::Ended(Refusal::Expired));
    admin.set(&person("locked"), "pwdAccountLockedTime", &[]).await;
    assert!(sign_in(&directory, "locked", "t0p-secret").await.is_ok(), "unlocked");
}

#[tokio::test]
async fn people_and_groups_of_openldap_count() {
    let Some(slapd) = tokio::task::spawn_blocking(Slapd::start).await.unwrap() else { return };
    let mut admin = slapd.admin().await;
    fill(&mut admin).await;
    let ldaps = open(&slapd, slapd.ldaps, "");
    let starttls = open(&slapd, slapd.ldap, "encryption = \"starttls\"");
    for directory in [&ldaps, &starttls] {
        for name in ["erin", "ERIN@ldap.test"] {
            let erin = sign_in(directory, name, "t0p-secret").await.unwrap();
            assert_eq!(erin.grants.to_string(), "viewer,reimager@site:berlin");
            assert_eq!((erin.name.as_str(), erin.shown.as_str()), ("erin@ldap.test", "erin"));
        }
        let frank = sign_in(directory, "frank", "t0p-secret").await.unwrap();
        assert_eq!(frank.grants.to_string(), "editor");
        assert_eq!(refusal(directory, "erin", "wrong").await, Refusal::WrongPassword);
        assert_eq!(refusal(directory, "erin", "").await, Refusal::NoPassword);
        assert_eq!(refusal(directory, "nobody", "t0p-secret").await, Refusal::Unknown);
    }
    let grace = sign_in(&ldaps, "grace", "t0p-secret").await.unwrap();
    let look = async || ldaps.recheck(&grace.id, Timestamp::now()).await.unwrap();
    assert_eq!(look().await, Standing::Good(grace.clone()));
    admin.take_out(&group("arms"), &person("grace")).await;
    assert_eq!(look().await, Standing::Ended(Refusal::NoGroup));
    assert_eq!(refusal(&ldaps, "grace", "t0p-secret").await, Refusal::NoGroup);
    admin.put_into(&group("arms"), &person("grace")).await;
    admin.set(&person("grace"), "pwdAccountLockedTime", &["000001010000Z"]).await;
    assert_eq!(look().await, Standing::Ended(Refusal::Disabled));
    admin.delete(&person("grace")).await;
    assert_eq!(look().await, Standing::Ended(Refusal::Unknown));
}

//! Tickets of a real domain controller, shown to a real server.

use crate::{
    active_directory::{grant, person, viewers},
    counter::{Counter, NAME, token},
    realm::Realm,
    samba,
};
use bootmint_server::{db::Actor, time::Timestamp};

const PASSWORD: &str = "S3cret-pass-phrase";

/// Makes the services and the people of a test; the group of those who may come in.
async fn furnish(
    realm: &Realm<'_>,
    admin: &mut crate::admin::Admin,
    group: &str,
    people: &[&str],
) -> String {
    static SERVICES: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    // All tests share a domain.
    SERVICES
        .get_or_init(|| async {
            realm.add_service(admin, "web-boot", NAME).await;
            realm.add_service(admin, "web-other", "other.ad.test").await;
            realm.add_service(admin, "web-third", "third.ad.test").await;
        })
        .await;
    let group = viewers(admin, group, people).await;
    people.iter().for_each(|who| realm.sign_on(who, PASSWORD));
    group
}

#[tokio::test]
async fn somebody_comes_in_by_a_ticket_with_the_roles_of_their_groups() {
    let Some(samba) = samba::shared().await else { return };
    let Some(realm) = Realm::of(samba) else { return };
    let mut admin = samba.admin().await;
    let group = furnish(&realm, &mut admin, "ticketed", &["tess"]).await;
    let counter = Counter::open(samba, &realm, &grant(&group, r#""viewer""#), &[NAME]).await;
    let page = counter.ask(&realm, "nobody", "/sign-in?next=/fleet", "").body;
    let button = "href=\"/sign-in/kerberos?next=/fleet\">Come in as in the domain</a>";
    assert!(page.contains(button), "{page}");
    // Without a ticket: the question, and what to do for who sees this.
    let asked = counter.ask(&realm, "nobody", "/sign-in/kerberos?next=/fleet", "");
    assert_eq!((asked.status, asked.header("www-authenticate")), (401, "Negotiate"));
    assert!(asked.body.contains("showed no Kerberos ticket"), "{}", asked.body);
    assert!(asked.body.contains("name=\"password\"") && asked.cookie().is_empty());

    let tess = counter.come(&realm, "tess");
    assert_eq!(tess.status, 200, "{tess:?}");
    assert!(tess.body.contains("content=\"0;url=/fleet\""), "{tess:?}");
    assert!(tess.header("set-cookie").contains("SameSite=Strict"), "{tess:?}");
    // The server proves itself too; curl took it.
    assert!(tess.header("www-authenticate").starts_with("Negotiate o"), "{tess:?}");
    let with = |answer: &crate::counter::Answer| format!("-b '{}'", answer.cookie());
    let fleet = counter.ask(&realm, "nobody", "/fleet", &with(&tess));
    assert!(fleet.status == 200 && fleet.body.contains("tess@ad.test"), "{fleet:?}");
    assert_eq!(counter.ask(&realm, "nobody", "/accounts", &with(&tess)).status, 403);
    assert_eq!(counter.audit().await, ["user:tess@ad.test by Kerberos (done)"]);

    // The next sign-in ends the session that the browser came with.
    let more = format!("--negotiate -u : {}", with(&tess));
    let again = counter.ask(&realm, "tess", "/sign-in/kerberos?next=//evil.test", &more);
    assert!(again.body.contains("content=\"0;url=/\""), "nobody is led away: {again:?}");
    assert_eq!(counter.ask(&realm, "nobody", "/fleet", &with(&tess)).status, 303);
    assert_eq!(counter.ask(&realm, "nobody", "/fleet", &with(&again)).status, 200);
    // A page of another site begins none: the browser asks again, from here.
    let more = "--negotiate -u : -H 'Sec-Fetch-Site: cross-site'";
    let elsewhere = counter.ask(&realm, "tess", "/sign-in/kerberos?next=/fleet", more);
    assert!(elsewhere.cookie().is_empty(), "{elsewhere:?}");
    assert!(elsewhere.body.contains("content=\"0;url=/sign-in/kerberos?next=/fleet\""));
}

#[tokio::test]
async fn a_good_ticket_is_not_enough() {
    let Some(samba) = samba::shared().await else { return };
    let Some(realm) = Realm::of(samba) else { return };
    let mut admin = samba.admin().await;
    let people = ["leaver", "fired", "barred"];
    let group = furnish(&realm, &mut admin, "ticketed-once", &people).await;
    admin.add_user(&person("passer-by"), "passer-by", PASSWORD).await;
    realm.sign_on("passer-by", PASSWORD);
    let counter = Counter::open(samba, &realm, &grant(&group, r#""viewer""#), &[NAME]).await;
    for who in people {
        assert_eq!(counter.come(&realm, who).status, 200, "{who}");
    }
    // What happens to an account counts at once, whatever its tickets say.
    admin.take_out(&group, &person("leaver")).await;
    admin.set(&person("fired"), "userAccountControl", &["514"]).await;
    let (barred, root) = ("barred@ad.test".parse().unwrap(), Actor::person("root"));
    let locked = counter.app.change_account(&barred, None, Some(true), &root, Timestamp::now());
    locked.await.unwrap();
    for (who, why, told) in [
        ("passer-by", "no-group", "none of your groups"),
        ("leaver", "no-group", "none of your groups"),
        ("fired", "disabled", "may not be used any more"),
        ("barred", "locked-here", "locked here"),
    ] {
        let answer = counter.come(&realm, who);
        assert_eq!(answer.status, 403, "{who}: {answer:?}");
        assert!(answer.body.contains(told) && answer.cookie().is_empty(), "{answer:?}");
        assert_eq!(answer.header("www-authenticate"), "", "it is not asked for again");
        let row = format!("user: Kerberos: {why}, a ticket of {who} (denied)");
        assert_eq!(counter.audit().await.first(), Some(&row));
    }
    // A controller gives tickets for user principal names too: it is the person who counts.
    admin.add_user(&person("mallory-k"), "mallory-k", PASSWORD).await;
    admin.put_into(&group, &person("mallory-k")).await;
    admin.set(&person("mallory-k"), "userPrincipalName", &["chief@ad.test"]).await;
    realm.sign_on("chief", PASSWORD);
    assert_eq!(counter.come(&realm, "chief").status, 200);
    assert_eq!(counter.audit().await[0], "user:mallory-k@ad.test by Kerberos (done)");
}

#[tokio::test]
async fn what_is_no_ticket_for_this_server_or_was_shown_before_lets_nobody_in() {
    let Some(samba) = samba::shared().await else { return };
    let Some(realm) = Realm::of(samba) else { return };
    let mut admin = samba.admin().await;
    let group = furnish(&realm, &mut admin, "ticketed-wrongly", &["rita"]).await;
    let (grants, services) = (grant(&group, r#""viewer""#), [NAME, "other.ad.test"]);
    let counter = Counter::open(samba, &realm, &grants, &services).await;
    let first = token(&realm, "rita", NAME);
    assert_eq!(counter.show(&realm, &first).status, 200);
    let (long, longer) = ("A".repeat(64_004), "A".repeat(125_000));
    let ntlm = "TlRMTVNTUAABAAAAl4II4gAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw==";
    // SPNEGO that offers NTLM alone.
    let offer = "YDYGBisGAQUFAqAsMCqgDjAMBgorBgEEAYI3AgIKohgEFk5UTE1TU1AAAQAAAAAAAAAAAAAAAAA=";
    let (other, third) =
        (token(&realm, "rita", "other.ad.test"), token(&realm, "rita", "third.ad.test"));
    for (what, status, why) in [
        (first.as_str(), 403, "replay"),
        (&other, 403, "a ticket for HTTP/other.ad.test@AD.TEST"),
        (&third, 403, "ticket refused: "),
        ("AAAA", 403, "ticket refused: "),
        ("no!token", 400, "no ticket: it is no base 64"),
        (&long, 400, "no ticket: it is too long"),
        (ntlm, 403, "NTLM is not taken"),
        (offer, 403, "NTLM is not taken"),
    ] {
        let answer = counter.show(&realm, what);
        assert_eq!(answer.status, status, "{why}: {answer:?}");
        assert!(answer.cookie().is_empty() && answer.body.contains("name=\"password\""));
        let row = counter.audit().await.swap_remove(0);
        assert!(row.starts_with("user: Kerberos: ") && row.ends_with(" (denied)"), "{row}");
        assert!(row.contains(why), "{why}: {row}");
    }
    assert_eq!(counter.show(&realm, &longer).status, 431);
    let basic = counter.ask(&realm, "nobody", "/sign-in/kerberos", "-u rita:x");
    assert_eq!(basic.status, 401, "a password is not taken here");
    // Nobody tries for ever.
    let tried = (0..40).map(|_| counter.show(&realm, "AAAA").status).take_while(|one| *one != 429);
    assert_eq!(tried.count(), 23, "with the 8 before them");
    assert_eq!(counter.come(&realm, "rita").status, 429);
}

#[tokio::test]
async fn a_keytab_is_looked_at_before_anybody_needs_it() {
    use std::{fs, os::unix::fs::PermissionsExt};
    let Some(samba) = samba::shared().await else { return };
    let Some(realm) = Realm::of(samba) else { return };
    let mut admin = samba.admin().await;
    let group = furnish(&realm, &mut admin, "ticketed-never", &[]).await;
    let counter = Counter::open(samba, &realm, &grant(&group, r#""viewer""#), &[NAME]).await;
    let check = || {
        let (program, file) = (env!("CARGO_BIN_EXE_bootmint"), counter.file.to_str().unwrap());
        let script = "\"$1\" --config \"$2\" config check 2>&1 || true";
        let output = crate::run::shell(script, &[program, file]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(check().contains("by tickets for HTTP/boot.ad.test@AD.TEST"), "{}", check());
    let keytab = counter.file.with_file_name("http.keytab");
    fs::set_permissions(&keytab, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(check().contains("http.keytab: others can read it: make its mode 600"), "{}", check());
    fs::remove_file(&keytab).unwrap();
    assert!(check().contains("http.keytab: cannot be read"), "{}", check());
    realm.export(&keytab, &["other.ad.test"]);
    let said = check();
    let wanted = "holds no key of HTTP/boot.ad.test@AD.TEST, but of HTTP/other.ad.test@AD.TEST";
    assert!(said.contains(wanted), "{said}");
}

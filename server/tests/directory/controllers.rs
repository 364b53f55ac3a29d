//! Controllers that are down, silent, or not who they should be.

use crate::{
    active_directory::{at, section},
    authority::Authority,
    directory, refusal,
    samba::{self, BASE, PASSWORD, Samba, loopback},
    sign_in, trouble,
};
use bootmint_server::{
    auth::ldap::{Directory, DirectoryError, Refusal, Standing},
    time::Timestamp,
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::net::{TcpListener, TcpStream};

const GROUPS: &str =
    "groups = [{ group = 'CN=Domain Admins,CN=Users,DC=ad,DC=test', grants = [\"admin\"] }]";

fn among(samba: &Samba, controllers: &str, more: &str) -> Directory {
    let ca = samba.ca.display().to_string();
    directory(&section(controllers, &ca, &format!("{more}{GROUPS}")), PASSWORD)
}

/// Takes connections and says nothing; counts them.
async fn silent() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            open.push(stream);
        }
    });
    (port, count)
}

#[tokio::test]
async fn the_next_controller_is_asked_when_one_is_down_or_silent() {
    let Some(samba) = samba::shared().await else { return };
    let (port, count) = silent().await;
    let (down, up) = (loopback(), samba.ip);
    // The silent one takes the connection; it is the handshake that is given up.
    let controllers = format!("\"{down}\", \"127.0.0.1:{port}\", \"{up}\"");
    let raw = section(&controllers, &samba.ca.display().to_string(), GROUPS);
    let directory =
        directory(&raw.replace("connect-seconds = 60", "connect-seconds = 10"), PASSWORD);
    let person = sign_in(&directory, "Administrator", PASSWORD).await.unwrap();
    assert_eq!((person.grants.to_string().as_str(), count.load(Ordering::SeqCst)), ("admin", 1));
    // The one that answered is asked first from now on, and a wrong password is asked once.
    assert_eq!(refusal(&directory, "Administrator", "wrong").await, Refusal::WrongPassword);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// A second way to the controller `samba`, by another port of its address: how many took it, and
/// who ends it, with all connections.
async fn detour(samba: &Samba) -> (u16, Arc<AtomicUsize>, tokio::task::JoinHandle<()>) {
    let (ip, count) = (samba.ip, Arc::<AtomicUsize>::default());
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let (port, counted) = (listener.local_addr().unwrap().port(), Arc::clone(&count));
    let way = tokio::spawn(async move {
        let mut open = tokio::task::JoinSet::new();
        while let Ok((mut from, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            open.spawn(async move {
                let mut to = TcpStream::connect((ip, 636)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            });
        }
    });
    (port, count, way)
}

#[tokio::test]
async fn who_is_signed_in_is_looked_up_at_the_next_controller_when_theirs_goes_down() {
    let Some(samba) = samba::shared().await else { return };
    let (port, count, way) = detour(samba).await;
    let (ip, group) = (samba.ip, format!("CN=Late shift,CN=Users,{BASE}"));
    let nina = format!("CN=nina,CN=Users,{BASE}");
    let mut admin = samba.admin().await;
    admin
        .add(&group, &[("objectClass", &["group"][..]), ("sAMAccountName", &["Late shift"][..])])
        .await;
    admin.add_user(&nina, "nina", "S3cret-pass-phrase").await;
    admin.put_into(&group, &nina).await;
    let controllers = format!("\"{ip}:{port}\", \"{ip}\"");
    let grants = format!("groups = [{{ group = '{group}', grants = [\"reimager\"] }}]\n");
    let raw = section(&controllers, &samba.ca.display().to_string(), &grants);
    let directory = directory(&raw, PASSWORD);
    let person = sign_in(&directory, "nina", "S3cret-pass-phrase").await.unwrap();
    let before = count.load(Ordering::SeqCst);
    assert!(before > 0, "the first controller is asked first");
    way.abort();
    let _ = way.await;

    let look = async || directory.recheck(&person.id, Timestamp::now()).await.unwrap();
    assert_eq!(look().await, Standing::Good(person.clone()));
    // That one tells that she may no longer, too.
    admin.take_out(&group, &nina).await;
    assert_eq!(look().await, Standing::Ended(Refusal::NoGroup));
    assert_eq!(count.load(Ordering::SeqCst), before, "nobody took the way that is gone");
}

#[tokio::test]
async fn all_that_were_tried_are_named() {
    let Some(samba) = samba::shared().await else { return };
    let (one, other) = (loopback(), loopback());
    let directory = among(samba, &format!("\"{one}\", \"{other}:3269\""), "");
    let error = trouble(&directory, "Administrator", PASSWORD).await;
    assert!(matches!(&error, DirectoryError::Unreachable(tried) if tried.len() == 2));
    let text = error.to_string();
    assert!(text.contains(&format!("{one}:636: Connection refused")), "{text}");
    assert!(text.contains(&format!("{other}:3269: Connection refused")), "{text}");
    // What can't be right is not asked at all.
    assert_eq!(refusal(&directory, "Administrator", "").await, Refusal::NoPassword);
}

#[tokio::test]
async fn starttls_is_as_good() {
    let Some(samba) = samba::shared().await else { return };
    let directory = among(samba, &format!("\"{}\"", samba.ip), "encryption = \"starttls\"\n");
    assert!(sign_in(&directory, "Administrator", PASSWORD).await.is_ok());
    assert_eq!(refusal(&directory, "Administrator", "wrong").await, Refusal::WrongPassword);
}

#[tokio::test]
async fn another_authority_is_refused() {
    let Some(samba) = samba::shared().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let other = Authority::new(folder.path(), "other-ca");
    for encryption in ["", "encryption = \"starttls\"\n"] {
        let more = format!("{encryption}{GROUPS}");
        let controllers = format!("\"{}\"", samba.ip);
        let raw = section(&controllers, &other.file.display().to_string(), &more);
        let error =
            trouble(&directory(&raw, PASSWORD), "Administrator", PASSWORD).await.to_string();
        assert!(error.contains("not signed by an authority of directory.ca-file"), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_without_names_is_refused_with_what_to_do() {
    let Some(samba) = tokio::task::spawn_blocking(|| Samba::start(false)).await.unwrap() else {
        return;
    };
    let directory =
        at(&samba, "{ group = 'CN=Domain Admins,CN=Users,DC=ad,DC=test', grants = [\"admin\"] }");
    let error = trouble(&directory, "Administrator", PASSWORD).await.to_string();
    let advice = format!(
        "give the controller a certificate whose subject alternative names hold {}",
        samba.ip
    );
    assert!(
        error.contains("has no subject alternative name") && error.contains(&advice),
        "{error}"
    );
}

#[tokio::test]
async fn a_service_account_that_is_refused_is_named() {
    let Some(samba) = samba::shared().await else { return };
    let mut admin = samba.admin().await;
    admin.add_user(&format!("CN=looker,CN=Users,{BASE}"), "looker", "S3cret-pass-phrase").await;
    let raw = section(&format!("\"{}\"", samba.ip), &samba.ca.display().to_string(), GROUPS);
    let raw = raw.replace(samba::ADMIN, "looker@ad.test");
    let wrong = directory(&raw, "wrong");
    let error = trouble(&wrong, "Administrator", PASSWORD).await.to_string();
    assert!(error.contains("\"looker@ad.test\" is refused (wrong-password)"), "{error}");
    assert!(error.contains("service-password-file"), "{error}");
    // An account without rights is enough.
    let good = directory(&raw, "S3cret-pass-phrase");
    assert!(sign_in(&good, "Administrator", PASSWORD).await.is_ok());
}

//! The administrator of a directory, who makes and changes entries for the tests.

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Mod};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{collections::HashSet, path::Path, sync::Arc};

/// An attribute with its values.
pub(crate) type Attribute<'a> = (&'a str, &'a [&'a str]);

/// A connection with all rights.
pub(crate) struct Admin(Ldap);

fn attribute((name, values): &Attribute<'_>) -> (Vec<u8>, HashSet<Vec<u8>>) {
    let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
    (name.as_bytes().to_vec(), values)
}

impl Admin {
    pub(crate) async fn connect(url: &str, ca: &Path, user: &str, password: &str) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let settings = LdapConnSettings::new().set_config(Arc::new(config));
        let (connection, mut ldap) = LdapConnAsync::with_settings(settings, url).await.unwrap();
        tokio::spawn(connection.drive());
        ldap.simple_bind(user, password).await.unwrap().success().unwrap();
        Self(ldap)
    }

    pub(crate) async fn add(&mut self, dn: &str, attributes: &[Attribute<'_>]) {
        let attributes = attributes.iter().map(attribute).collect();
        self.0.add(dn, attributes).await.unwrap().success().unwrap();
    }

    /// Makes a person of Active Directory.
    pub(crate) async fn add_user(&mut self, dn: &str, account: &str, password: &str) {
        let quoted = format!("\"{password}\"");
        let secret: Vec<u8> = quoted.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let texts: &[Attribute<'_>] = &[
            ("objectClass", &["user"]),
            ("sAMAccountName", &[account]),
            ("displayName", &[&format!("The {account}")]),
            ("userAccountControl", &["512"]),
        ];
        let mut attributes: Vec<_> = texts.iter().map(attribute).collect();
        attributes.push((b"unicodePwd".to_vec(), HashSet::from([secret])));
        self.0.add(dn, attributes).await.unwrap().success().unwrap();
    }

    pub(crate) async fn set(&mut self, dn: &str, name: &str, values: &[&str]) {
        let (name, values) = attribute(&(name, values));
        self.change(dn, Mod::Replace(name, values)).await;
    }

    pub(crate) async fn put_into(&mut self, group: &str, member: &str) {
        let (name, values) = attribute(&("member", &[member]));
        self.change(group, Mod::Add(name, values)).await;
    }

    pub(crate) async fn take_out(&mut self, group: &str, member: &str) {
        let (name, values) = attribute(&("member", &[member]));
        self.change(group, Mod::Delete(name, values)).await;
    }

    async fn change(&mut self, dn: &str, change: Mod<Vec<u8>>) {
        self.0.modify(dn, vec![change]).await.unwrap().success().unwrap();
    }

    pub(crate) async fn rename(&mut self, dn: &str, rdn: &str) {
        self.0.modifydn(dn, rdn, true, None).await.unwrap().success().unwrap();
    }

    pub(crate) async fn delete(&mut self, dn: &str) {
        self.0.delete(dn).await.unwrap().success().unwrap();
    }
}

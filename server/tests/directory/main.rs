//! Sign-in by a real Active Directory domain controller (Samba), and by OpenLDAP.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod authority;
#[cfg(test)]
#[cfg(feature = "kerberos")]
mod counter;
#[cfg(test)]
#[cfg(feature = "kerberos")]
mod kerberos;
#[cfg(test)]
#[cfg(feature = "kerberos")]
mod realm;

#[cfg(test)]
mod openldap;
#[cfg(test)]
mod run;
#[cfg(test)]
mod samba;
#[cfg(test)]
mod slapd;

#[cfg(test)]
mod active_directory;
#[cfg(test)]
mod controllers;
#[cfg(test)]
mod people;

#[cfg(test)]
mod site;
#[cfg(test)]
use site::{directory, refusal, sign_in, trouble};

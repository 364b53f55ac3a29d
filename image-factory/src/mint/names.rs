//! The names of images: a template with placeholders, expanded per host.

use crate::{
    format::Format,
    host::{HostName, Name},
};
use std::{fmt, str::FromStr};

/// The longest expanded name, in bytes.
const MAX_NAME: usize = 1024;
/// The longest part of a name between slashes, in bytes: `NAME_MAX` of Linux.
const MAX_PART: usize = 255;

/// What a name is made from.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The host; none for an image of a whole site.
    pub host: Option<&'a HostName>,
    /// The site, where the host has one.
    pub site: Option<&'a Name>,
    /// The firmware profile.
    pub profile: &'a str,
    /// The format.
    pub format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Host,
    Site,
    Profile,
    Format,
    Ext,
}

const FIELDS: [(&str, Field); 5] = [
    ("host", Field::Host),
    ("site", Field::Site),
    ("profile", Field::Profile),
    ("format", Field::Format),
    ("ext", Field::Ext),
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field),
}

/// A template such as `{site}/{host}.{ext}`, checked to stay inside the output folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTemplate(Vec<Piece>);

/// Why a name template is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A placeholder that does not exist, or a brace that is not closed.
    #[error(
        "the name template has the unknown placeholder \"{{{0}}}\": use {{host}}, {{site}}, {{profile}}, {{format}} or {{ext}}"
    )]
    Placeholder(String),
    /// It could leave the output folder, or clash with files of the output itself.
    #[error(
        "the name template \"{0}\" must be a relative path of the characters A-Z a-z 0-9 . _ - and /, without \"..\" or parts that start with a dot"
    )]
    Unsafe(String),
    /// An expanded name is too long or empty.
    #[error("the name template gives an image a name of {0} bytes: names have 1 to {MAX_NAME}")]
    Length(usize),
    /// A part of an expanded name is longer than file systems allow.
    #[error(
        "the name template gives a file or folder name of {0} bytes: file systems allow {MAX_PART}"
    )]
    Part(usize),
}

impl FromStr for NameTemplate {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) =
                after.split_once('}').ok_or_else(|| NameError::Placeholder(after.to_owned()))?;
            let field = FIELDS.iter().find(|(known, _)| *known == name);
            let (_, field) = field.ok_or_else(|| NameError::Placeholder(name.to_owned()))?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Field(*field));
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        let template = Self(pieces);
        let literal = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Field(_) => "x".to_owned(),
        };
        let sample: String = template.0.iter().map(literal).collect();
        let safe = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if sample.split('/').all(safe) {
            Ok(template)
        } else {
            Err(NameError::Unsafe(text.to_owned()))
        }
    }
}

impl NameTemplate {
    /// The default for images of hosts: `{site}/{host}.{ext}`.
    pub fn for_hosts() -> Self {
        use Field::{Ext, Host, Site};
        let text = |text: &str| Piece::Text(text.to_owned());
        Self(vec![Piece::Field(Site), text("/"), Piece::Field(Host), text("."), Piece::Field(Ext)])
    }

    /// The default for images of whole sites: `{site}.{ext}`.
    pub fn for_sites() -> Self {
        let text = |text: &str| Piece::Text(text.to_owned());
        Self(vec![Piece::Field(Field::Site), text("."), Piece::Field(Field::Ext)])
    }

    /// The image's path below the output folder. A part that comes out empty, such as the site of
    /// a host without one, is left out.
    pub fn expand(&self, named: &Named<'_>) -> Result<String, NameError> {
        let mut path = String::with_capacity(64);
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => path.push_str(text),
                Piece::Field(Field::Host) => {
                    path.push_str(named.host.map_or("all", |h| h.as_str()))
                }
                Piece::Field(Field::Site) => match (named.site, named.host) {
                    (Some(site), _) => path.push_str(site.as_str()),
                    (None, Some(_)) => {}
                    (None, None) => path.push_str("all"),
                },
                Piece::Field(Field::Profile) => path.push_str(named.profile),
                Piece::Field(Field::Format) => path.push_str(named.format.name()),
                Piece::Field(Field::Ext) => path.push_str(named.format.extension()),
            }
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if let Some(long) = parts.iter().map(|part| part.len()).find(|len| *len > MAX_PART) {
            return Err(NameError::Part(long));
        }
        let path = parts.join("/");
        if path.is_empty() || path.len() > MAX_NAME {
            Err(NameError::Length(path.len()))
        } else {
            Ok(path)
        }
    }
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Field(field) => {
                    let name = FIELDS
                        .iter()
                        .find(|(_, known)| known == field)
                        .map_or("", |(name, _)| name);
                    write!(f, "{{{name}}}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(template: &str, site: Option<&str>) -> String {
        let (host, site) = ("web-01".parse().unwrap(), site.map(|s| s.parse().unwrap()));
        let named =
            Named { host: Some(&host), site: site.as_ref(), profile: "kvm", format: Format::Usb };
        template.parse::<NameTemplate>().unwrap().expand(&named).unwrap()
    }

    #[test]
    fn placeholders_are_filled_and_an_absent_site_leaves_no_folder() {
        assert_eq!(expand("{site}/{host}.{ext}", Some("berlin")), "berlin/web-01.usb.img");
        assert_eq!(expand("{site}/{host}.{ext}", None), "web-01.usb.img");
        assert_eq!(expand("{profile}/{format}/{host}-x", None), "kvm/usb/web-01-x");
        assert_eq!(NameTemplate::for_hosts().to_string(), "{site}/{host}.{ext}");
        assert_eq!("{site}/{host}.{ext}".parse(), Ok(NameTemplate::for_hosts()));
        assert_eq!("{site}.{ext}".parse(), Ok(NameTemplate::for_sites()));
    }

    #[test]
    fn a_name_longer_than_a_file_system_takes_is_refused() {
        let host =
            format!("{}.{}", "a".repeat(63), vec!["b".repeat(60); 3].join(".")).parse().unwrap();
        let named = Named { host: Some(&host), site: None, profile: "kvm", format: Format::Floppy };
        assert_eq!(NameTemplate::for_hosts().expand(&named), Err(NameError::Part(257)));
    }

    #[test]
    fn what_leaves_the_output_folder_is_refused() {
        for bad in [
            "/{host}",
            "../{host}",
            "a/../{host}",
            ".{host}",
            "{site}/.x",
            "a b",
            "",
            "{host}/",
            "a\\b",
        ] {
            let error = bad.parse::<NameTemplate>().unwrap_err();
            assert_eq!(error, NameError::Unsafe(bad.to_owned()));
        }
        for (bad, name) in [("{hots}.iso", "hots"), ("{host", "host")] {
            assert_eq!(bad.parse::<NameTemplate>(), Err(NameError::Placeholder(name.to_owned())));
        }
    }
}

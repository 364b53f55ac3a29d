//! Reads apt's configured package sources, in both their forms, and writes one of our own.
//!
//! The older form has one line a source (`deb [options] URI suite components`), the newer one a
//! paragraph of fields (`Types:`, `URIs:`, ...; deb822). Both are in sources.list(5).

use std::fmt;

/// One configured source of binary packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// Where the archive is; several mirrors may be named.
    pub(super) uris: Vec<String>,
    /// The suites taken from it.
    pub(super) suites: Vec<String>,
    /// The components taken from it.
    pub(super) components: Vec<String>,
    /// How it is trusted: the options that are kept, by their deb822 names.
    trust: Vec<(&'static str, String)>,
}

/// The options that say how a source is trusted, by their names in both forms.
const TRUST: [(&str, &str); 3] = [
    ("signed-by", "Signed-By"),
    ("trusted", "Trusted"),
    ("check-valid-until", "Check-Valid-Until"),
];

/// The sources in a file of the older form. Lines that make no sense to us are left out.
pub(super) fn parse_list(text: &str) -> Vec<Source> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let trust = options.split_whitespace().filter_map(|option| {
        let (name, value) = option.split_once('=')?;
        let (_, field) = TRUST.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some((*field, value.to_owned()))
    });
    let mut words = rest.split_whitespace().map(str::to_owned);
    let source = Source {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        trust: trust.collect(),
    };
    source.is_usable().then_some(source)
}

/// The sources in a file of the newer form. Paragraphs that make no sense to us are left out.
pub(super) fn parse_deb822(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            sources.extend(paragraph(&std::mem::take(&mut fields)));
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    sources
}

fn paragraph(fields: &[(String, String)]) -> Option<Source> {
    let field =
        |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, v)| v.as_str());
    let words = |name: &str| -> Vec<String> {
        field(name).unwrap_or("").split_whitespace().map(str::to_owned).collect()
    };
    let off = ["no", "false", "off", "0", "without", "disable"];
    let enabled = field("enabled").is_none_or(|value| !off.contains(&value));
    let source = Source {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        trust: TRUST
            .iter()
            .filter_map(|(name, out)| Some((*out, field(name)?.to_owned())))
            .collect(),
    };
    let usable = enabled && words("types").iter().any(|kind| kind == "deb");
    (usable && source.is_usable()).then_some(source)
}

impl Source {
    /// Whether packages can be downloaded from it: not so from a CD or from a flat folder.
    fn is_usable(&self) -> bool {
        let cdrom = self.uris.iter().any(|uri| uri.starts_with("cdrom:"));
        !cdrom && !self.uris.is_empty() && !self.suites.is_empty() && !self.components.is_empty()
    }

    /// The same archive and trust, for one suite and these components, packages only.
    pub(super) fn paragraph(&self, suite: &str, components: &[&str]) -> String {
        Paragraph { source: self, suite, components }.to_string()
    }
}

struct Paragraph<'a> {
    source: &'a Source,
    suite: &'a str,
    components: &'a [&'a str],
}

impl fmt::Display for Paragraph<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, suite, components } = self;
        writeln!(f, "Types: deb\nURIs: {}", source.uris.join(" "))?;
        writeln!(f, "Suites: {suite}\nComponents: {}", components.join(" "))?;
        // Package lists alone, not the catalogues for software centres.
        writeln!(f, "Targets: Packages")?;
        source.trust.iter().try_for_each(|(name, value)| writeln!(f, "{name}: {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_read_with_their_trust() {
        let sources = parse_list(
            "# deb http://old/ x main\n\
             deb [arch=amd64 signed-by=/k.gpg] http://m/debian bookworm main contrib # why\n\
             deb-src http://m/debian bookworm main\n\
             deb cdrom:[Debian 12]/ bookworm main\n\
             deb http://flat/ ./\n\
             deb\thttp://m/ubuntu noble universe\n\
             deb [signed-by=/k.gpg http://cut/ x main\n",
        );
        assert_eq!(sources.len(), 2, "{sources:?}");
        assert_eq!(sources[0].components, ["main", "contrib"]);
        let text = sources[0].paragraph("trixie", &["main"]);
        let expected = "Types: deb\nURIs: http://m/debian\nSuites: trixie\nComponents: main\n\
                        Targets: Packages\nSigned-By: /k.gpg\n";
        assert_eq!(text, expected);
        assert_eq!(sources[1].suites, ["noble"]);
    }

    #[test]
    fn paragraphs_are_read_with_keys_that_stand_in_them() {
        let sources = parse_deb822(
            "# mirror\nTypes: deb deb-src\nURIs: http://a/debian\n http://b/debian\n\
             Suites: bookworm bookworm-updates\n# inside\nComponents: main\n\
             Signed-By:\n -----BEGIN-----\n .\n x\n -----END-----\n\n\n\
             Types: deb\nEnabled: no\nURIs: http://off/\nSuites: x\nComponents: main\n\n\
             Types: deb-src\nURIs: http://src/\nSuites: x\nComponents: main\n\n\
             Types: deb\nURIs: http://flat/\nSuites: ./\n",
        );
        let [source] = sources.as_slice() else { panic!("{sources:?}") };
        assert_eq!(source.uris, ["http://a/debian", "http://b/debian"]);
        let text = source.paragraph("stable", &["main"]);
        assert!(
            text.ends_with("Signed-By: \n -----BEGIN-----\n .\n x\n -----END-----\n"),
            "{text}"
        );
        assert_eq!(parse_deb822(&text)[0].trust, source.trust);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "(deb |\\[|\\]|signed-by=/k| |http://m|a|\n){0,20}") {
            for source in parse_list(&text) {
                let again = parse_deb822(&source.paragraph("s", &["main"]));
                prop_assert_eq!(again.len(), 1);
                prop_assert_eq!(&again[0].uris, &source.uris);
                prop_assert_eq!(&again[0].trust, &source.trust);
            }
        }
    }
}

//! The texts that override iPXE's configuration headers.
//!
//! Only the named options are touched, one by one, after iPXE's own header has had its say: a
//! header that is replaced as a whole breaks with the next release.

use crate::profile::{Header, Profile, Switch};
use std::{collections::BTreeMap, fmt::Write as _};

/// The overrides of one firmware: file name in `config/local/` to text.
pub(super) type Overrides = BTreeMap<String, String>;

/// The overrides that `profile` asks for; the same on every platform.
pub(super) fn overrides(profile: &Profile) -> Overrides {
    let mut texts = BTreeMap::<Header, String>::new();
    for (spec, switch) in profile.options().iter() {
        let text = texts.entry(spec.header).or_default();
        for name in spec.macros {
            // Defining anew what iPXE has defined otherwise is an error, so undefine it first.
            let _ = writeln!(text, "#undef {name}"); // writing to a String cannot fail
            if switch == Switch::On {
                let _ = writeln!(text, "#define {name}");
            }
        }
    }
    if let Some(serial) = profile.serial() {
        let console = texts.entry(Header::Console).or_default();
        console.push_str("#undef CONSOLE_SERIAL\n#define CONSOLE_SERIAL\n");
        let port = texts.entry(Header::Serial).or_default();
        let _ = write!(port, "#undef COMCONSOLE\n#define COMCONSOLE {}\n", serial.port);
        let _ = write!(port, "#undef COMSPEED\n#define COMSPEED {}\n", serial.speed);
    }
    if profile.cross_signing() == Switch::Off {
        // An empty address: nothing is asked for.
        texts.insert(Header::Crypto, "#undef CROSSCERT\n#define CROSSCERT \"\"\n".to_owned());
    }
    texts.into_iter().map(|(header, text)| (header.file_name().to_owned(), text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_options_are_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.toml");
        let text = "name = \"p\"\ndescription = \"d\"\ntargets = [\"bios\"]\ndrivers = \"all\"\n\
                    [options]\nvlan = true\nmenu = false\n[serial]\nport = \"com2\"\nspeed = 9600\n";
        std::fs::write(&path, text).unwrap();
        let texts = overrides(&crate::profile::load(path.to_str().unwrap()).unwrap());
        assert_eq!(
            texts["general.h"],
            "#undef MENU_CMD\n#undef FORM_CMD\n#undef VLAN_CMD\n#define VLAN_CMD\n"
        );
        assert_eq!(texts["console.h"], "#undef CONSOLE_SERIAL\n#define CONSOLE_SERIAL\n");
        assert!(texts["serial.h"].contains("#define COMCONSOLE COM2\n#undef COMSPEED"));
        assert_eq!(texts["crypto.h"], "#undef CROSSCERT\n#define CROSSCERT \"\"\n");
        assert_eq!(texts.len(), 4);
        std::fs::write(&path, format!("cross-signing = true\n{text}")).unwrap();
        let texts = overrides(&crate::profile::load(path.to_str().unwrap()).unwrap());
        assert!(!texts.contains_key("crypto.h"));
    }
}

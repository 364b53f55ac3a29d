//! The default configuration, and what is refused.

use super::*;

fn made() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let config = init(&folder.path().join("site")).unwrap().config;
    (folder, config)
}

fn env(key: &str, value: &str) -> [(String, String); 1] {
    [(key.to_owned(), value.to_owned())]
}

#[test]
fn what_init_makes_is_the_default() {
    let (_folder, file) = made();
    let config = load(&file, []).unwrap();
    assert_eq!(config.policy, Policy::default());
    assert_eq!(config.tokenless, Tokenless::Discover);
    assert_eq!(config.asset_lookup, AssetLookup::Refused);
    assert_eq!(config.listen, Some("0.0.0.0:8080".parse().unwrap()));
    let Address::Sqlite(path) = &config.database else { panic!("not SQLite") };
    assert_eq!(path, &file.parent().unwrap().join("bootmint.db"));
    assert!(config.files.is_dir() && config.profiles.join("kali/profile.toml").is_file());
    let short = "[boot]\nlisten = \"127.0.0.1:1\"\n[database]\nurl = \"sqlite:x\"\n[paths]\n\
                 files = \"f\"\nprofiles = \"p\"\nsecrets = \"secrets.toml\"\ntoken-key = \"token.key\"\n";
    std::fs::write(&file, short).unwrap();
    let short = load(&file, []).unwrap();
    assert_eq!((short.policy, short.hold), (config.policy, config.hold));
    assert_eq!(short.max_clients, config.max_clients);
    assert_eq!(short.keep_boots, config.keep_boots);
    assert_eq!((short.keep_profile_versions, config.keep_profile_versions), (100, 100));
    assert!(short.archive.is_none() && config.archive.is_none());
}

#[test]
fn how_much_is_kept_has_limits() {
    let (_folder, file) = made();
    for (key, value, why) in [
        ("BOOTMINT_LIMITS__KEEP_PROFILE_VERSIONS", "9", "keep-profile-versions is less than 10"),
        ("BOOTMINT_AUDIT__ARCHIVE_AFTER_DAYS", "6", "archive-after-days is not in 7 to 36500"),
    ] {
        let error = load(&file, env(key, value)).unwrap_err();
        let error = format!("{:#}", anyhow::Error::from(error));
        assert!(error.contains(why), "{error}");
    }
    let config = load(&file, env("BOOTMINT_AUDIT__ARCHIVE_FOLDER", "old")).unwrap();
    assert_eq!(config.archive.unwrap().folder, file.with_file_name("old"));
}

#[test]
fn sites_have_policies_and_nothing_that_is_not_known() {
    let (_folder, file) = made();
    let text = std::fs::read_to_string(&file).unwrap();
    let with = |section: &str| {
        std::fs::write(&file, format!("{text}\n{section}\n")).unwrap();
        load(&file, []).map_err(|error| format!("{:#}", anyhow::Error::from(error)))
    };
    let config = with("[sites.berlin.policy]\nattempts = 3").unwrap();
    let site = &config.sites[&"berlin".parse().unwrap()];
    let policy = site.over(&config.policy);
    assert_eq!((policy.attempts.get(), policy.first_boot), (3, config.policy.first_boot));
    for (section, why) in [
        ("[sites.berlin.policy]\ncolour = 1", "unknown field `colour`"),
        ("[sites.berlin]\nfirst-boot = \"install\"", "unknown field `first-boot`"),
        ("[sites.berlin]", "missing field `policy`"),
        ("[sites.\"a b\".policy]\nattempts = 3", "a b"),
    ] {
        let error = with(section).err().unwrap();
        assert!(error.contains(why), "{section}: {error}");
    }
    std::fs::write(&file, &text).unwrap();
    let config = load(&file, env("BOOTMINT_SITES__BERLIN__POLICY__ATTEMPTS", "2")).unwrap();
    assert_eq!(config.sites.len(), 1);
}

#[test]
fn keys_differ_and_an_existing_folder_stays() {
    let ((_one, a), (_two, b)) = (made(), made());
    let key = |file: &Path| std::fs::read(file.with_file_name("token.key")).unwrap();
    assert_ne!(key(&a), key(&b));
    assert!(matches!(init(a.parent().unwrap()), Err(InitError::Exists(_))));
}

#[test]
fn a_site_with_names_speaks_https_and_its_keys_are_its_owners() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let choice =
        TlsChoice { names: vec!["boot.example.net".parse().unwrap()], ..Default::default() };
    let made = init_with(&folder.path().join("site"), &choice).unwrap();
    let config = load(&made.config, []).unwrap();
    assert_eq!(config.listen_tls, Some("0.0.0.0:8443".parse().unwrap()));
    crate::tls::Certificates::load(config.tls.clone()).unwrap();
    assert_eq!(config.console.url(), "https://127.0.0.1:8081");
    assert_eq!(config.console.second_factor, SecondFactor::LocalAdmins, "others reach it");
    crate::tls::Certificates::load(config.console.https.unwrap()).unwrap();
    for name in ["ca.pem", "ca.key", "server.pem", "server.key"] {
        let meta = std::fs::metadata(made.root.with_file_name(name)).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{name}");
    }
    let (_other, plain) = self::made();
    let config = load(&plain, []).unwrap();
    assert!(config.listen_tls.is_none() && config.console.https.is_none());
    assert_eq!(config.console.second_factor, SecondFactor::Optional);
    let text = std::fs::read_to_string(&plain).unwrap().replace("listen = ", "# listen = ");
    std::fs::write(&plain, text).unwrap();
    let error = load(&plain, []).unwrap_err().to_string();
    assert!(error.contains("neither listen nor listen-tls"), "{error}");
}

#[test]
fn the_environment_counts_more_than_the_file() {
    let (_folder, file) = made();
    let config = load(&file, env("BOOTMINT_BOOT__LISTEN", "127.0.0.1:9")).unwrap();
    assert_eq!(config.listen, Some("127.0.0.1:9".parse().unwrap()));
    let config = load(&file, env("BOOTMINT_POLICY__DEADLINE_SECONDS", "60")).unwrap();
    assert_eq!(config.policy.deadline.get(), 60);
    assert!(load(&file, env("BOOTMINT_CONFIG", "x")).is_ok());
    assert!(load(&file, env("BOOTMINT_BOOT__LISTEM", "127.0.0.1:9")).is_err());
    assert!(load(&file, env("BOOTMINT_BOOT__LISTEN__X", "1")).is_err());
}

#[test]
fn wrong_values_are_refused_with_their_place() {
    let (_folder, file) = made();
    let good = std::fs::read_to_string(&file).unwrap();
    for (from, to) in [
        ("tokenless = \"discover\"", "tokenles = \"discover\""),
        ("first-boot = \"local\"", "first-boot = \"instal\""),
        ("attempts = 1", "attempts = 0"),
        ("deadline-seconds = 7200", "deadline-seconds = 0"),
        ("url = \"sqlite:bootmint.db\"", "url = \"oracle://x\""),
        ("clients = 2048", "clients = 0"),
        ("level = \"info\"", "level = \"loud\""),
        ("profile = \"kali\"", "profile = \"../kali\""),
        ("connections = 8", "connections = 0"),
        ("scheme = \"http\"", "scheme = \"https\"\nkey = \"a\""),
    ] {
        assert!(good.contains(from), "{from}");
        std::fs::write(&file, good.replace(from, to)).unwrap();
        let error = load(&file, []).unwrap_err().to_string();
        assert!(error.contains("bootmint.toml"), "{to}: {error}");
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, file) = made();
    let key = file.with_file_name("token.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(load(&file, []), Err(ConfigError::Exposed(path)) if path == key));
}

#[test]
fn a_directory_is_read_with_its_password() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, file) = made();
    let section = "[directory]\nkind = \"openldap\"\ncontrollers = [\"ldap.example.org\"]\n\
                   trust = \"system\"\nbase = \"dc=x\"\ndomain = \"example.org\"\n\
                   service-user = \"cn=a,dc=x\"\nservice-password-file = \"directory-password\"\n\
                   groups = [{ group = \"cn=b,dc=x\", grants = [\"viewer\"] }]\n";
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n{section}")).unwrap();
    assert!(matches!(load(&file, []), Err(ConfigError::Read { .. })), "no password file");
    let password = file.with_file_name("directory-password");
    std::fs::write(&password, "secret\n").unwrap();
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(load(&file, []), Err(ConfigError::Exposed(path)) if path == password));
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(load(&file, []).unwrap().directory.unwrap().recheck.get(), 120);
}

#[test]
fn an_identity_provider_is_read_with_its_secret() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, file) = made();
    let section = "[oidc]\nissuer = \"https://login.example.org\"\nclient-id = \"bootmint\"\n\
                   client-secret-file = \"oidc-secret\"\n\
                   groups = [{ group = \"b\", grants = [\"viewer\"] }]\n";
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n{section}")).unwrap();
    let url = || env("BOOTMINT_CONSOLE__URL", "https://bootmint.example.net");
    assert!(matches!(load(&file, url()), Err(ConfigError::Read { .. })), "no secret file");
    let secret = file.with_file_name("oidc-secret");
    std::fs::write(&secret, "secret\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(load(&file, url()), Err(ConfigError::Exposed(path)) if path == secret));
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let oidc = load(&file, url()).unwrap().oidc.unwrap();
    assert_eq!(oidc.redirect, "https://bootmint.example.net/sign-in/oidc/callback");
    let error = load(&file, []).unwrap_err().to_string();
    assert!(error.contains("bootmint.toml: oidc.") && error.contains("[console]"), "{error}");
}

#[test]
fn the_examples_in_the_default_configuration_are_read() {
    let (_folder, file) = made();
    let text = std::fs::read_to_string(&file).unwrap();
    let lines =
        text.lines().skip_while(|line| *line != "# [oidc]").take_while(|line| !line.is_empty());
    let section: String =
        lines.map(|line| format!("{}\n", line.trim_start_matches("# "))).collect();
    let section = section.replace("client-secret-file", "#");
    std::fs::write(&file, format!("{text}\n{section}")).unwrap();
    let url = env("BOOTMINT_CONSOLE__URL", "https://bootmint.example.net");
    assert_eq!(load(&file, url).unwrap().oidc.unwrap().recheck.get(), 300);
}

//! The profiles that come with the server, as `bootmint init` writes them.

/// The profile `$name` with its answer files.
macro_rules! files {
    ($($name:literal: $($file:literal),+;)+) => {
        &[$($((
            concat!($name, "/", $file),
            include_str!(concat!("../../profiles/", $name, "/", $file)),
        )),+),+]
    };
}

/// Path below the folder of profiles, and text.
pub const FILES: &[(&str, &str)] = files! {
    "coreos": "profile.toml", "config.ign";
    "debian": "profile.toml", "preseed.cfg";
    "esxi": "profile.toml", "boot.cfg", "ks.cfg";
    "flatcar": "profile.toml", "live.ign", "config.ign";
    "kali": "profile.toml", "preseed.cfg";
    "memtest": "profile.toml";
    "rescue": "profile.toml";
    "rhel": "profile.toml", "ks.cfg";
    "shell": "profile.toml";
    "tools": "profile.toml";
    "ubuntu": "profile.toml", "user-data", "meta-data";
    "windows": "profile.toml", "startnet.cmd", "unattend.xml";
};

//! The profiles that come with the server, as `bootmint init` writes them.

/// Path below the folder of profiles, and text.
pub const FILES: &[(&str, &str)] = &[
    ("kali/profile.toml", include_str!("../../profiles/kali/profile.toml")),
    ("kali/preseed.cfg", include_str!("../../profiles/kali/preseed.cfg")),
    ("debian/profile.toml", include_str!("../../profiles/debian/profile.toml")),
    ("debian/preseed.cfg", include_str!("../../profiles/debian/preseed.cfg")),
];

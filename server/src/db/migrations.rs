//! Brings the schema up to date. Every engine has the same versions, each in its own SQL.

use super::{DbError, engine::Engine};
use crate::time::Timestamp;

/// The migrations of an engine, as a list of files.
macro_rules! files {
    ($folder:literal: $($version:literal $name:literal),+ $(,)?) => {
        &[$(($version, include_str!(concat!("migrations/", $folder, "/", $name)))),+]
    };
}

pub(super) const SQLITE: &[(i64, &str)] = files!("sqlite":
    1 "0001-start.sql",
    10 "0010-arm-requests.sql",
    20 "0020-accounts.sql",
    21 "0021-read-count.sql",
    30 "0030-console.sql",
    40 "0040-webhooks-and-assets.sql",
    45 "0045-views.sql",
    50 "0050-directory.sql",
    51 "0051-second-factors.sql",
    60 "0060-openid.sql",
    61 "0061-profiles.sql",
    62 "0062-secrets-and-retention.sql",
    63 "0063-former-ids.sql",
    64 "0064-session-turns.sql",
    70 "0070-host-tokens.sql",
);
pub(super) const POSTGRES: &[(i64, &str)] = files!("postgres":
    1 "0001-start.sql",
    10 "0010-arm-requests.sql",
    20 "0020-accounts.sql",
    21 "0021-read-count.sql",
    30 "0030-console.sql",
    40 "0040-webhooks-and-assets.sql",
    45 "0045-views.sql",
    50 "0050-directory.sql",
    51 "0051-second-factors.sql",
    60 "0060-openid.sql",
    61 "0061-profiles.sql",
    62 "0062-secrets-and-retention.sql",
    63 "0063-former-ids.sql",
    64 "0064-session-turns.sql",
    70 "0070-host-tokens.sql",
);
pub(super) const MYSQL: &[(i64, &str)] = files!("mysql":
    1 "0001-start.sql",
    10 "0010-arm-requests.sql",
    20 "0020-accounts.sql",
    21 "0021-read-count.sql",
    30 "0030-console.sql",
    40 "0040-webhooks-and-assets.sql",
    45 "0045-views.sql",
    50 "0050-directory.sql",
    51 "0051-second-factors.sql",
    60 "0060-openid.sql",
    61 "0061-profiles.sql",
    62 "0062-secrets-and-retention.sql",
    63 "0063-former-ids.sql",
    64 "0064-session-turns.sql",
    70 "0070-host-tokens.sql",
);
/// SQL Server came with version 51, whose file makes the whole schema as it was then.
pub(super) const SQLSERVER: &[(i64, &str)] = files!("sqlserver":
    51 "0051-start.sql",
    60 "0060-openid.sql",
    61 "0061-profiles.sql",
    62 "0062-secrets-and-retention.sql",
    63 "0063-former-ids.sql",
    64 "0064-session-turns.sql",
    70 "0070-host-tokens.sql",
);

/// Applies the migrations that are missing, each in a transaction of its own.
pub(super) async fn apply(engine: &Engine) -> Result<(), DbError> {
    let migrations = engine.migrations();
    let lock = engine.lock_schema().await?;
    for &(version, script) in migrations {
        let mut tx = engine.begin().await?;
        tx.lock_schema().await?;
        tx.execute(engine.version_table(), []).await?;
        let mut rows = tx.query("SELECT COALESCE(MAX(version), 0) FROM schema_version", []).await?;
        let found = rows.first_mut().ok_or(DbError::Shape)?.int()?;
        let known = migrations.last().map_or(0, |&(version, _)| version);
        if found > known {
            return Err(DbError::TooNew { found, known });
        }
        if found < version {
            tx.script(script).await?;
            let now = Timestamp::now().as_unix();
            tx.execute(
                "INSERT INTO schema_version (version, at) VALUES ($1, $2)",
                [version.into(), now.into()],
            )
            .await?;
        }
        tx.commit().await?;
    }
    lock.release().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_have_the_same_versions_in_rising_order() {
        let versions =
            |of: &[(i64, &str)]| of.iter().map(|&(version, _)| version).collect::<Vec<_>>();
        assert!(SQLITE.is_sorted_by_key(|&(version, _)| version));
        assert_eq!(versions(SQLITE), versions(POSTGRES));
        assert_eq!(versions(SQLITE), versions(MYSQL));
        let later = versions(SQLITE).into_iter().filter(|&version| version >= 51);
        assert_eq!(later.collect::<Vec<_>>(), versions(SQLSERVER));
    }
}

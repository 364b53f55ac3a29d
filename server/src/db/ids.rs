//! By what hosts are known besides their tokens, now and before.

use super::{DbError, Tx, at_most_one};
use bootmint_image_factory::host::{Host, HostName};

pub(super) fn asset(host: &Host) -> Option<String> {
    host.asset.as_ref().map(|asset| asset.as_str().to_owned())
}

/// The MAC addresses and the UUID of a host, by kind.
fn ids(host: &Host) -> Vec<(&'static str, String)> {
    let macs = host.nics.iter().filter_map(|nic| nic.mac).map(|mac| ("mac", mac.to_string()));
    let uuid = host.uuid.map(|uuid| ("uuid", uuid.to_string()));
    let mut ids: Vec<_> = macs.chain(uuid).collect();
    // Two interfaces in different VLANs may share their card.
    ids.sort();
    ids.dedup();
    ids
}

/// Writes down by what the host is known besides its token.
pub(super) async fn replace_ids(tx: &mut Tx, host: &Host) -> Result<(), DbError> {
    let name = host.name.as_str();
    tx.execute("DELETE FROM host_ids WHERE host = $1", [name.into()]).await?;
    for (kind, value) in ids(host) {
        let sql = "SELECT host FROM host_ids WHERE kind = $1 AND value = $2";
        if !tx.query(sql, [kind.into(), value.as_str().into()]).await?.is_empty() {
            let what = if kind == "mac" { "MAC address" } else { "UUID" };
            return Err(DbError::Taken { host: name.to_owned(), what });
        }
        tx.execute(
            "INSERT INTO host_ids (kind, value, host) VALUES ($1, $2, $3)",
            [kind.into(), value.into(), name.into()],
        )
        .await?;
    }
    Ok(())
}

/// Remembers by what a host is known that is not new, before it goes or is known by something
/// else.
pub(super) async fn remember(tx: &mut Tx, name: &HostName) -> Result<(), DbError> {
    let mut known = vec![("name".to_owned(), name.as_str().to_owned())];
    let sql = "SELECT token_digest, asset FROM hosts WHERE name = $1";
    if let Some(mut row) = at_most_one(tx.query(sql, [name.as_str().into()]).await?) {
        known.extend(row.maybe_text()?.map(|token| ("token".to_owned(), token)));
        known.extend(row.maybe_text()?.map(|asset| ("asset".to_owned(), asset)));
    }
    let sql = "SELECT kind, value FROM host_ids WHERE host = $1";
    for mut row in tx.query(sql, [name.as_str().into()]).await? {
        known.push((row.text()?, row.text()?));
    }
    for (kind, value) in known {
        if !is_remembered(tx, &kind, &value).await? {
            let sql = "INSERT INTO former_ids (kind, value) VALUES ($1, $2)";
            tx.execute(sql, [kind.into(), value.into()]).await?;
        }
    }
    Ok(())
}

/// Whether a host comes by something that a host was known by which was not new.
pub(super) async fn is_former(
    tx: &mut Tx,
    host: &Host,
    token: Option<&str>,
) -> Result<bool, DbError> {
    let mut known = ids(host);
    known.push(("name", host.name.as_str().to_owned()));
    known.extend(token.map(|token| ("token", token.to_owned())));
    known.extend(asset(host).map(|asset| ("asset", asset)));
    for (kind, value) in known {
        if is_remembered(tx, kind, &value).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn is_remembered(tx: &mut Tx, kind: &str, value: &str) -> Result<bool, DbError> {
    let sql = "SELECT kind FROM former_ids WHERE kind = $1 AND value = $2";
    Ok(!tx.query(sql, [kind.into(), value.into()]).await?.is_empty())
}

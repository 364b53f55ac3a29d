//! Hosts out of any SQL Server: what a query finds.
//!
//! SQL Server has no transactions that cannot write. A query is looked over first, and what it does
//! is rolled back.

use super::{pool::connect, server::Server};
use crate::db::{DbError, ForeignError};
use bootmint_image_factory::feed::MAX_HOSTS;
use tiberius::ColumnData;

/// Words that no query has that only reads. Each of them is reserved: no column or table has such
/// a name without brackets around it.
const WRITES: [&str; 46] = [
    "ADD",
    "ALTER",
    "BACKUP",
    "BEGIN",
    "BULK",
    "CHECKPOINT",
    "COMMIT",
    "CREATE",
    "DBCC",
    "DEALLOCATE",
    "DECLARE",
    "DELETE",
    "DENY",
    "DROP",
    "EXEC",
    "EXECUTE",
    "GOTO",
    "GRANT",
    "IF",
    "INSERT",
    "INTO",
    "KILL",
    "MERGE",
    "OPENDATASOURCE",
    "OPENQUERY",
    "OPENROWSET",
    "PRINT",
    "RAISERROR",
    "RECONFIGURE",
    "RESTORE",
    "REVERT",
    "REVOKE",
    "ROLLBACK",
    "SAVE",
    "SET",
    "SETUSER",
    "SHUTDOWN",
    "TRIGGER",
    "TRUNCATE",
    "UPDATE",
    "UPDATETEXT",
    "USE",
    "WAITFOR",
    "WHILE",
    "WRITETEXT",
    "RETURN",
];

/// The names of the columns, and each row's values.
pub(in crate::db) async fn feed(
    server: &Server,
    query: &str,
) -> Result<(Vec<String>, Vec<Vec<String>>), ForeignError> {
    if !only_reads(query) {
        return Err(ForeignError::Writes);
    }
    let rows = found(server, query).await?;
    let first = rows.first().map(tiberius::Row::columns).unwrap_or_default();
    let names: Vec<String> = first.iter().map(|column| column.name().to_owned()).collect();
    let values = |row: tiberius::Row| {
        let cells = names.iter().zip(row);
        let value = |(name, value): (&String, _)| {
            text(value).ok_or_else(|| ForeignError::Value(name.clone()))
        };
        cells.map(value).collect()
    };
    let rows = rows.into_iter().map(values).collect::<Result<_, _>>()?;
    Ok((names, rows))
}

async fn found(server: &Server, query: &str) -> Result<Vec<tiberius::Row>, DbError> {
    let mut client = connect(server).await?;
    let most = MAX_HOSTS.saturating_add(1);
    for sql in [&format!("SET ROWCOUNT {most}"), "BEGIN TRANSACTION"] {
        client.simple_query(sql).await?.into_results().await?;
    }
    let rows = client.simple_query(query).await?.into_first_result().await?;
    client.simple_query("ROLLBACK TRANSACTION").await?.into_results().await?;
    client.close().await?;
    Ok(rows)
}

fn text(value: ColumnData<'_>) -> Option<String> {
    let text = match value {
        ColumnData::U8(value) => value.map(|n| n.to_string()),
        ColumnData::I16(value) => value.map(|n| n.to_string()),
        ColumnData::I32(value) => value.map(|n| n.to_string()),
        ColumnData::I64(value) => value.map(|n| n.to_string()),
        ColumnData::F32(value) => value.map(|n| n.to_string()),
        ColumnData::F64(value) => value.map(|n| n.to_string()),
        ColumnData::Bit(value) => value.map(|bit| bit.to_string()),
        ColumnData::Numeric(value) => value.map(|n| n.to_string()),
        ColumnData::Guid(value) => value.map(|id| id.to_string()),
        ColumnData::String(value) => value.map(std::borrow::Cow::into_owned),
        _ => return None,
    };
    Some(text.unwrap_or_default())
}

/// Whether a query is one `SELECT`, with what may stand before it, and nothing else.
fn only_reads(query: &str) -> bool {
    let Some(words) = words(query) else { return false };
    matches!(words.first().map(String::as_str), Some("SELECT" | "WITH"))
        && !words.iter().any(|word| WRITES.contains(&word.as_str()))
}

/// The words of a query outside of texts, names in quotes and comments; none if it has a part that
/// does not end, or a second statement.
fn words(query: &str) -> Option<Vec<String>> {
    let (mut words, mut rest) = (Vec::new(), query);
    while let Some(c) = rest.chars().next() {
        let behind = |len: usize| rest.get(len..).unwrap_or_default();
        // Doubled, the sign that ends a text is a part of it: read as two texts, it is skipped too.
        let past = |from: &'static str, end: &str| {
            let inner = behind(from.len());
            inner.find(end).and_then(|at| inner.get(at + end.len()..))
        };
        rest = match c {
            ';' => return None,
            // Where a comment's line ends must not be a matter of opinion.
            '\r' if rest.starts_with("\r\n") => behind(2),
            '\n' | '\t' => behind(1),
            '\u{2028}' | '\u{2029}' => return None,
            c if c.is_control() => return None,
            '\'' => past("'", "'")?,
            '"' => past("\"", "\"")?,
            '[' => past("[", "]")?,
            '-' if rest.starts_with("--") => past("--", "\n").unwrap_or_default(),
            '/' if rest.starts_with("/*") => comment(rest)?,
            c if c.is_alphabetic() || c == '_' => {
                let more = |c: char| c.is_alphanumeric() || "_@#$".contains(c);
                let len = rest.find(|c| !more(c)).unwrap_or(rest.len());
                words.push(rest.get(..len)?.to_uppercase());
                behind(len)
            }
            // A name that begins with these is no word of the language. What begins with a digit
            // is a number, and a word may follow at once.
            '@' | '#' => {
                let more = |c: char| c.is_alphanumeric() || "_@#$".contains(c);
                behind(rest.find(|c| !more(c)).unwrap_or(rest.len()).max(1))
            }
            c => behind(c.len_utf8()),
        };
    }
    Some(words)
}

/// What follows a comment, which may hold others.
fn comment(text: &str) -> Option<&str> {
    let (mut depth, mut rest) = (0_usize, text);
    loop {
        if let Some(inner) = rest.strip_prefix("/*") {
            (depth, rest) = (depth.checked_add(1)?, inner);
        } else if let Some(outer) = rest.strip_prefix("*/") {
            (depth, rest) = (depth.checked_sub(1)?, outer);
            if depth == 0 {
                return Some(rest);
            }
        } else {
            let mut chars = rest.chars();
            chars.next()?;
            rest = chars.as_str();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_query_that_reads_is_let_through() {
        for good in [
            "SELECT 1",
            "-- all\nselect label AS name, [update], \"drop\", 'it''s; DELETE' FROM m ORDER BY label",
            "WITH q AS (SELECT 1 AS a) SELECT a FROM q /* DROP /* nested */ TABLE m */",
            "SELECT updated, created_at, setting, @@VERSION, #t.x FROM #t OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY",
        ] {
            assert!(only_reads(good), "{good}");
        }
    }

    #[test]
    fn a_query_that_writes_is_refused() {
        for bad in [
            "",
            "DELETE FROM m",
            "SELECT 1; SELECT 2",
            "SELECT 1 DELETE FROM m",
            "SELECT 1\nCOMMIT",
            "SELECT 1 INTO m",
            "SELECT 1 exec('x')",
            "SELECT 1 EXECUTE AS USER = 'dbo'",
            "SELECT '' -- '\nDROP TABLE m",
            "SELECT [a]]DELETE] DELETE FROM m",
            "SELECT 'a",
            "SELECT /* a",
            "SELECT 1DELETE FROM m",
            "SELECT $1DELETE FROM m",
            "SELECT 1 -- a\r '\nDELETE FROM m --'",
            "BEGIN TRANSACTION SELECT 1",
        ] {
            assert!(!only_reads(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_word_that_writes_is_found_wherever_it_stands(
            before in "[a-z ,()=*]{0,20}",
            word in prop::sample::select(&WRITES[..]),
            signs in "[ \n\t(),]",
        ) {
            let query = format!("SELECT {before}{signs}{word}{signs}x");
            prop_assert!(!only_reads(&query), "{}", query);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\\PC\n'\"\\[\\]/*;-]{0,60}") {
            only_reads(&text);
        }
    }
}

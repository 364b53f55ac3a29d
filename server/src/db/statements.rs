//! Every statement of the program, and the schema, is written in what SQL Server knows as well.
//!
//! No test here has Microsoft's server, so this looks at the texts themselves: at each literal of
//! this folder that is SQL, or a part of it. Words of the language are written in capitals here and
//! names are not, so that both can be held against lists.

use super::{backup, engine::Bind, migrations};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// The words of Transact-SQL that our statements use. What is not here is added only if SQL Server
/// knows it, in the same place and with the same meaning as the other engines; `LIMIT` and `OFFSET`
/// are translated.
const KNOWN: [&str; 33] = [
    "AND", "AS", "BY", "COALESCE", "COUNT", "DELETE", "DESC", "EXISTS", "FROM", "GROUP", "IN",
    "INSERT", "INTO", "IS", "JOIN", "LEFT", "LIKE", "LIMIT", "MAX", "MIN", "NOT", "NULL", "OFFSET",
    "ON", "OR", "ORDER", "SELECT", "SET", "SUM", "UPDATE", "VALUES", "WHERE", "DISTINCT",
];
/// Words that SQL Server reserves and another engine might let through as names.
const RESERVED: [&str; 62] = [
    "add",
    "all",
    "any",
    "backup",
    "begin",
    "between",
    "browse",
    "bulk",
    "case",
    "check",
    "close",
    "collate",
    "column",
    "commit",
    "constraint",
    "contains",
    "convert",
    "current",
    "cursor",
    "database",
    "default",
    "deny",
    "disk",
    "double",
    "dump",
    "end",
    "exec",
    "exit",
    "external",
    "fetch",
    "file",
    "for",
    "full",
    "function",
    "grant",
    "identity",
    "if",
    "index",
    "key",
    "kill",
    "load",
    "merge",
    "of",
    "off",
    "open",
    "option",
    "outer",
    "over",
    "percent",
    "plan",
    "print",
    "proc",
    "public",
    "read",
    "rule",
    "save",
    "schema",
    "some",
    "table",
    "to",
    "user",
    "view",
];

/// A text without what is in quotes.
fn bare(sql: &str) -> String {
    sql.split('\'').step_by(2).collect::<Vec<_>>().join("''")
}

fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// What SQL Server would not know of a statement, or of a part of one.
fn unknown(sql: &str) -> Option<String> {
    let sql = bare(sql);
    for word in words(&sql) {
        let capitals = word.chars().all(|c| c.is_ascii_uppercase());
        if capitals && !KNOWN.contains(&word) {
            return Some(format!("the word {word}"));
        }
        if !capitals && RESERVED.contains(&word.to_ascii_lowercase().as_str()) {
            return Some(format!("the name {word}, which is reserved"));
        }
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || " _,.()=<>*+-%$'{}".contains(c);
    if let Some(sign) = sql.chars().find(|&c| !plain(c)) {
        return Some(format!("the sign {sign:?}"));
    }
    if sql.contains(") IN") || sql.contains("!=") {
        return Some("several columns in IN, or !=".into());
    }
    misplaced(&sql)
}

fn misplaced(sql: &str) -> Option<String> {
    for (at, _) in sql.match_indices("LIMIT") {
        let rest = sql[at..].replace("OFFSET ", "");
        let numbers = rest.split(' ').skip(1);
        let number = |text: &str| text.trim_start_matches('$').parse::<u8>().is_ok();
        if !numbers.clone().all(number) || !(1..=2).contains(&numbers.count()) {
            return Some("LIMIT that is not at the end".into());
        }
    }
    if sql.starts_with("SELECT") && sql.contains("OFFSET") && !sql.contains("ORDER BY") {
        return Some("OFFSET without an order".into());
    }
    for (at, _) in sql.match_indices("SELECT ") {
        let list = sql[at..].split(" FROM ").next().unwrap_or_default();
        if list.contains(['<', '>', '=']) {
            return Some("a truth value as a column".into());
        }
    }
    for (at, _) in sql.match_indices("ORDER BY") {
        let before = &sql[..at];
        if before.matches('(').count() > before.matches(')').count() {
            return Some("ORDER BY in a part of a statement".into());
        }
    }
    let behind = |verb: &str| {
        let rest = sql.strip_prefix(verb)?;
        Some(rest.split(' ').nth(1).unwrap_or("WHERE").to_owned())
    };
    let alias = |word: Option<String>, wanted| word.is_some_and(|word| word != wanted);
    if alias(behind("UPDATE "), "SET") || alias(behind("DELETE FROM "), "WHERE") {
        return Some("another name for the table of UPDATE or DELETE".into());
    }
    None
}

/// The literals of a source that are SQL, up to its tests.
fn sql_of(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |all, line| all + line + "\n");
    // Quotes inside of a literal are escaped; quotes in single quotes are not used in this folder.
    let code = code.replace("\\\"", "\u{1}");
    let literals = code.split('"').skip(1).step_by(2).map(|literal| {
        let parts: Vec<&str> = literal.split("\\\n").collect();
        let (first, rest) = parts.split_first().unwrap();
        rest.iter().fold((*first).to_owned(), |all, part| all + part.trim_start())
    });
    let is_sql = |literal: &String| {
        let words: BTreeSet<&str> = words(literal).collect();
        ["SELECT", "INSERT", "UPDATE", "DELETE", "FROM", "WHERE", "JOIN", "VALUES", "LIMIT", "SET"]
            .iter()
            .any(|word| words.contains(word))
    };
    literals.filter(is_sql).collect()
}

/// All of them: by file.
fn all() -> BTreeMap<String, Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/db");
    let mut found = BTreeMap::new();
    // The engines' own statements are in `engine`; a foreign query is the engine's matter, too.
    for sub in ["", "backup"] {
        for entry in std::fs::read_dir(folder.join(sub)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let other = ["foreign.rs", "statements.rs", "tests.rs"].contains(&name.as_str());
            if name.ends_with(".rs") && !other {
                let sql = sql_of(&std::fs::read_to_string(&path).unwrap());
                found.insert(format!("{sub}/{name}"), sql);
            }
        }
    }
    found
}

#[test]
fn every_statement_is_one_that_sql_server_knows() {
    let all = all();
    let count: usize = all.values().map(Vec::len).sum();
    assert!(count > 120, "statements are found: {count}");
    for (file, statements) in &all {
        for sql in statements {
            assert_eq!(unknown(sql), None, "{file}: {sql}");
        }
    }
    for table in backup::TABLES {
        assert_eq!(unknown(table.read), None, "{}", table.read);
        assert_eq!(unknown(table.write), None, "{}", table.write);
    }
}

#[test]
fn what_sql_server_does_not_know_is_found() {
    for bad in [
        "INSERT INTO t (a) VALUES ($1) RETURNING a",
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT DO NOTHING",
        "SELECT a FROM t WHERE b = TRUE",
        "SELECT a FROM t WHERE b = $1 FOR UPDATE",
        "SELECT a || b FROM t",
        "SELECT a::text FROM t",
        "SELECT a FROM (SELECT a FROM t LIMIT 1) u",
        "SELECT a FROM t LIMIT $1 UNION SELECT b FROM u",
        "SELECT a FROM t LIMIT $1 OFFSET $2",
        "SELECT a = 'x' FROM t",
        "SELECT a FROM t WHERE b IN (SELECT b FROM u ORDER BY b)",
        "SELECT a FROM t WHERE (b, c) IN (SELECT b, c FROM u)",
        "UPDATE t u SET a = $1 WHERE u.b = $2",
        "DELETE FROM t u WHERE u.b = $1",
        "SELECT key FROM t",
        "SELECT `a` FROM t",
        "SELECT a FROM t WHERE b != $1",
        "SELECT a FROM t ORDER BY a NULLS LAST",
        "SELECT a FROM t WHERE a ILIKE $1",
        "SELECT GREATEST(a, b) FROM t",
    ] {
        assert!(unknown(bad).is_some(), "{bad}");
    }
    for good in [
        "SELECT a, COUNT(*) FROM t WHERE b <> 'it''s = TRUE || x' GROUP BY a",
        "DELETE FROM t",
        "SELECT a FROM t ORDER BY a LIMIT $1 OFFSET $2",
        "SELECT h.a FROM t h WHERE h.a IN (SELECT i.a FROM u i WHERE (i.b = 'x' AND i.c = $1)) LIMIT 2",
    ] {
        assert_eq!(unknown(good), None, "{good}");
    }
}

/// A column's kind by its type, without its length.
fn columns_of(scripts: &str) -> BTreeMap<(String, String), &'static str> {
    let mut found = BTreeMap::new();
    let mut table = String::new();
    for line in scripts.lines().map(str::trim).filter(|line| !line.starts_with("--")) {
        let mut parts = line.split([' ', '(', ',']);
        let line_words: Vec<&str> = parts.by_ref().collect();
        let (name, kind) = match line_words.as_slice() {
            ["CREATE", "TABLE", name, ..] => {
                table = (*name).to_owned();
                continue;
            }
            ["ALTER", "TABLE", name, "ADD", column, kind, ..] => {
                table = (*name).to_owned();
                (*column, *kind)
            }
            [column, kind, ..] if !table.is_empty() => (*column, *kind),
            _ => {
                table.clear();
                continue;
            }
        };
        let kind = match kind {
            "BIGINT" => "Int",
            "NVARCHAR" => {
                assert!(line.contains("COLLATE Latin1_General_100_BIN2"), "{line}");
                "Text"
            }
            _ => continue,
        };
        found.insert((table.clone(), name.to_owned()), kind);
    }
    found
}

#[test]
fn sql_server_has_the_columns_of_all_engines() {
    let scripts: String =
        migrations::SQLSERVER.iter().fold(String::new(), |all, (_, sql)| all + sql + "\n");
    let mut columns = columns_of(&scripts);
    columns.retain(|(table, _), _| !matches!(table.as_str(), "audit_head" | "audit_start"));
    let listed: BTreeMap<(String, String), String> = backup::TABLES
        .iter()
        .flat_map(|table| table.columns.iter().map(move |column| (table.name, column)))
        .map(|(table, (column, kind))| {
            ((table.to_owned(), (*column).to_owned()), format!("{kind:?}"))
        })
        .collect();
    let columns: BTreeMap<_, _> =
        columns.into_iter().map(|(key, kind)| (key, kind.to_owned())).collect();
    assert_eq!(columns, listed);
}

#[test]
fn migrations_of_sql_server_are_batches_that_it_takes() {
    for (version, script) in migrations::SQLSERVER {
        for other in ["IF NOT EXISTS", " TEXT", " VARCHAR", "ADD COLUMN", "RETURNS trigger", "::"] {
            assert!(!script.contains(other), "{version}: {other}");
        }
        for batch in script.split("\nGO\n") {
            // These must be alone in their batches.
            for alone in ["CREATE TRIGGER", "CREATE VIEW", "CREATE FUNCTION", "CREATE PROCEDURE"] {
                assert!(!batch.contains(alone) || batch.trim_start().starts_with(alone), "{batch}");
            }
        }
    }
}

/// SQL Server takes `a` and `a ` for the same text. None of what we look for by text can end so.
#[test]
fn texts_that_are_looked_for_do_not_end_with_spaces() {
    use crate::auth::UserName;
    use bootmint_image_factory::host::{HostName, Text, Token};
    assert!("web-01 ".parse::<HostName>().is_err());
    assert!("alice ".parse::<UserName>().is_err());
    assert!("A 1 ".parse::<Text>().is_err());
    assert!("0123456789abcdef0 ".parse::<Token>().is_err());
    let Bind::Text(Some(digest)) = Bind::from(crate::secret::Digest::of(b" ").as_str()) else {
        panic!("a digest is text")
    };
    assert!(digest.chars().all(|c| c.is_ascii_hexdigit()));
}

//! The statements that all engines share, as SQL Server has them: the other way of numbering
//! parameters, `TOP` and `OFFSET` instead of `LIMIT`, and counts that are 64 bits wide.

use crate::db::engine::known::Known;

/// The statement `sql` in Transact-SQL.
pub(super) fn translated(sql: &'static str) -> &'static str {
    static KNOWN: Known<String> = Known::new();
    KNOWN.get(sql, translate)
}

/// Our statements have no `$` but those of their parameters, and `LIMIT` only at their ends.
fn translate(sql: &str) -> String {
    let sql = sql.replace('$', "@P").replace("COUNT(*)", "COUNT_BIG(*)");
    let Some((select, limit)) = sql.rsplit_once(" LIMIT ") else { return sql };
    match limit.split_once(" OFFSET ") {
        // Rows are only skipped in an order, which all of our statements that do so give.
        Some((most, skipped)) => {
            format!("{select} OFFSET {skipped} ROWS FETCH NEXT {most} ROWS ONLY")
        }
        None => select.replacen("SELECT ", &format!("SELECT TOP ({limit}) "), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn limits_and_counts_are_those_of_transact_sql() {
        for (sql, expected) in [
            ("SELECT 1", "SELECT 1"),
            ("SELECT a FROM t WHERE b = $1 LIMIT 2", "SELECT TOP (2) a FROM t WHERE b = @P1"),
            (
                "SELECT a FROM t WHERE b > $1 AND EXISTS (SELECT 1 FROM u) ORDER BY a DESC LIMIT $12",
                "SELECT TOP (@P12) a FROM t WHERE b > @P1 AND EXISTS (SELECT 1 FROM u) ORDER BY a DESC",
            ),
            (
                "SELECT a FROM t ORDER BY a, b LIMIT $1 OFFSET $2",
                "SELECT a FROM t ORDER BY a, b OFFSET @P2 ROWS FETCH NEXT @P1 ROWS ONLY",
            ),
            ("SELECT b, COUNT(*) FROM t GROUP BY b", "SELECT b, COUNT_BIG(*) FROM t GROUP BY b"),
            ("UPDATE t SET a = $2 WHERE b = $2", "UPDATE t SET a = @P2 WHERE b = @P2"),
        ] {
            assert_eq!(translated(sql), expected);
        }
    }

    proptest! {
        /// What is no parameter, limit or count stays as it is, and every parameter is there once
        /// for each of its uses.
        #[test]
        fn nothing_else_is_changed(
            columns in prop::collection::vec("[a-z_]{1,12}", 1..5),
            table in "[a-z_]{1,12}",
            uses in prop::collection::vec(1_u8..=20, 1..8),
            text in "[ a-z0-9,%-]{0,12}",
            limit in prop::option::of((1_u8..=20, prop::option::of(1_u8..=20))),
        ) {
            let columns = columns.join(", ");
            let tests = |sign: &str| {
                let uses: Vec<_> = uses.iter().map(|n| format!("c = {sign}{n}")).collect();
                format!("{} AND d <> '{text}' ORDER BY c", uses.join(" AND "))
            };
            let (given, top, end) = match limit {
                None => (String::new(), String::new(), String::new()),
                Some((n, None)) => (format!(" LIMIT ${n}"), format!("TOP (@P{n}) "), String::new()),
                Some((n, Some(m))) => (
                    format!(" LIMIT ${n} OFFSET ${m}"),
                    String::new(),
                    format!(" OFFSET @P{m} ROWS FETCH NEXT @P{n} ROWS ONLY"),
                ),
            };
            let sql = format!("SELECT {columns} FROM {table} WHERE {}{given}", tests("$"));
            let expected = format!("SELECT {top}{columns} FROM {table} WHERE {}{end}", tests("@P"));
            prop_assert_eq!(translate(&sql), expected);
        }
    }
}

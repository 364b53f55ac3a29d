//! Numbered parameters (`$1`) for engines that know none: each use becomes a `?` of its own.

use super::known::Known;

/// A statement with question marks, and which parameter each of them stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Positional {
    pub(super) sql: String,
    pub(super) order: Vec<usize>,
}

/// The statement `sql` with question marks.
pub(super) fn positional(sql: &'static str) -> &'static Positional {
    static KNOWN: Known<Positional> = Known::new();
    KNOWN.get(sql, translate)
}

/// Our statements have no `$` but those of their parameters.
fn translate(sql: &str) -> Positional {
    let mut parts = sql.split('$');
    let mut out = Positional { sql: parts.next().unwrap_or_default().to_owned(), order: vec![] };
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(end);
        // A number that is wrong finds no parameter, and the engine says so.
        out.order.push(number.parse::<usize>().map_or(usize::MAX, |n| n.wrapping_sub(1)));
        out.sql.push('?');
        out.sql.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_use_of_a_parameter_is_one_question_mark() {
        let one = positional("UPDATE t SET a = $2, b = $12 WHERE c = $2 AND d > $1");
        assert_eq!(one.sql, "UPDATE t SET a = ?, b = ? WHERE c = ? AND d > ?");
        assert_eq!(one.order, [1, 11, 1, 0]);
        assert_eq!(positional("SELECT 1").order, [0; 0]);
        assert!(std::ptr::eq(
            one,
            positional("UPDATE t SET a = $2, b = $12 WHERE c = $2 AND d > $1")
        ));
    }
}

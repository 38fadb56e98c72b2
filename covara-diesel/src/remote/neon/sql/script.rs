//! Splits scripts into statements.

use super::tokens::{Kind, Tokens};

/// Returns the statements of a script, without their semicolons.
pub(crate) fn statements(script: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut is_empty = true;
    // `BEGIN ATOMIC … END` is the body of a function, and has semicolons.
    let mut is_body = false;
    // The actions of a rule are in parentheses, and have semicolons.
    let mut open = 0_usize;
    let mut previous = "";
    for (kind, range) in Tokens::new(script) {
        let text = &script[range.clone()];
        match kind {
            Kind::Space => continue,
            Kind::Semicolon if !is_body && open == 0 => {
                if !is_empty {
                    found.push(script[start..range.start].trim());
                }
                (start, is_empty) = (range.end, true);
            }
            Kind::Other => {
                is_empty = false;
                match text {
                    "(" => open += 1,
                    ")" => open = open.saturating_sub(1),
                    _ => {}
                }
            }
            Kind::Word => {
                is_empty = false;
                let is = |keyword: &str| text.eq_ignore_ascii_case(keyword);
                if is("ATOMIC") && previous.eq_ignore_ascii_case("BEGIN") && open == 0 {
                    is_body = true;
                } else if is("END") && (previous == ";" || previous.eq_ignore_ascii_case("ATOMIC"))
                {
                    // Where a statement would begin; any other ends a CASE, or is a name.
                    is_body = false;
                }
            }
            _ => is_empty = false,
        }
        previous = text;
    }
    if !is_empty {
        found.push(script[start..].trim());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_split_where_postgresql_splits_them() {
        let function = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 \
             END; SELECT 1 AS end; END";
        let rule = "CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM b; DELETE FROM c)";
        let escaped = "SELECT E'a''\\'; $1', E'b'\n -- '\n '\\'; '";
        let script = format!(
            "-- first;\nSELECT ';';; {function};\nCREATE TABLE x (begin atomic); DO $x$ BEGIN PERFORM 1; END $x$; {rule}; \
             {escaped}; SELECT 'ä;' "
        );
        assert_eq!(
            statements(&script),
            [
                "-- first;\nSELECT ';'",
                function,
                "CREATE TABLE x (begin atomic)",
                "DO $x$ BEGIN PERFORM 1; END $x$",
                rule,
                escaped,
                "SELECT 'ä;'",
            ]
        );
        assert!(statements(" ; -- nothing\n").is_empty());
    }
}

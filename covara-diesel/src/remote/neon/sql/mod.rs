//! The part of PostgreSQL's syntax that sending a statement requires.

mod facts;
mod insert;
mod position;
mod script;
mod tokens;

pub(super) use facts::{Facts, Place};
pub(super) use insert::RowInsert;
pub(super) use position::original_position;
pub(super) use script::statements;

use tokens::{Kind, Tokens};

/// Replaces each placeholder with what `rewrite` appends for its number.
pub(super) fn rewrite_placeholders<E>(
    sql: &str,
    mut rewrite: impl FnMut(usize, &mut String) -> Result<(), E>,
) -> Result<String, E> {
    let mut written = String::with_capacity(sql.len() + 64);
    for (kind, range) in Tokens::new(sql) {
        let text = &sql[range];
        match text.get(1..).map(str::parse) {
            Some(Ok(number)) if kind == Kind::Placeholder => rewrite(number, &mut written)?,
            _ => written.push_str(text),
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_where_postgresql_finds_them() {
        let sql = "SELECT $1, '$2', E'\\'$3', \"$4\", $$ $5 $$, $a$ $6 $$ $a$, a$7, $12::int8 -- $8\n\
             /* $9 /* $9 */ $9 */ + $2, E'x''\\' $10' || $3";
        let rewritten = rewrite_placeholders(sql, |number, written| {
            written.push_str(&format!("<{number}>"));
            Ok::<_, ()>(())
        });
        assert_eq!(
            rewritten.unwrap(),
            "SELECT <1>, '$2', E'\\'$3', \"$4\", $$ $5 $$, $a$ $6 $$ $a$, a$7, <12>::int8 -- $8\n\
             /* $9 /* $9 */ $9 */ + <2>, E'x''\\' $10' || <3>"
        );
    }
}

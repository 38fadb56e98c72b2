//! Inserts of one row, which are made inserts of many.

use std::convert::Infallible;

use super::rewrite_placeholders;
use super::tokens::{Kind, Tokens};

/// An insert of one row, split where other rows may follow.
pub(crate) struct RowInsert<'s> {
    before: &'s str,
    row: &'s str,
    after: &'s str,
}

impl<'s> RowInsert<'s> {
    /// Finds the row, which is in parentheses after `VALUES` and has the first placeholder.
    pub(crate) fn of(sql: &'s str) -> Option<Self> {
        let mut previous = "";
        let mut open = Vec::new();
        let mut start = None;
        for (kind, range) in Tokens::new(sql) {
            let text = &sql[range.clone()];
            match (kind, text) {
                (Kind::Space, _) => continue,
                (Kind::Other, "(") => {
                    open.push((range.start, previous.eq_ignore_ascii_case("VALUES")));
                }
                (Kind::Other, ")") => {
                    let (opened, _) = open.pop()?;
                    if start == Some(opened) {
                        let (before, rest) = sql.split_at(opened);
                        let (row, after) = rest.split_at(range.end - opened);
                        return Some(Self { before, row, after });
                    }
                }
                (Kind::Placeholder, _) if start.is_none() => {
                    let values = open.iter().find(|(_, is_row)| *is_row);
                    start = Some(values?.0);
                }
                _ => {}
            }
            previous = text;
        }
        None
    }

    /// Returns the number of values of a row.
    fn width(&self) -> usize {
        let tokens = Tokens::new(self.row);
        tokens
            .filter(|(kind, _)| *kind == Kind::Placeholder)
            .count()
    }

    /// Returns an insert of any number of rows that takes an array for each column, of these types;
    /// `None` if the row is more than a placeholder for each column.
    pub(crate) fn of_arrays(&self, types: &[String]) -> Option<String> {
        let inner = self.row.strip_prefix('(')?.strip_suffix(')')?;
        let places: Vec<&str> = inner.split(',').map(str::trim).collect();
        let is_in_order = |(at, place): (usize, &&str)| **place == format!("${}", at + 1);
        if places.len() != types.len() || !places.iter().enumerate().all(is_in_order) {
            return None;
        }
        let before = self.before.trim_end();
        let (before, values) = before.split_at_checked(before.len().checked_sub(6)?)?;
        if !values.eq_ignore_ascii_case("VALUES") {
            return None;
        }
        let arrays = places.iter().zip(types);
        let arrays = arrays.map(|(place, array)| format!("({place}::{array})"));
        let names = (1..=types.len()).map(|number| format!("column{number}"));
        // With several arguments the name is a part of the syntax, and has no schema.
        let schema = if types.len() == 1 { "pg_catalog." } else { "" };
        Some(format!(
            "{before}SELECT * FROM {schema}unnest({}) AS covara_rows ({}){}",
            arrays.collect::<Vec<_>>().join(", "),
            names.collect::<Vec<_>>().join(", "),
            self.after
        ))
    }

    /// Returns an insert of the rows of these values as one statement with the values in its text.
    /// `None` if a value has a NUL character, which no SQL can have.
    pub(crate) fn all(&self, values: &[Option<String>]) -> Option<String> {
        if values.iter().flatten().any(|value| value.contains('\0')) {
            return None;
        }
        let mut sql = self.before.to_owned();
        for (position, row) in values.chunks(self.width().max(1)).enumerate() {
            if position > 0 {
                sql.push_str(", ");
            }
            let literal = |number: usize, written: &mut String| {
                let value = number.checked_sub(1).and_then(|at| row.get(at)?.as_ref());
                match value {
                    Some(text) => written.push_str(&quoted(text)),
                    None => written.push_str("NULL"),
                }
                Ok::<_, Infallible>(())
            };
            let Ok(written) = rewrite_placeholders(self.row, literal);
            sql.push_str(&written);
        }
        sql.push_str(self.after);
        Some(sql)
    }
}

/// Returns a literal that means the same whatever `standard_conforming_strings` is.
fn quoted(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    match doubled.contains('\\') {
        true => format!("E'{}'", doubled.replace('\\', "\\\\")),
        false => format!("'{doubled}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_joined_with_their_values() {
        let one = "INSERT INTO \"values (\" (a, b) VALUES (($1::int8), ($2::text)) ON CONFLICT (a) \
             DO NOTHING";
        let insert = RowInsert::of(one).unwrap();
        let values = ["1", "it's $1", "2"].map(|text| Some(text.to_owned()));
        let values = [values.to_vec(), vec![None]].concat();
        assert_eq!(
            insert.all(&values).unwrap(),
            "INSERT INTO \"values (\" (a, b) VALUES (('1'::int8), ('it''s $1'::text)), \
             (('2'::int8), (NULL::text)) ON CONFLICT (a) DO NOTHING"
        );
        let values = ["1", "\\'"].map(|text| Some(text.to_owned()));
        let sql = insert.all(&values).unwrap();
        assert!(sql.contains(r"(E'\\'''::text)"), "{sql}");
        let values = ["1", "a\0b"].map(|text| Some(text.to_owned()));
        assert_eq!(insert.all(&values), None);
        assert!(RowInsert::of("SELECT $1").is_none());
    }

    #[test]
    fn columns_become_arrays() {
        let types = ["int[]", "pg_catalog.\"text\"[]"].map(str::to_owned);
        let arrays = |sql: &str| RowInsert::of(sql).unwrap().of_arrays(&types);
        assert_eq!(
            arrays("INSERT INTO a (b, c) VALUES ($1, $2) ON CONFLICT DO NOTHING").unwrap(),
            "INSERT INTO a (b, c) SELECT * FROM unnest(($1::int[]), ($2::pg_catalog.\"text\"[])) \
             AS covara_rows (column1, column2) ON CONFLICT DO NOTHING"
        );
        let update = "INSERT INTO a SELECT * FROM (VALUES ($1,$2)) AS new WHERE new.column1 > 0";
        assert!(
            arrays(update)
                .unwrap()
                .ends_with("column2)) AS new WHERE new.column1 > 0")
        );
        for other in ["($2, $1)", "($1, f($2))", "($1, DEFAULT)", "($1)"] {
            assert_eq!(
                arrays(&format!("INSERT INTO a VALUES {other}")),
                None,
                "{other}"
            );
        }
    }
}

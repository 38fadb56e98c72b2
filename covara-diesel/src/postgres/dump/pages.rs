//! Reads a table in pages, where there are no transactions.

use diesel::connection::LoadConnection;
use diesel::pg::Pg;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::row::{Field, Row};

use super::{as_text, text_of, write_row};
use crate::backend::connection::BackendConnection;
use crate::dump::DumpError;
use crate::dump::engine::{DumpTable, PageKey};
use crate::dump::row::RowWriter;

/// Bytes of a page, if it has more than one row.
const PAGE: usize = 1 << 20;

/// Rows of the first page, from which the length of rows is learned.
const FIRST_ROWS: usize = 64;
const MOST_ROWS: usize = 4096;

pub(super) fn read<C>(
    conn: &mut C,
    table: &DumpTable,
    writer: &mut RowWriter<'_>,
) -> Result<(), DumpError>
where
    C: BackendConnection<Backend = Pg>,
{
    let mut rows = FIRST_ROWS;
    let mut last = None;
    loop {
        let query = query(table, last.as_deref(), rows);
        let page = page(conn, query, table, writer)?;
        // The server leaves out what is too much for the page.
        let is_whole = page.count == page.left;
        if page.count == 0 || is_whole && page.left < rows {
            return Ok(());
        }
        rows = match is_whole {
            true => {
                let fitting = (PAGE * page.count).checked_div(page.bytes);
                fitting
                    .unwrap_or(MOST_ROWS)
                    .clamp(1, MOST_ROWS.min(4 * rows))
            }
            false => (2 * page.count).min(rows),
        };
        last = Some(page.last);
    }
}

/// The size of a page, and its end.
#[derive(Default)]
struct Page {
    /// Number of its rows.
    count: usize,
    /// Number of rows from its first one on, up to the most that were asked for.
    left: usize,
    /// Length of its values.
    bytes: usize,
    /// The texts of its last row's keys.
    last: Vec<String>,
}

/// Writes the rows of a page.
fn page<C>(
    conn: &mut C,
    query: String,
    table: &DumpTable,
    writer: &mut RowWriter<'_>,
) -> Result<Page, DumpError>
where
    C: BackendConnection<Backend = Pg>,
{
    let mut page = Page::default();
    let rows = LoadConnection::load(conn, diesel::sql_query(query));
    for row in rows.map_err(|error| writer.interrupted(error))? {
        let row = row.map_err(|error| writer.interrupted(error))?;
        page.bytes += write_row(&row, table, writer)?;
        page.count += 1;
        let further = (table.columns.len()..row.field_count()).map(|position| {
            let field = row.get(position)?;
            let text = str::from_utf8(field.value()?.as_bytes()).ok()?.to_owned();
            Some(text)
        });
        let known = further.collect::<Option<Vec<String>>>();
        let known = known.and_then(|mut texts| {
            let left = texts.pop()?.parse().ok()?;
            Some((texts, left))
        });
        let Some((last, left)) = known else {
            return Err(writer.interrupted(unknown()));
        };
        (page.last, page.left) = (last, left);
    }
    Ok(page)
}

fn unknown() -> Error {
    Error::DatabaseError(
        DatabaseErrorKind::Unknown,
        Box::new("the server does not tell where the next page begins".to_owned()),
    )
}

/// Returns the query for a page: the columns, the keys and the number of rows that are left, all as
/// texts.
fn query(table: &DumpTable, last: Option<&[String]>, rows: usize) -> String {
    let columns = table.columns.iter().map(|column| as_text(&column.name));
    let keys = table.page_keys.iter().map(|key| text_of(&key.expression));
    let values: Vec<String> = columns.chain(keys).collect();
    let named = values.iter().enumerate();
    let named: Vec<String> = named
        .map(|(at, value)| format!("{value} AS c{at}"))
        .collect();
    let names: Vec<String> = (0..values.len()).map(|at| format!("c{at}")).collect();
    let (named, names) = (named.join(", "), names.join(", "));
    let order = table.page_keys.iter().map(|key| &*key.expression);
    let order = order.collect::<Vec<_>>().join(", ");
    let after = last.map_or(String::new(), |last| {
        format!(" WHERE {}", after(&table.page_keys, last))
    });
    // Rows stay in the order of the innermost query.
    format!(
        "SELECT {names}, format('%s', rows) FROM (
             SELECT {names}, count(*) OVER () AS rows, row_number() OVER () AS number,
                    sum(octet_length(array_to_string(ARRAY[{names}], '')))
                        OVER (ROWS UNBOUNDED PRECEDING) AS size
             FROM (SELECT {named} FROM {}{after} ORDER BY {order} LIMIT {rows}) AS rows_of_page
         ) AS page
         WHERE size <= {PAGE} OR number = 1 ORDER BY number",
        table.table
    )
}

/// Returns the condition for rows after the one with these keys.
fn after(keys: &[PageKey], last: &[String]) -> String {
    let values = keys.iter().zip(last).map(|(key, text)| {
        // The input function of the type reads it.
        format!("CAST('{}' AS {})", text.replace('\'', "''"), key.sql_type)
    });
    let values: Vec<String> = values.collect();
    let greater = keys.first().map_or("", |key| &*key.greater);
    if keys.iter().all(|key| key.greater == greater) {
        let keys: Vec<&str> = keys.iter().map(|key| &*key.expression).collect();
        let (keys, values) = (keys.join(", "), values.join(", "));
        return format!("ROW({keys}) {greater} ROW({values})");
    }
    let conditions = keys.iter().zip(&values).rev();
    conditions.fold("false".to_owned(), |rest, (key, value)| {
        let PageKey {
            expression,
            greater,
            ..
        } = key;
        format!("({expression} {greater} {value} OR NOT {value} {greater} {expression} AND {rest})")
    })
}

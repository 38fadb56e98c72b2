//! Reads tables of SQLite over HTTP, page by page, so that answers stay small.

use data_encoding::HEXUPPER;
use diesel::connection::LoadConnection;
use diesel::prelude::*;
use diesel::query_builder::BoxedSqlQuery;
use diesel::row::{Field, Row};
use diesel::sql_types::{BigInt, Binary, Double, Text};
use diesel::sqlite::{Sqlite, SqliteType, SqliteValue};

use super::value::{Value, write};
use super::{expression, is_wide, joined, quoted};
use crate::backend::connection::BackendConnection;
use crate::backend::error::ErrorKind;
use crate::dump::DumpError;
use crate::dump::engine::{DumpColumn, DumpTable};
use crate::dump::row::RowWriter;

/// Bytes of a page, if it has more than one row.
const PAGE: usize = 1 << 20;

/// Rows of a page.
const MOST_ROWS: usize = 4096;

/// A value of a key, as the next page begins after it.
#[derive(Debug, Clone)]
enum KeyPart {
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

pub(super) fn read<C>(
    conn: &mut C,
    table: &DumpTable,
    writer: &mut RowWriter<'_>,
) -> Result<(), DumpError>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let pages = PageQuery::of(table);
    let mut rows = MOST_ROWS;
    let mut last: Option<Vec<KeyPart>> = None;
    loop {
        let query = pages.page(table, last.as_deref(), rows);
        let Read { count, left } = match page(conn, query, table, writer, &mut last) {
            Ok(read) => read,
            // Perhaps the answer is longer than the server sends or the client takes.
            Err(PageError::Load(error))
                if rows > 1 && ErrorKind::of(&error) == ErrorKind::Other =>
            {
                rows /= 4;
                rows = rows.max(1);
                continue;
            }
            Err(PageError::Load(error)) => return Err(writer.interrupted(error)),
            Err(PageError::Dump(error)) => return Err(error),
        };
        match &last {
            Some(marker) if count == 0 && !conn.is_transactional() => {
                return pages.check(conn, table, marker, writer);
            }
            _ if left < rows && count >= left => return Ok(()),
            _ => {}
        }
    }
}

/// The size of a page.
struct Read {
    /// Number of its rows.
    count: usize,
    /// Number of rows from its first one on, up to the most that a page has.
    left: usize,
}

enum PageError {
    /// Before any row.
    Load(diesel::result::Error),
    Dump(DumpError),
}

/// Writes the rows of a page.
fn page<C>(
    conn: &mut C,
    query: BoxedSqlQuery<'_, Sqlite, diesel::query_builder::SqlQuery>,
    table: &DumpTable,
    writer: &mut RowWriter<'_>,
    last: &mut Option<Vec<KeyPart>>,
) -> Result<Read, PageError>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let rows = LoadConnection::load(conn, query).map_err(PageError::Load)?;
    let mut read = Read { count: 0, left: 0 };
    let width = table.columns.len();
    for row in rows {
        let failed = |error| PageError::Dump(writer.interrupted(error));
        let row = row.map_err(failed)?;
        for (position, column) in table.columns.iter().enumerate() {
            let field = row.get(position);
            let mut value = field.as_ref().and_then(Field::value);
            let sent = Sent::of(value.as_mut());
            write(writer, position, column, &sent.value()).map_err(PageError::Dump)?;
        }
        writer.end().map_err(PageError::Dump)?;
        let end = row.field_count().saturating_sub(1);
        let keys = width..end;
        let key = keys.filter_map(|position| {
            let field = row.get(position);
            let mut value = field.as_ref().and_then(Field::value);
            Sent::of(value.as_mut()).key()
        });
        *last = Some(key.collect());
        let field = row.get(end);
        let left = field.as_ref().and_then(Field::value);
        let left = left.map(|mut left| left.read_long());
        read.left = left.and_then(|left| left.try_into().ok()).unwrap_or(0);
        read.count += 1;
    }
    Ok(read)
}

/// A value as [`sent`] has it sent.
enum Sent<'a> {
    Value(Value<'a>),
    Blob(Vec<u8>),
}

impl<'a> Sent<'a> {
    fn of(value: Option<&'a mut SqliteValue<'_, '_, '_>>) -> Self {
        let Some(value) = value else {
            return Self::Value(Value::Null);
        };
        match value.value_type() {
            None => return Self::Value(Value::Null),
            Some(SqliteType::Text) => {}
            Some(_) => return Self::Value(Value::Real(value.read_double())),
        }
        let text = value.read_text();
        let mut characters = text.chars();
        let kind = characters.next();
        let text = characters.as_str();
        Self::Value(match kind {
            Some('i') => text.parse().map_or(Value::Broken, Value::Integer),
            #[expect(clippy::cast_precision_loss, reason = "it was a double")]
            Some('w') => text
                .parse::<i64>()
                .map_or(Value::Broken, |whole| Value::Real(whole as f64)),
            Some('r') => text.parse().map_or(Value::Broken, Value::Real),
            Some('b') => {
                return HEXUPPER
                    .decode(text.as_bytes())
                    .map_or(Self::Value(Value::Broken), Self::Blob);
            }
            Some('t') => Value::Text(text),
            _ => Value::Broken,
        })
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Value(value) => *value,
            Self::Blob(bytes) => Value::Blob(bytes),
        }
    }

    fn key(self) -> Option<KeyPart> {
        Some(match self {
            Self::Blob(bytes) => KeyPart::Blob(bytes),
            Self::Value(Value::Integer(number)) => KeyPart::Integer(number),
            Self::Value(Value::Real(number)) => KeyPart::Real(number),
            Self::Value(Value::Text(text)) => KeyPart::Text(text.to_owned()),
            Self::Value(_) => return None,
        })
    }
}

/// Returns an expression that sends a value with its type. JSON has no way to tell 1 from 1.0, and
/// D1 rounds whole numbers beyond 2⁵³ and has no infinite ones.
fn sent(value: &str) -> String {
    format!(
        "CASE typeof({value}) WHEN 'integer' THEN 'i' || {value} WHEN 'text' THEN 't' || {value} \
         WHEN 'blob' THEN 'b' || hex({value}) \
         WHEN 'real' THEN CASE WHEN {value} = 9e999 THEN 'rinf' WHEN {value} = -9e999 THEN 'r-inf' \
         WHEN abs({value}) BETWEEN 9e15 AND 9223372036854775808.0 \
         THEN 'w' || CAST({value} AS INTEGER) ELSE {value} END END"
    )
}

/// The parts of the queries for a table's pages.
struct PageQuery {
    /// The expressions that are sent, those of the key last.
    columns: String,
    order: String,
    /// The expressions that are compared.
    compared: String,
    /// The name of the rowid, for a table without a key.
    rowid: Option<String>,
    /// The number of bytes of a row.
    size: String,
}

impl PageQuery {
    fn of(table: &DumpTable) -> Self {
        let mut columns: Vec<String> = table
            .columns
            .iter()
            .map(|column| sent(&expression(column)))
            .collect();
        let sizes = table.columns.iter().map(|column| {
            let name = quoted(&column.name);
            format!("ifnull(length(CAST({name} AS BLOB)), 0)")
        });
        let size = joined(&sizes.collect::<Vec<_>>(), " + ");
        if !table.key.is_empty() {
            columns.extend(table.key.iter().map(|key| sent(&quoted(key))));
            return Self {
                columns: columns.join(", "),
                order: table.order.clone(),
                compared: table.order.clone(),
                rowid: None,
                size,
            };
        }
        let rowid = rowid(&table.columns);
        columns.push(sent(&rowid));
        let compared = table.columns.iter().map(|column| {
            let name = quoted(&column.name);
            format!("{name} IS NOT NULL, ifnull({name}, 0) COLLATE BINARY, typeof({name}), ")
        });
        let compared: String = match is_wide(&table.columns, &table.key) {
            true => format!("{}, ", table.order),
            false => compared.collect(),
        };
        Self {
            columns: columns.join(", "),
            order: format!("{}, {rowid}", table.order),
            compared: compared + &rowid,
            rowid: Some(rowid),
            size,
        }
    }

    /// Returns the query for a page: at most so many rows, of which all but the first fit into
    /// [`PAGE`] together. The last column is the number of rows that are [left](Read::left).
    fn page<'q>(
        &self,
        table: &DumpTable,
        last: Option<&[KeyPart]>,
        rows: usize,
    ) -> BoxedSqlQuery<'q, Sqlite, diesel::query_builder::SqlQuery> {
        let name = &table.table;
        let compared = &self.compared;
        let binds: Vec<&str> = last.unwrap_or_default().iter().map(placeholder).collect();
        let binds = binds.join(", ");
        let after = match (last, &self.rowid) {
            (None, _) => String::new(),
            (Some(_), None) => format!(" WHERE ({compared}) > ({binds})"),
            (Some(_), Some(rowid)) => format!(
                " WHERE ({compared}) > (SELECT {compared} FROM {name} WHERE {rowid} = {binds})"
            ),
        };
        let Self {
            columns,
            order,
            size,
            ..
        } = self;
        let query = diesel::sql_query(format!(
            "WITH __covara_sizes AS MATERIALIZED (
                 SELECT sum(size) OVER (ROWS UNBOUNDED PRECEDING) AS total FROM (
                     SELECT {size} AS size FROM {name}{after} ORDER BY {order} LIMIT {rows}
                 )
             )
             SELECT {columns}, (SELECT count(*) FROM __covara_sizes) FROM {name}{after}
             ORDER BY {order}
             LIMIT (SELECT max(1, count(*)) FROM __covara_sizes WHERE total <= {PAGE})"
        ));
        let last = last.unwrap_or_default();
        bound(bound(query.into_boxed(), last), last)
    }

    /// Checks that the last row is still there: after a row that is gone there would be none.
    fn check<C>(
        &self,
        conn: &mut C,
        table: &DumpTable,
        marker: &[KeyPart],
        writer: &RowWriter<'_>,
    ) -> Result<(), DumpError>
    where
        C: BackendConnection<Backend = Sqlite>,
    {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = BigInt)]
            count: i64,
        }
        let Some(rowid) = &self.rowid else {
            return Ok(());
        };
        let binds: String = marker.iter().map(placeholder).collect();
        let name = &table.table;
        let query = diesel::sql_query(format!(
            "SELECT count(*) AS count FROM {name} WHERE {rowid} = {binds}"
        ));
        let found = bound(query.into_boxed(), marker).get_result::<Count>(conn);
        match found.map_err(|error| writer.interrupted(error))?.count {
            0 => Err(DumpError::Changed {
                table: table.name.clone(),
            }),
            _ => Ok(()),
        }
    }
}

/// Returns the name by which the rowid can be read: one that no column has.
fn rowid(columns: &[DumpColumn]) -> String {
    let is_free = |name: &&str| {
        let mut names = columns.iter().map(|column| &column.name);
        names.all(|column| !column.eq_ignore_ascii_case(name))
    };
    let free = ["rowid", "_rowid_", "oid"].into_iter().find(is_free);
    free.unwrap_or("rowid").to_owned()
}

fn placeholder(part: &KeyPart) -> &'static str {
    match part {
        // Without the sign a text in the column would be compared as a number.
        KeyPart::Integer(_) => "+CAST(? AS INTEGER)",
        _ => "?",
    }
}

fn bound<'q>(
    mut query: BoxedSqlQuery<'q, Sqlite, diesel::query_builder::SqlQuery>,
    parts: &[KeyPart],
) -> BoxedSqlQuery<'q, Sqlite, diesel::query_builder::SqlQuery> {
    for part in parts {
        query = match part.clone() {
            KeyPart::Integer(number) => query.bind::<Text, _>(number.to_string()),
            KeyPart::Real(number) => query.bind::<Double, _>(number),
            KeyPart::Text(text) => query.bind::<Text, _>(text),
            KeyPart::Blob(bytes) => query.bind::<Binary, _>(bytes),
        };
    }
    query
}

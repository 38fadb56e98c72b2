//! Converts Diesel's values to a driver's values and back.
//!
//! The content of a bind collector or a row can be read or created only by Diesel's own SQLite
//! connection. So each remote connection has such a connection in memory. It returns the binds as
//! the rows of a query, and it turns answers from the network into rows.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use diesel::backend::Backend;
use diesel::connection::{LoadConnection, SimpleConnection};
use diesel::prelude::*;
use diesel::query_builder::{
    AstPass, BindCollector, MoveableBindCollector, Query, QueryBuilder, QueryFragment, QueryId,
};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::row::{Field, Row};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Binary, Untyped};
use diesel::sqlite::{Sqlite, SqliteQueryBuilder, SqliteType, SqliteValue};

use crate::remote::sql::Facts;
use crate::remote::value::{
    AnswerCell, AnswerCells, BoundValue, ColumnPlace, MOST_BINDS, ResultRows, Statement, most_binds,
};

type Collector<'a> = <Sqlite as Backend>::BindCollector<'a>;

pub(super) type Cursor<'conn, 'query> = <SqliteConnection as LoadConnection>::Cursor<'conn, 'query>;
pub(super) type CursorRow<'conn, 'query> = <SqliteConnection as LoadConnection>::Row<'conn, 'query>;

#[diesel::declare_sql_function]
extern "SQL" {
    /// Returns the next value of the answer: from left to right, from the first row to the last.
    ///
    /// The value may have any type. Diesel requires a declared one, but does not check it here.
    fn covara_next() -> Binary;
}

/// Number of rows of a table of numbers, which is joined with itself to get as many rows as needed.
const NUMBERS: usize = 64;

const SET_UP: &str = "CREATE TABLE numbers (n INTEGER PRIMARY KEY);
WITH RECURSIVE up (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM up WHERE n < 64)
INSERT INTO numbers SELECT n FROM up";

pub(super) struct Private {
    conn: SqliteConnection,
    reading: Reading,
    mark: u128,
}

/// The answer being read, shared with the SQL function.
#[derive(Clone, Default)]
pub(super) struct Reading(Arc<Mutex<ReadingPosition>>);

/// A position in an answer.
#[derive(Default)]
struct ReadingPosition {
    rows: Arc<ResultRows>,
    /// Index of the next value in the list, or end of the last one in the answer's text.
    next: usize,
    column: usize,
}

impl Reading {
    fn next(&self) -> NextCell {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = Arc::clone(&place.rows);
        let cell = match &rows.cells {
            AnswerCells::Listed(_) => {
                let index = place.next;
                place.next += 1;
                CellSource::Listed(index)
            }
            AnswerCells::InBody(cells) => {
                let column = ColumnPlace {
                    is_first: place.column == 0,
                    is_real: cells.real.get(place.column).copied().unwrap_or(false),
                };
                place.column = (place.column + 1) % rows.columns.len().max(1);
                let found = (cells.read)(&rows.body, place.next, column);
                CellSource::Read(found.map(|(cell, end)| {
                    place.next = end;
                    cell
                }))
            }
        };
        NextCell { rows, cell }
    }

    pub(super) fn set(&self, rows: ResultRows) {
        let next = match &rows.cells {
            AnswerCells::Listed(_) => 0,
            AnswerCells::InBody(cells) => cells.start,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ReadingPosition {
            rows: Arc::new(rows),
            next,
            column: 0,
        };
    }
}

struct NextCell {
    rows: Arc<ResultRows>,
    cell: CellSource,
}

enum CellSource {
    /// At this index in the list.
    Listed(usize),
    Read(Option<AnswerCell>),
}

impl NextCell {
    fn cell(&self) -> Option<&AnswerCell> {
        match (&self.cell, &self.rows.cells) {
            (CellSource::Listed(index), AnswerCells::Listed(cells)) => cells.get(*index),
            (CellSource::Read(cell), _) => cell.as_ref(),
            (CellSource::Listed(_), AnswerCells::InBody(_)) => None,
        }
    }
}

impl fmt::Debug for NextCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextCell").finish_non_exhaustive()
    }
}

impl ToSql<Binary, Sqlite> for NextCell {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        match self.cell() {
            None => return Err("the answer has no more values".into()),
            Some(AnswerCell::Null) => return Ok(IsNull::Yes),
            Some(AnswerCell::Integer(number)) => out.set_value(*number),
            Some(AnswerCell::Real(number)) => out.set_value(*number),
            Some(AnswerCell::Slice(range)) => out.set_value(self.rows.text(range)),
            Some(AnswerCell::Text(text)) => out.set_value(&**text),
            Some(AnswerCell::Blob(bytes)) => out.set_value(&**bytes),
        }
        Ok(IsNull::No)
    }
}

/// The query that returns an answer's rows.
///
/// Prepared each time, because its column names come from the server, which names a column without
/// an alias by its text. Caching it would keep every literal that was ever selected.
struct AnswerQuery {
    sql: String,
    rows: i64,
}

impl QueryId for AnswerQuery {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for AnswerQuery {
    type SqlType = Untyped;
}

impl QueryFragment<Sqlite> for AnswerQuery {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql(&self.sql);
        out.push_bind_param::<BigInt, _>(&self.rows)
    }
}

/// The binds of another query as rows, followed by a mark.
///
/// Diesel caches the statement with the values that were bound to it before. So if a query has
/// fewer binds than placeholders, the remaining rows contain values of other statements. The mark
/// shows where the query's own binds end.
struct Shown<'s, T: ?Sized> {
    sql: String,
    source: &'s T,
    mark: [u8; 16],
    is_kept: bool,
}

impl<'s, T: ?Sized> Shown<'s, T> {
    fn new(source: &'s T, count: usize, mark: [u8; 16]) -> Self {
        // Only a few sizes, so that few statements are cached. Unbound rows are not read.
        let size = (count + 1).next_power_of_two().min(MOST_BINDS).max(count);
        let sql = format!("VALUES (?){}", ", (?)".repeat(size - 1));
        Self {
            sql,
            source,
            mark,
            is_kept: size > count,
        }
    }
}

impl<T: ?Sized> QueryId for Shown<'_, T> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T: ?Sized> Query for Shown<'_, T> {
    type SqlType = Untyped;
}

/// The SQL is this query's, the binds are those of the other query, and none of them is copied.
impl<T: QueryFragment<Sqlite> + ?Sized> QueryFragment<Sqlite> for Shown<'_, T> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.source.walk_ast(out)
    }

    fn to_sql(&self, out: &mut SqliteQueryBuilder, _: &Sqlite) -> QueryResult<()> {
        out.push_sql(&self.sql);
        Ok(())
    }

    fn collect_binds<'b>(
        &'b self,
        out: &mut Collector<'b>,
        lookup: &mut (),
        backend: &'b Sqlite,
    ) -> QueryResult<()> {
        self.source.collect_binds(out, lookup, backend)?;
        match self.is_kept {
            true => out.push_bound_value::<Binary, [u8; 16]>(&self.mark, lookup),
            // There is no room for a mark, but a statement that is not cached holds no old values.
            false => Ok(()),
        }
    }

    fn is_safe_to_cache_prepared(&self, _: &Sqlite) -> QueryResult<bool> {
        Ok(self.is_kept)
    }
}

/// Returns SQLite's error for more binds than placeholders.
fn too_many_binds() -> Error {
    Error::DatabaseError(
        DatabaseErrorKind::Unknown,
        Box::new("column index out of range".to_owned()),
    )
}

/// Counts the binds of a query. This is slow, because Diesel copies and boxes each of them.
fn count_binds<T>(source: &T) -> QueryResult<usize>
where
    T: QueryFragment<Sqlite> + ?Sized,
{
    let mut collector = Collector::default();
    source.collect_binds(&mut collector, &mut (), &Sqlite)?;
    let mut shown = Vec::new();
    Collector::push_debug_binds(&collector.moveable(), &mut shown);
    Ok(shown.len())
}

impl Private {
    pub(super) fn open() -> ConnectionResult<Self> {
        let mut conn = SqliteConnection::establish(":memory:")?;
        // Observers of the remote connection must not see the statements of this one.
        conn.set_instrumentation(None::<Box<dyn diesel::connection::Instrumentation>>);
        let reading = Reading::default();
        let shared = reading.clone();
        covara_next_utils::register_nondeterministic_impl(&conn, move || shared.next())
            .and_then(|()| conn.batch_execute(SET_UP))
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(Self {
            conn,
            reading,
            mark: 0,
        })
    }

    /// Returns the SQL and the binds of a query.
    pub(super) fn statement<T>(&mut self, source: &T) -> QueryResult<Statement>
    where
        T: QueryFragment<Sqlite> + ?Sized,
    {
        let mut sql = SqliteQueryBuilder::new();
        source.to_sql(&mut sql, &Sqlite)?;
        let sql = sql.finish();
        let facts = Facts::of(&sql);
        let arguments = self.arguments(source, most_binds(&facts)?)?;
        Ok(Statement::of_facts(sql, arguments, facts))
    }

    /// Returns the values of a query's `count` placeholders, with NULL where nothing is bound, as
    /// in SQLite.
    fn arguments<T>(&mut self, source: &T, count: usize) -> QueryResult<Vec<BoundValue>>
    where
        T: QueryFragment<Sqlite> + ?Sized,
    {
        if count == 0 {
            return match count_binds(source)? {
                0 => Ok(Vec::new()),
                _ => Err(too_many_binds()),
            };
        }
        // A new mark each time, so that a cached value is never mistaken for it.
        self.mark = self.mark.wrapping_add(1);
        let mark = self.mark.to_ne_bytes();
        let shown = Shown::new(source, count, mark);
        let is_marked = shown.is_kept;
        let mut values = Vec::with_capacity(count + 1);
        for row in self.conn.load(shown)?.take(count + 1) {
            let row = row?;
            let value = row.get(0).and_then(|field| field.value().map(value_of));
            values.push(value.unwrap_or(BoundValue::Null));
        }
        if !is_marked {
            return Ok(values);
        }
        match values.pop() {
            Some(BoundValue::Blob(bytes)) if bytes == mark => {}
            // Fewer binds than placeholders, or more.
            _ => {
                let bound = count_binds(source)?;
                if bound > count {
                    return Err(too_many_binds());
                }
                values.truncate(bound);
                values.resize(count, BoundValue::Null);
            }
        }
        Ok(values)
    }

    /// Returns a cursor over an answer.
    pub(super) fn rows<'conn, 'query>(
        &'conn mut self,
        rows: ResultRows,
    ) -> QueryResult<Cursor<'conn, 'query>> {
        let count = rows.count();
        let mut sql = String::from("SELECT ");
        if rows.columns.is_empty() {
            sql.push_str("NULL");
        }
        for (position, column) in rows.columns.iter().enumerate() {
            sql.push_str(if position == 0 { "" } else { ", " });
            sql.push_str("covara_next() AS \"");
            sql.push_str(&column.replace('"', "\"\""));
            sql.push('"');
        }
        sql.push_str(" FROM numbers");
        let mut reach = NUMBERS;
        while reach < count {
            sql.push_str(", numbers AS n");
            sql.push_str(&reach.to_string());
            reach = reach.saturating_mul(NUMBERS);
        }
        sql.push_str(" LIMIT ");
        self.reading.set(rows);
        self.conn.load(AnswerQuery {
            sql,
            rows: i64::try_from(count).unwrap_or(i64::MAX),
        })
    }

    /// Returns the answer being read, of which the cursor frees the rest when it is done.
    pub(super) fn reading(&self) -> Reading {
        self.reading.clone()
    }
}

fn value_of(mut value: SqliteValue<'_, '_, '_>) -> BoundValue {
    match value.value_type() {
        Some(SqliteType::Text) => BoundValue::Text(value.read_text().to_owned()),
        Some(SqliteType::Binary) => BoundValue::Blob(value.read_blob().to_owned()),
        Some(SqliteType::Double | SqliteType::Float) => BoundValue::Real(value.read_double()),
        Some(SqliteType::Integer | SqliteType::SmallInt | SqliteType::Long) => {
            BoundValue::Integer(value.read_long())
        }
        None => BoundValue::Null,
    }
}

//! Diesel's values out of Diesel and into it again.
//!
//! Neither the content of a bind collector nor a row can be read or made outside of Diesel's
//! own SQLite connection. So each remote connection has one of its own in memory: it shows
//! the binds as the rows of a query, and it makes rows of what came over the network.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use diesel::backend::Backend;
use diesel::connection::{DynInstrumentation, LoadConnection, SimpleConnection};
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
    /// The next value of the answer: from left to right, from the first row to the last.
    ///
    /// Of whatever type it is: Diesel wants one named, and asks for no other here.
    fn covara_next() -> Binary;
}

/// Rows of a table of numbers, which joined with itself gives as many as wanted.
const NUMBERS: usize = 64;

const SET_UP: &str = "CREATE TABLE numbers (n INTEGER PRIMARY KEY);
WITH RECURSIVE up (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM up WHERE n < 64)
INSERT INTO numbers SELECT n FROM up";

pub(super) struct Private {
    conn: SqliteConnection,
    reading: Reading,
    mark: u128,
}

/// The answer that is being read, shared with the SQL function.
#[derive(Clone, Default)]
pub(super) struct Reading(Arc<Mutex<ReadingPosition>>);

/// A place in an answer.
#[derive(Default)]
struct ReadingPosition {
    rows: Arc<ResultRows>,
    /// The next value in the list, or the end of the last one in the answer's text.
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
    /// At this place in the list.
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

/// The query that hands out an answer's rows.
///
/// It is prepared each time: the names in it are the server's, who names a column without a name
/// by its text, so that to keep each would be to keep every literal that was ever selected.
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

/// The binds of another query as rows, and behind them a mark.
///
/// Diesel keeps the statement with the numbers that were bound to it before, so where a query has
/// fewer binds than placeholders, the rows that it leaves out hold values of other statements.
/// The mark says where its own end.
struct Shown<'s, T: ?Sized> {
    sql: String,
    source: &'s T,
    mark: [u8; 16],
    is_kept: bool,
}

impl<'s, T: ?Sized> Shown<'s, T> {
    fn new(source: &'s T, count: usize, mark: [u8; 16]) -> Self {
        // Sizes are few, so that few statements are kept; what is not bound is not read.
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

/// The SQL is its own, the binds are those of the other query, and none of them is copied.
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
            // There is no room for a mark; a statement that is not kept holds no old values.
            false => Ok(()),
        }
    }

    fn is_safe_to_cache_prepared(&self, _: &Sqlite) -> QueryResult<bool> {
        Ok(self.is_kept)
    }
}

/// SQLite's error for more binds than placeholders.
fn too_many_binds() -> Error {
    Error::DatabaseError(
        DatabaseErrorKind::Unknown,
        Box::new("column index out of range".to_owned()),
    )
}

/// How many binds a query has; slow, as Diesel copies and boxes each to say so.
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
        // What happens in here is no business of whoever watches the remote connection.
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

    /// SQL and binds of a query.
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

    /// The values of a query's `count` placeholders: NULL where nothing is bound, as SQLite has
    /// it.
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
        // Another one each time: a value that was kept is never taken for it.
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
            // Not as many as there are placeholders.
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

    /// A cursor over an answer.
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

    /// Of which the rest is let go when the cursor is through.
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

/// An observer that was set or Diesel's default one.
pub(super) fn default_instrumentation() -> DynInstrumentation {
    DynInstrumentation::default_instrumentation()
}

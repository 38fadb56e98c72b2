//! Updates of a table by the rows of a stage.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::keys::compared;
use super::stage::{NUMBER_INDEX, ROW_NUMBER, TABLE};
use crate::backend::connection::BackendConnection;
use crate::seed::conflict::UpdateColumns;
use crate::seed::report::Counts;

/// Number of statements from which on an index on the numbers of the rows pays off.
const MANY_RUNS: usize = 8;

/// The stage, as far as updates use it.
pub(super) struct StagedUpdate<'s> {
    /// The quoted name of the table.
    pub(super) table: &'s str,
    /// The seeded columns, quoted and separated by commas.
    pub(super) list: &'s str,
    /// The condition that the row `present` has the key of `new`, if that can be told by equality.
    pub(super) condition: Option<&'s str>,
    pub(super) columns: &'s UpdateColumns,
}

#[derive(QueryableByName)]
struct Repeated {
    #[diesel(sql_type = BigInt)]
    number: i64,
    /// The last row before with the same key.
    #[diesel(sql_type = BigInt)]
    before: i64,
}

impl StagedUpdate<'_> {
    /// Inserts the first row of each new key, and then applies all rows in order, as many at once
    /// as have different keys: `DO UPDATE` takes a row once only. If that were many times, rows with
    /// the same key take turns where the order of keys does not matter.
    pub(super) fn run<C>(&self, conn: &mut C, numbers: (usize, usize)) -> QueryResult<Counts>
    where
        C: BackendConnection<Backend = Pg>,
    {
        let Self { table, list, .. } = self;
        let in_range = between(numbers);
        let absent = self.condition.map_or_else(String::new, |condition| {
            format!(" AND NOT EXISTS (SELECT FROM {table} AS present WHERE {condition})")
        });
        let inserted = diesel::sql_query(format!(
            "INSERT INTO {table} ({list}) OVERRIDING SYSTEM VALUE
             SELECT {list} FROM {TABLE} AS new WHERE {in_range}{absent}
             ORDER BY {ROW_NUMBER} ON CONFLICT ({}) DO NOTHING",
            self.columns.key.join(", ")
        ))
        .execute(conn)?;
        let mut counts = Counts::inserted(inserted);
        let (first, last) = numbers;
        if self.columns.others.is_empty() || inserted == last + 1 - first {
            return Ok(counts);
        }
        let runs = self.runs(conn, numbers)?;
        let is_many = runs.len() > MANY_RUNS;
        if is_many {
            conn.batch_execute(&format!(
                "CREATE INDEX IF NOT EXISTS {NUMBER_INDEX} ON {TABLE} ({ROW_NUMBER})"
            ))?;
        }
        if is_many && !self.may_interfere(conn, numbers)? {
            counts.updated = self.apply_by_turns(conn, numbers)?;
            return Ok(counts);
        }
        for run in runs {
            counts.updated += self.apply(conn, &between(run), !is_many)?;
        }
        Ok(counts)
    }

    /// Applies the rows that meet a condition, which have different keys. `filtered`: rows that
    /// change nothing are left out before the table's rows are locked.
    pub(super) fn apply<C>(&self, conn: &mut C, rows: &str, filtered: bool) -> QueryResult<usize>
    where
        C: BackendConnection<Backend = Pg>,
    {
        let Self { table, list, .. } = self;
        let others = &self.columns.others;
        let same = self.condition.filter(|_| filtered);
        let same = same.map_or_else(String::new, |condition| {
            format!(
                " AND NOT EXISTS (SELECT FROM {table} AS present WHERE {condition} AND {})",
                compared("present", "*=", "new", others)
            )
        });
        diesel::sql_query(format!(
            "INSERT INTO {table} AS present ({list}) OVERRIDING SYSTEM VALUE
             SELECT {list} FROM {TABLE} AS new WHERE {rows}{}{same} ORDER BY {ROW_NUMBER} {}",
            self.has_key(),
            self.columns.clause(&super::keys::differs(others))
        ))
        .execute(conn)
    }

    /// A row with NULL in its key was just inserted.
    pub(super) fn has_key(&self) -> String {
        if self.columns.nulls_are_equal {
            return String::new();
        }
        let key = self.columns.key.iter();
        key.map(|it| format!(" AND new.{it} IS NOT NULL")).collect()
    }

    /// Divides the rows into runs in which no key is repeated.
    fn runs<C>(&self, conn: &mut C, numbers: (usize, usize)) -> QueryResult<Vec<(usize, usize)>>
    where
        C: BackendConnection<Backend = Pg>,
    {
        let repeated = diesel::sql_query(format!(
            "SELECT number, before FROM (
                 SELECT {ROW_NUMBER} AS number, pg_catalog.lag({ROW_NUMBER}) OVER (
                     PARTITION BY {} ORDER BY {ROW_NUMBER}
                 ) AS before
                 FROM {TABLE} AS new WHERE {}{}
             ) AS numbered WHERE before IS NOT NULL ORDER BY number",
            self.columns.key.join(", "),
            between(numbers),
            self.has_key()
        ))
        .load::<Repeated>(conn)?;
        let (mut first, last) = numbers;
        let mut runs = Vec::new();
        for Repeated { number, before } in repeated {
            let number = usize::try_from(number).unwrap_or(last);
            if usize::try_from(before).is_ok_and(|before| before >= first) {
                runs.push((first, number - 1));
                first = number;
            }
        }
        runs.push((first, last));
        Ok(runs)
    }
}

pub(super) fn between((first, last): (usize, usize)) -> String {
    format!("new.{ROW_NUMBER} BETWEEN {first} AND {last}")
}

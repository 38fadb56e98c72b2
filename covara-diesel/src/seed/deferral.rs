//! Constraints that are checked at the end of a transaction.

use std::fmt;

use diesel::QueryResult;
use diesel::query_builder::QueryFragment;

use super::foreign_key::ForeignKey;
use crate::backend::connection::BackendConnection;

/// A row that refers to a row that is not there.
#[derive(Debug)]
pub struct Dangling {
    /// Position of the row in its statement, from 0.
    pub row: usize,
    /// Position of the foreign key among those of the table.
    pub key: usize,
    /// The values of the foreign key, as SQL.
    pub values: String,
}

/// A constraint that is declared to be checked when the transaction ends.
#[derive(Debug)]
pub struct DeferredConstraint {
    /// The first position in the seed of its table.
    pub table: usize,
    /// Its name as the database's errors have it.
    pub name: String,
    /// Its name in SQL.
    pub sql_name: String,
    pub is_foreign_key: bool,
    /// `true` if triggers or rules of the seed's tables may write rows that satisfy it.
    pub others_write: bool,
}

/// Defers the checks of all foreign keys to the end of the transaction. The database then accepts
/// rows that refer to nothing, so the seed finds out which rows these are.
pub trait Deferral<C: BackendConnection>: fmt::Debug {
    /// Undoes what an earlier deferral, by whomever, has left in the connection's statements. Called
    /// before the first row; `is_savepoint`: in a transaction of the caller's.
    fn clear(&self, conn: &mut C, is_savepoint: bool) -> QueryResult<()>;

    /// Returns the SQL that defers the checks until the open transaction ends.
    fn begin(&self) -> &'static str;

    /// Returns whether a statement on `table` (quoted) that violates one foreign key may leave
    /// violations of others counted, so that the checks are to be deferred before the first row.
    fn miscounts(&self, conn: &mut C, table: &str) -> QueryResult<bool>;

    /// Returns which of the rows, just inserted into some columns of `table` (quoted), refer to
    /// rows that are not there, in their order. Unless `all_inserted`, some of the rows were
    /// skipped; these count only if the table has equal ones. `rows` are `(0, …), (1, …)`: their
    /// positions and values.
    fn dangling(
        &self,
        conn: &mut C,
        table: &str,
        columns: &[String],
        keys: &[ForeignKey],
        rows: &dyn QueryFragment<C::Backend>,
        all_inserted: bool,
    ) -> QueryResult<Vec<Dangling>>;

    /// Returns the positions of those values of a foreign key to which no row belongs yet.
    fn unsatisfied(
        &self,
        conn: &mut C,
        key: &ForeignKey,
        values: &[&str],
    ) -> QueryResult<Vec<usize>>;

    /// Returns whether the table has a row with these values of a foreign key.
    fn is_stored(
        &self,
        conn: &mut C,
        table: &str,
        key: &ForeignKey,
        values: &str,
    ) -> QueryResult<bool>;

    /// Ends the deferral in a transaction of the caller's, unless the transaction may still have
    /// violations: then its end reports them. `everywhere`: other tables may have violations too.
    fn end(&self, conn: &mut C, tables: &[String], everywhere: bool) -> QueryResult<()>;

    /// Returns whether the open transaction may have violations that only its end refuses.
    fn may_violate(&self, conn: &mut C) -> QueryResult<bool>;

    /// Returns how often foreign keys of any table are violated.
    fn violations(&self, conn: &mut C) -> QueryResult<i64>;

    /// Ends the deferral after what was deferred has been committed or rolled back.
    fn cancel(&self, conn: &mut C) -> QueryResult<()>;

    /// Returns an SQL expression: some values of the foreign key in `table` to which no row belongs,
    /// as a text that [`condition`](Self::condition) takes, or NULL.
    fn dangling_values(&self, table: &str, key: &ForeignKey) -> String;

    /// Returns the SQL condition that `table` has a row with any of those values.
    fn condition(&self, table: &str, key: &ForeignKey, values: &str) -> String;
}

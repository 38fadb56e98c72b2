//! Tells the errors that no row is at fault for from those of rows.

use diesel::QueryResult;
use diesel::query_builder::QueryBuilder;
use diesel::result::{DatabaseErrorKind, Error};

use super::savepoint::nested;
use crate::backend::connection::BackendConnection;
use crate::seed::engine::SeedEngine;
use crate::seed::target::SeedTarget;

/// Returns the error with which the table takes not even an insert of no rows: it is a view, a
/// virtual table, or one that the role may not write.
pub(super) fn error_without_rows<C>(conn: &mut C, target: &SeedTarget) -> Option<Error>
where
    C: BackendConnection<Backend: SeedEngine>,
{
    let sql = insert_of_nothing::<C>(target).ok()?;
    let mut found = None;
    // Always rolled back, as triggers of the statement may have run.
    let _ = nested(conn, |conn| {
        found = conn.batch_execute(&sql).err();
        Err::<(), _>(Error::RollbackTransaction)
    });
    found.filter(|error| matches!(error, Error::DatabaseError(..)))
}

fn insert_of_nothing<C>(target: &SeedTarget) -> QueryResult<String>
where
    C: BackendConnection<Backend: SeedEngine>,
{
    let mut sql = <C::Backend as diesel::backend::Backend>::QueryBuilder::default();
    sql.push_sql("INSERT INTO ");
    sql.push_sql(&target.table);
    for (position, column) in target.columns.iter().enumerate() {
        sql.push_sql(if position == 0 { " (" } else { ", " });
        sql.push_identifier(column)?;
    }
    sql.push_sql(")");
    sql.push_sql(C::Backend::OVERRIDE);
    for position in 0..target.columns.len() {
        sql.push_sql(if position == 0 {
            " SELECT NULL"
        } else {
            ", NULL"
        });
    }
    sql.push_sql(" WHERE 1 = 0 ON CONFLICT DO NOTHING");
    Ok(sql.finish())
}

/// Tells whether the error is one of the database's files or memory, or of a constraint that cannot
/// be used for skipping rows.
pub(super) fn is_faultless(error: &Error) -> bool {
    let Error::DatabaseError(DatabaseErrorKind::Unknown, information) = error else {
        return false;
    };
    let words = information.message();
    let begins = |beginning| words.starts_with(beginning);
    matches!(
        words,
        "disk I/O error"
            | "database disk image is malformed"
            | "file is not a database"
            | "unable to open database file"
            | "out of memory"
            | "out of shared memory"
    ) || begins("malformed database schema")
        || begins("could not read block ")
        || begins("could not write block ")
        || begins("could not open file ")
        || begins("could not access status of transaction ")
        || begins("invalid page in block ")
        || begins("ON CONFLICT does not support deferrable ")
}

//! Loading rows from a server's answer.

use std::fmt;

use diesel::connection::LoadConnection;
use diesel::expression::QueryMetadata;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sqlite::{Sqlite, SqliteType};

use super::private::{Cursor, CursorRow, Reading};
use super::{Driver, RemoteConnection};
use crate::remote::value::ResultRows;

impl<D: Driver> LoadConnection for RemoteConnection<D> {
    type Cursor<'conn, 'query> = RemoteCursor<'conn, 'query>;
    type Row<'conn, 'query> = CursorRow<'conn, 'query>;

    fn load<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> QueryResult<RemoteCursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Sqlite> + QueryId + 'query,
        Sqlite: QueryMetadata<T::SqlType>,
    {
        let mut types = Vec::new();
        <Sqlite as QueryMetadata<T::SqlType>>::row_metadata(&mut (), &mut types);
        let real: Vec<bool> = types
            .iter()
            .map(|kind| matches!(kind, Some(SqliteType::Double | SqliteType::Float)))
            .collect();
        let rows = self.observed(&source, |conn| {
            let statement = conn.private.statement(&source)?;
            conn.driver.query(&statement, &real)
        })?;
        let reading = self.private.reading();
        Ok(RemoteCursor {
            rows: self.private.rows(rows)?,
            reading,
        })
    }
}

/// An iterator over the rows of an answer.
pub struct RemoteCursor<'conn, 'query> {
    rows: Cursor<'conn, 'query>,
    reading: Reading,
}

/// Shows nothing, as Diesel's own cursor cannot be shown.
impl fmt::Debug for RemoteCursor<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteCursor").finish_non_exhaustive()
    }
}

impl<'conn, 'query> Iterator for RemoteCursor<'conn, 'query> {
    type Item = QueryResult<CursorRow<'conn, 'query>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next()
    }
}

impl Drop for RemoteCursor<'_, '_> {
    fn drop(&mut self) {
        // An answer may be large, so it is freed before the next one arrives.
        self.reading.set(ResultRows::default());
    }
}

//! What Diesel requires of a connection.

use std::any::Any;
use std::ffi::CString;

use diesel::RunQueryDsl;
use diesel::connection::{
    CacheSize, Connection, ConnectionSealed, Instrumentation, LoadConnection,
    MultiConnectionHelper, SimpleConnection, StrQueryHelper, TransactionManagerStatus,
};
use diesel::expression::QueryMetadata;
use diesel::migration::MigrationConnection;
use diesel::pg::{GetPgMetadataCache, Pg, PgMetadataCache, PgMetadataLookup};
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::r2d2::R2D2Connection;
use diesel::result::{ConnectionResult, QueryResult};
use diesel::sql_types::TypeMetadata;

use super::answer::{NeonCursor, NeonRow};
use super::api::Statement;
use super::batch::{NeonBatch, scripted};
use super::position::located;
use super::sql::statements;
use super::statement::checked;
use super::{NeonBatchOptions, NeonHttpConnection, NeonTransactions};
use crate::remote::observed::watched;

impl NeonHttpConnection {
    /// Runs a script: one statement as it is, several in one transaction, as PostgreSQL does.
    fn script(&mut self, sql: &str) -> QueryResult<()> {
        let sql = CString::new(sql)?;
        let sql = sql.to_str().unwrap_or_default();
        match statements(sql)[..] {
            [] => Ok(()),
            [one] => {
                let facts = checked(one, false)?;
                let statement = Statement::of_sql(one);
                self.link.execute(&statement, facts).map(drop)
            }
            _ => {
                let batch = NeonBatch::of(scripted(sql)?);
                batch.run(&mut self.link, NeonBatchOptions::new()).map(drop)
            }
        }
    }
}

impl ConnectionSealed for NeonHttpConnection {}

/// Required by `#[derive(diesel::MultiConnection)]`.
impl MultiConnectionHelper for NeonHttpConnection {
    fn to_any<'a>(lookup: &mut <Pg as TypeMetadata>::MetadataLookup) -> &mut (dyn Any + 'a) {
        lookup.as_any()
    }

    fn from_any(lookup: &mut dyn Any) -> Option<&mut <Pg as TypeMetadata>::MetadataLookup> {
        let conn = lookup.downcast_mut::<Self>();
        conn.map(|conn| conn as &mut dyn PgMetadataLookup)
    }
}

impl GetPgMetadataCache for NeonHttpConnection {
    fn get_metadata_cache(&mut self) -> &mut PgMetadataCache {
        &mut self.metadata
    }
}

impl SimpleConnection for NeonHttpConnection {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        watched(self, &StrQueryHelper::new(query), |conn| conn.script(query))
    }
}

impl Connection for NeonHttpConnection {
    type Backend = Pg;
    type TransactionManager = NeonTransactions;

    /// Parses the URL. Nothing is sent before the first statement.
    fn establish(database_url: &str) -> ConnectionResult<Self> {
        Self::open(database_url, None)
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Pg> + QueryId,
    {
        watched(self, &diesel::debug_query::<Pg, _>(source), |conn| {
            let (statement, facts) = conn.statement(source, false)?;
            conn.link
                .execute(&statement, facts)
                .map_err(|error| located(error, source, &statement.query))
        })
    }

    fn transaction_state(&mut self) -> &mut TransactionManagerStatus {
        &mut self.transactions
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        &mut *self.instrumentation
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.instrumentation = instrumentation.into();
    }

    /// Does nothing, because the server prepares a statement each time.
    fn set_prepared_statement_cache_size(&mut self, _: CacheSize) {}
}

impl LoadConnection for NeonHttpConnection {
    type Cursor<'conn, 'query> = NeonCursor;
    type Row<'conn, 'query> = NeonRow;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> QueryResult<NeonCursor>
    where
        T: Query + QueryFragment<Pg> + QueryId + 'query,
        Pg: QueryMetadata<T::SqlType>,
    {
        watched(self, &diesel::debug_query::<Pg, _>(&source), |conn| {
            let (statement, facts) = conn.statement(&source, false)?;
            conn.link
                .query(&statement, facts)
                .map(NeonCursor::from)
                .map_err(|error| located(error, &source, &statement.query))
        })
    }
}

impl R2D2Connection for NeonHttpConnection {
    /// Does nothing and costs nothing: every request is independent, so nothing can be lost between
    /// two of them that a round trip would detect.
    fn ping(&mut self) -> QueryResult<()> {
        Ok(())
    }

    fn is_broken(&mut self) -> bool {
        false
    }
}

impl MigrationConnection for NeonHttpConnection {
    fn setup(&mut self) -> QueryResult<usize> {
        diesel::sql_query(diesel::migration::CREATE_MIGRATIONS_TABLE).execute(self)
    }
}

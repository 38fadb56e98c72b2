//! Diesel's queries in the form that is sent.

use std::convert::Infallible;
use std::ffi::CString;
use std::fmt::Write as _;

use diesel::pg::{Pg, PgMetadataLookup, PgQueryBuilder};
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::query_builder::{QueryBuilder, QueryFragment};
use diesel::result::{Error, QueryResult};

use super::NeonHttpConnection;
use super::api::Statement;
use super::batch_error::NeonBatchError;
use super::sql::{Facts, Place, RowInsert, rewrite_placeholders};
use super::value::encode_bound;
use crate::remote::error::{unsendable, unsupported};

/// Returns a statement's properties, or an error if it cannot be where it is.
pub(super) fn checked(sql: &str, in_batch: bool) -> QueryResult<Facts> {
    let facts = Facts::of(sql);
    match facts.place {
        Place::Nowhere => Err(unsupported(
            "over Neon's HTTP a session ends with each request, so that this statement would have \
             no effect: send what must happen together as one batch(), with SET LOCAL for settings",
        )),
        Place::Batch if !in_batch => Err(unsupported(
            "over Neon's HTTP the effect of this statement would end with its request: send it in \
             one batch() with the statements that need it",
        )),
        Place::Batch | Place::Anywhere => Ok(facts),
    }
}

/// The number of values that PostgreSQL's protocol can count.
const MOST_BINDS: usize = 65_535;

/// Returns the SQL of a query. A NUL character in it is an error, as on a `PgConnection`.
pub(super) fn sql_of<T>(source: &T) -> QueryResult<String>
where
    T: QueryFragment<Pg> + ?Sized,
{
    let mut sql = PgQueryBuilder::default();
    source.to_sql(&mut sql, &Pg)?;
    let sql = CString::new(sql.finish())?;
    sql.into_string()
        .map_err(|error| Error::SerializationError(error.into()))
}

impl NeonHttpConnection {
    /// Returns a statement in the form that is sent: with its values as texts, and with their types
    /// in its SQL. It is an error if it cannot be where it is.
    pub(super) fn statement<T>(
        &mut self,
        source: &T,
        in_batch: bool,
    ) -> QueryResult<(Statement, Facts)>
    where
        T: QueryFragment<Pg> + ?Sized,
    {
        let sql = sql_of(source)?;
        let facts = checked(&sql, in_batch)?;
        let (values, oids) = self.values(source)?;
        if values.is_empty() {
            return Ok((Statement::of_sql(sql), facts));
        }
        Ok((Statement::new(self.with_types(&sql, &oids), values), facts))
    }

    /// Returns an insert of rows in a batch, and the SQL for one of them, given an insert of one.
    pub(super) fn statement_of_rows<T, S>(
        &mut self,
        insert: &T,
        one: &S,
    ) -> QueryResult<(Statement, String)>
    where
        T: QueryFragment<Pg>,
        S: QueryFragment<Pg>,
    {
        let sql = sql_of(one)?;
        checked(&sql, true)?;
        let (values, oids) = self.values(insert)?;
        let (first, of_one) = self.values(one)?;
        let with_types = self.with_types(&sql, &of_one);
        if first.len() == values.len() {
            return Ok((Statement::new(with_types.clone(), values), with_types));
        }
        let types = &self.link.types;
        let has_one_type = !of_one.is_empty() && oids.chunks(of_one.len()).all(|row| row == of_one);
        let arrays = of_one.iter().map(|oid| types.array_name(*oid));
        let arrays = arrays.collect::<Option<Vec<String>>>();
        let insert_of_arrays = arrays
            .filter(|_| has_one_type)
            .and_then(|arrays| RowInsert::of(&sql)?.of_arrays(&arrays));
        let statement = match insert_of_arrays {
            Some(query) => Statement::of_arrays(query, of_one.len(), values),
            None => Statement::new(self.with_types(&sql_of(insert)?, &oids), values),
        };
        Ok((statement, with_types))
    }

    /// Returns the values of a query as texts, and the types of all of them, which are known then.
    fn values<T>(&mut self, source: &T) -> QueryResult<(Vec<Option<String>>, Vec<u32>)>
    where
        T: QueryFragment<Pg> + ?Sized,
    {
        let mut binds = RawBytesBindCollector::<Pg>::new();
        source.collect_binds(&mut binds, self as &mut dyn PgMetadataLookup, &Pg)?;
        if binds.binds.len() > MOST_BINDS {
            return Err(unsendable("a statement has more than 65,535 values"));
        }
        let oids = binds.metadata.iter().map(|metadata| {
            metadata
                .oid()
                .map_err(|error| Error::SerializationError(error.into()))
        });
        let oids = oids.collect::<QueryResult<Vec<u32>>>()?;
        self.link.look_up(&oids)?;
        let types = &self.link.types;
        let values = binds.binds.iter().zip(&oids).map(|(bytes, oid)| {
            let text = bytes
                .as_deref()
                .map(|bytes| encode_bound(bytes, *oid, types));
            text.transpose().map_err(unsendable)
        });
        Ok((values.collect::<QueryResult<_>>()?, oids))
    }

    /// Returns SQL in which each placeholder is cast to the type of its value.
    fn with_types(&self, sql: &str, oids: &[u32]) -> String {
        let types = &self.link.types;
        let Ok(query) = rewrite_placeholders(sql, |number, written| {
            let oid = number.checked_sub(1).and_then(|at| oids.get(at));
            // Writing to a text does not fail.
            let _ = match oid.and_then(|oid| types.name(*oid)) {
                Some(name) => write!(written, "(${number}::{name})"),
                None => write!(written, "${number}"),
            };
            Ok::<_, Infallible>(())
        });
        query
    }

    pub(super) fn statements_of_batch(
        &mut self,
        sources: &[&dyn QueryFragment<Pg>],
    ) -> Result<Vec<Statement>, NeonBatchError> {
        let statements = sources.iter().enumerate().map(|(at, source)| {
            let statement = self.statement(*source, true);
            statement
                .map(|(statement, _)| statement)
                .map_err(|source| NeonBatchError {
                    statement: Some(at),
                    source,
                })
        });
        statements.collect()
    }
}

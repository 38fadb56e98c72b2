//! Rows by binary `COPY`, the fastest way into PostgreSQL.
//!
//! The only module that uses Diesel's feature
//! `i-implement-a-third-party-backend-and-opt-into-breaking-changes`, which is outside
//! Diesel's promise of stability and the reason why Diesel is pinned to one minor version:
//! nothing stable shows the bytes of a value.

use std::any::Any;
use std::cell::RefCell;
use std::io::Write;
use std::marker::PhantomData;

use diesel::pg::{CopyFormat, CopyTarget, Pg, PgMetadataLookup, PgTypeMetadata};
use diesel::prelude::*;
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::query_builder::{AstPass, BindCollector, QueryFragment};
use diesel::r2d2::{ConnectionManager, PooledConnection};
use diesel::result::Error;
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;

use crate::connection::DatabaseConnection;
use crate::seed::{ColumnVisitor, SeedRow};

/// How much is handed to libpq at once: enough to spare calls, little enough that the
/// server works on it while more is encoded.
const BLOCK: usize = 64 * 1024;

/// Signature, flags and header extension of the binary format,
/// <https://www.postgresql.org/docs/current/sql-copy.html>.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Whether rows can be copied over this connection.
pub(super) fn can_copy<C: DatabaseConnection<Backend = Pg>>(conn: &mut C) -> bool {
    connection(conn).is_some()
}

/// Copies `rows` into the table and returns how many are there now; a row that conflicts
/// fails them all.
pub(super) fn rows<C, T>(conn: &mut C, rows: &[T::Row<'_>]) -> QueryResult<usize>
where
    C: DatabaseConnection<Backend = Pg>,
    T: SeedRow<Pg>,
{
    let Some(conn) = connection(conn) else {
        return Err(Error::QueryBuilderError(
            "no COPY on this connection".into(),
        ));
    };
    // The callback may only borrow what it changes.
    let encoder = RefCell::new(Encoder::default());
    diesel::copy_from(T::Table::default())
        .from_raw_data(Target::<T>(PhantomData), |out: &mut dyn Write| {
            let mut encoder = encoder.borrow_mut();
            encoder.block.extend_from_slice(HEADER);
            for row in rows {
                encoder.row::<T>(row)?;
                if encoder.block.len() >= BLOCK {
                    encoder.flush(out)?;
                }
            }
            encoder.block.extend_from_slice(&TRAILER);
            encoder.flush(out)
        })
        .with_format(CopyFormat::Binary)
        .execute(conn)
}

/// The libpq connection itself: Diesel copies over nothing else.
fn connection<C: DatabaseConnection<Backend = Pg>>(conn: &mut C) -> Option<&mut PgConnection> {
    let conn: &mut dyn Any = conn;
    if conn.is::<PgConnection>() {
        return conn.downcast_mut();
    }
    conn.downcast_mut::<PooledConnection<ConnectionManager<PgConnection>>>()
        .map(|pooled| &mut **pooled)
}

/// Table and columns of `T` as the target of a COPY.
struct Target<T>(PhantomData<T>);

impl<T: SeedRow<Pg>> CopyTarget for Target<T> {
    type Table = T::Table;
    /// Diesel asks for one, and looks at it only for what it reads.
    type SqlType = diesel::sql_types::Integer;

    fn walk_target(mut pass: AstPass<'_, '_, Pg>) -> QueryResult<()> {
        let mut sql = diesel::pg::PgQueryBuilder::default();
        T::Table::default().to_sql(&mut sql, &Pg)?;
        pass.push_sql(&diesel::query_builder::QueryBuilder::<Pg>::finish(sql));
        let mut columns = Vec::new();
        T::columns(&mut columns);
        for (position, column) in columns.iter().enumerate() {
            pass.push_sql(if position == 0 { " (" } else { ", " });
            pass.push_identifier(column)?;
        }
        pass.push_sql(")");
        Ok(())
    }
}

#[derive(Default)]
struct Encoder {
    block: Vec<u8>,
    values: RawBytesBindCollector<Pg>,
}

impl Encoder {
    fn row<T: SeedRow<Pg>>(&mut self, row: &T::Row<'_>) -> QueryResult<()> {
        self.values.binds.clear();
        self.values.metadata.clear();
        T::visit(row, self)?;
        let count = self.values.binds.len();
        let count =
            i16::try_from(count).map_err(|error| Error::SerializationError(error.into()))?;
        self.block.extend_from_slice(&count.to_be_bytes());
        for value in self.values.binds.drain(..) {
            let Some(bytes) = value else {
                self.block.extend_from_slice(&(-1_i32).to_be_bytes());
                continue;
            };
            let length = i32::try_from(bytes.len())
                .map_err(|error| Error::SerializationError(error.into()))?;
            self.block.extend_from_slice(&length.to_be_bytes());
            self.block.extend_from_slice(&bytes);
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut dyn Write) -> QueryResult<()> {
        let written = out.write_all(&self.block);
        self.block.clear();
        written.map_err(|error| Error::SerializationError(error.into()))
    }
}

impl<'b> ColumnVisitor<'b, Pg> for Encoder {
    fn column<ST, U>(&mut self, value: &'b U) -> QueryResult<()>
    where
        Pg: HasSqlType<ST>,
        U: ToSql<ST, Pg> + ?Sized,
    {
        self.values
            .push_bound_value::<ST, U>(value, &mut NoLookup as &mut dyn PgMetadataLookup)
    }
}

/// The connection is busy with the COPY and can look up no type. Only an array of a custom
/// type carries its type's number; without it the server refuses the COPY, and the rows go
/// in by INSERT.
struct NoLookup;

impl PgMetadataLookup for NoLookup {
    fn lookup_type(&mut self, _: &str, _: Option<&str>) -> PgTypeMetadata {
        PgTypeMetadata::new(0, 0)
    }
}

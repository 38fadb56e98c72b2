//! Inserts rows by binary `COPY`, the fastest way into PostgreSQL.
//!
//! This is the only module that uses Diesel's feature
//! `i-implement-a-third-party-backend-and-opt-into-breaking-changes`, which is outside Diesel's
//! promise of stability and the reason why Diesel is pinned to one minor version: no stable API
//! exposes the bytes of a value.

use std::any::Any;
use std::cell::RefCell;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use diesel::pg::{CopyFormat, Pg, PgMetadataLookup, PgTypeMetadata};
use diesel::prelude::*;
use diesel::query_builder::BindCollector;
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::r2d2::{ConnectionManager, PooledConnection};
use diesel::result::Error;
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;

use super::binary;
use super::copy_target::{__covara_copied, Target};
use super::stage::{self, quoted};
use crate::backend::connection::BackendConnection;
use crate::seed::{ColumnVisitor, SeedRow};

/// Bytes passed to libpq at once: enough to save calls, few enough that the server works on them
/// while more rows are encoded.
const BLOCK: usize = 64 * 1024;

/// Signature, flags and header extension of the binary format,
/// <https://www.postgresql.org/docs/current/sql-copy.html>.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// The numbers of types, <https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat>.
const NUMERIC: u32 = 1700;
const UUID: u32 = 2950;
/// That of `cstring`, which no column has: it stands for a type that the server reads from a text.
const FROM_TEXT: u32 = 2275;

/// Returns whether rows can be copied over this connection.
pub(super) fn can_copy<C: BackendConnection<Backend = Pg>>(conn: &mut C) -> bool {
    connection(conn).is_some()
}

/// Copies `rows` into `columns` of `table` (quoted), or into the stage with numbers from `first` on, and
/// returns the number of rows. If the server rejects one row, none is copied.
pub(super) fn copy_rows<C, T>(
    conn: &mut C,
    table: &str,
    columns: &[String],
    first: Option<usize>,
    rows: &[T::Row<'_>],
) -> QueryResult<usize>
where
    C: BackendConnection<Backend = Pg>,
    T: SeedRow<Pg>,
{
    let Some(conn) = connection(conn) else {
        return Err(Error::QueryBuilderError(
            "no COPY on this connection".into(),
        ));
    };
    // The callback is not `FnMut`, so what it changes is in a `RefCell`.
    let encoder = RefCell::new(Encoder::default());
    let encode = |out: &mut dyn Write| {
        let mut encoder = encoder.borrow_mut();
        encoder.block.extend_from_slice(HEADER);
        for (position, row) in rows.iter().enumerate() {
            encoder.row::<T>(first.map(|first| first + position), row)?;
            if encoder.block.len() >= BLOCK {
                encoder.flush(out)?;
            }
        }
        encoder.block.extend_from_slice(&TRAILER);
        encoder.flush(out)
    };
    // A panic in a value's own code must not leave the COPY open: the connection could then do
    // nothing else, not even roll back.
    let panicked = RefCell::new(None);
    let write = |out: &mut dyn Write| {
        catch_unwind(AssertUnwindSafe(|| encode(out))).unwrap_or_else(|panic| {
            panicked.replace(Some(panic));
            Err(Error::RollbackTransaction)
        })
    };
    let into = match first {
        // The stage was created with exactly these columns, in this order.
        Some(_) => stage::TABLE.to_owned(),
        None => {
            let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
            format!("{table} ({})", columns.join(", "))
        }
    };
    Target::set(into);
    let copied = diesel::copy_from(__covara_copied::table)
        .from_raw_data(Target, write)
        .with_format(CopyFormat::Binary)
        .execute(conn);
    match panicked.into_inner() {
        Some(panic) => resume_unwind(panic),
        None => copied,
    }
}

/// Returns the type numbers that the columns of `T` are declared with; 0 for a type that the server
/// would have to look up, and [`FROM_TEXT`] for one that it reads from a text.
pub(super) fn declared_types<T: SeedRow<Pg>>(row: &T::Row<'_>) -> QueryResult<Vec<u32>> {
    let mut types = Types::default();
    T::visit(row, &mut types)?;
    Ok(types.0)
}

/// The types of a row's columns.
#[derive(Default)]
struct Types(Vec<u32>);

impl<'b> ColumnVisitor<'b, Pg> for Types {
    fn column<ST, U>(&mut self, _: &'b U) -> QueryResult<()>
    where
        Pg: HasSqlType<ST>,
        U: ToSql<ST, Pg> + ?Sized,
    {
        let metadata = <Pg as HasSqlType<ST>>::metadata(&mut NoLookup as &mut dyn PgMetadataLookup);
        self.0.push(metadata.oid().unwrap_or(0));
        Ok(())
    }

    fn cast(&mut self, _: &'b Option<String>, sql_types: &[&str]) -> QueryResult<()> {
        self.0.push(match sql_types {
            ["numeric"] => NUMERIC,
            ["uuid"] => UUID,
            _ => FROM_TEXT,
        });
        Ok(())
    }
}

/// Returns the libpq connection itself, because Diesel supports COPY over nothing else.
pub(super) fn connection<C: BackendConnection<Backend = Pg>>(
    conn: &mut C,
) -> Option<&mut PgConnection> {
    let conn: &mut dyn Any = conn;
    if conn.is::<PgConnection>() {
        return conn.downcast_mut();
    }
    conn.downcast_mut::<PooledConnection<ConnectionManager<PgConnection>>>()
        .map(|pooled| &mut **pooled)
}

#[derive(Default)]
struct Encoder {
    block: Vec<u8>,
    values: RawBytesBindCollector<Pg>,
}

impl Encoder {
    fn row<T: SeedRow<Pg>>(&mut self, number: Option<usize>, row: &T::Row<'_>) -> QueryResult<()> {
        self.values.binds.clear();
        self.values.metadata.clear();
        T::visit(row, self)?;
        let count = self.values.binds.len() + usize::from(number.is_some());
        let count =
            i16::try_from(count).map_err(|error| Error::SerializationError(error.into()))?;
        self.block.extend_from_slice(&count.to_be_bytes());
        if let Some(number) = number {
            let number =
                i64::try_from(number).map_err(|error| Error::SerializationError(error.into()))?;
            self.block.extend_from_slice(&8_i32.to_be_bytes());
            self.block.extend_from_slice(&number.to_be_bytes());
        }
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

    /// Of the types that are read from a text, the label of an enum is sent as it is.
    fn cast(&mut self, value: &'b Option<String>, sql_types: &[&str]) -> QueryResult<()> {
        let encode = |text: &String| match sql_types {
            ["numeric"] => binary::numeric(text),
            ["uuid"] => binary::uuid(text),
            _ => Some(text.clone().into_bytes()),
        };
        let bytes = value.as_ref().map(|text| {
            // The rows are then inserted by INSERT.
            encode(text).ok_or_else(|| Error::SerializationError("left to the server".into()))
        });
        self.values.binds.push(bytes.transpose()?);
        Ok(())
    }
}

/// A lookup that never finds a type, because the connection is busy with the COPY. Only an array of
/// a custom type contains its type's number. Without it the server rejects the COPY, and the rows
/// are inserted by INSERT.
struct NoLookup;

impl PgMetadataLookup for NoLookup {
    fn lookup_type(&mut self, _: &str, _: Option<&str>) -> PgTypeMetadata {
        PgTypeMetadata::new(0, 0)
    }
}

//! Reads a table by a cursor, where `COPY` cannot be used.

use diesel::connection::LoadConnection;
use diesel::pg::Pg;

use super::{as_text, write_row};
use crate::backend::connection::BackendConnection;
use crate::dump::DumpError;
use crate::dump::engine::DumpTable;
use crate::dump::row::RowWriter;

/// Bytes that are aimed at when rows are fetched.
const FETCH: usize = 1 << 20;

/// Rows fetched first, to learn how long they are.
const FIRST_ROWS: usize = 1;
const MOST_ROWS: usize = 4096;

/// It ends with the transaction.
const CURSOR: &str = "__covara_dump";

pub(super) fn read<C>(
    conn: &mut C,
    table: &DumpTable,
    writer: &mut RowWriter<'_>,
) -> Result<(), DumpError>
where
    C: BackendConnection<Backend = Pg>,
{
    let columns = table.columns.iter().map(|column| as_text(&column.name));
    let columns: Vec<String> = columns.collect();
    let declare = format!(
        "DECLARE {CURSOR} NO SCROLL CURSOR FOR SELECT {} FROM {} ORDER BY {}",
        columns.join(", "),
        table.table,
        table.order
    );
    conn.batch_execute(&declare)
        .map_err(|error| writer.interrupted(error))?;
    let mut rows = FIRST_ROWS;
    loop {
        let (count, bytes) = fetch(conn, rows, table, writer)?;
        if count < rows {
            break;
        }
        let fitting = FETCH.checked_div(bytes / count).unwrap_or(MOST_ROWS);
        rows = fitting.clamp(1, MOST_ROWS.min(4 * rows));
    }
    conn.batch_execute(&format!("CLOSE {CURSOR}"))
        .map_err(|error| writer.interrupted(error))
}

fn fetch<C>(
    conn: &mut C,
    rows: usize,
    table: &DumpTable,
    writer: &mut RowWriter<'_>,
) -> Result<(usize, usize), DumpError>
where
    C: BackendConnection<Backend = Pg>,
{
    let query = diesel::sql_query(format!("FETCH {rows} FROM {CURSOR}"));
    let rows = LoadConnection::load(conn, query);
    let (mut count, mut bytes) = (0, 0);
    for row in rows.map_err(|error| writer.interrupted(error))? {
        let row = row.map_err(|error| writer.interrupted(error))?;
        bytes += write_row(&row, table, writer)?;
        count += 1;
    }
    Ok((count, bytes))
}

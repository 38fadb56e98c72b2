//! The rows of a table on their way to a file.

use std::fmt;
use std::io::{self, Write};

use super::engine::{DumpColumn, DumpTable};
use super::error::DumpError;
use super::value::{Reason, Written, shown};
use super::{Format, csv, ndjson};
use crate::backend::error::DatabaseError;

/// Bytes that are written at once: enough to save calls.
const BLOCK: usize = 64 << 10;

/// The length of a row from which on a seed does not read it, with its line break.
const LONGEST_ROW: usize = 64 << 20;

/// Writes the rows of a table in a format.
pub struct RowWriter<'w> {
    out: &'w mut dyn Write,
    block: Vec<u8>,
    format: Format,
    table: &'w DumpTable,
    /// The text before each value in NDJSON.
    keys: Vec<Vec<u8>>,
    rows: u64,
    /// The position in the block at which the current row begins.
    begin: usize,
}

/// Shows no row.
impl fmt::Debug for RowWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowWriter").finish_non_exhaustive()
    }
}

impl<'w> RowWriter<'w> {
    pub(super) fn new(out: &'w mut dyn Write, format: Format, table: &'w DumpTable) -> Self {
        let names = table.columns.iter().map(|column| column.name.as_str());
        let mut block = Vec::with_capacity(2 * BLOCK);
        let mut keys = Vec::new();
        match format {
            Format::Csv => csv::header(&mut block, names),
            Format::Ndjson => keys = ndjson::keys(names),
        }
        Self {
            out,
            begin: block.len(),
            block,
            format,
            table,
            keys,
            rows: 0,
        }
    }

    #[cfg_attr(
        not(feature = "sqlite"),
        expect(dead_code, reason = "what PostgreSQL writes is read in both formats")
    )]
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Writes the value of the column at `position`. The columns of a row come in order.
    pub(crate) fn value(&mut self, position: usize, value: &Written<'_>) -> Result<(), DumpError> {
        let Some(column) = self.table.columns.get(position) else {
            return Ok(());
        };
        let written = match self.format {
            Format::Csv => {
                if position > 0 {
                    self.block.push(b',');
                }
                let is_alone = self.table.columns.len() == 1;
                csv::field(&mut self.block, value, &column.kind, is_alone)
            }
            Format::Ndjson => {
                if let Some(key) = self.keys.get(position) {
                    self.block.extend_from_slice(key);
                }
                ndjson::value(&mut self.block, value)
            }
        };
        written.map_err(|reason| self.refusal(column, shown(value), reason))
    }

    /// Ends the row.
    pub(crate) fn end(&mut self) -> Result<(), DumpError> {
        self.block.extend_from_slice(match self.format {
            Format::Csv => b"\n",
            Format::Ndjson => b"}\n",
        });
        if self.block.len() - self.begin >= LONGEST_ROW {
            return Err(DumpError::LongRow {
                table: self.table.name.clone(),
                row: self.rows + 1,
            });
        }
        self.rows += 1;
        if self.block.len() >= BLOCK {
            self.write()?;
        }
        self.begin = self.block.len();
        Ok(())
    }

    /// Writes what is left, and returns the number of rows.
    pub(super) fn finish(mut self) -> Result<u64, DumpError> {
        self.write()?;
        Ok(self.rows)
    }

    fn write(&mut self) -> Result<(), DumpError> {
        let written = self.out.write_all(&self.block);
        self.block.clear();
        // One long row must not keep its memory until the end.
        self.block.shrink_to(2 * BLOCK);
        written.map_err(failed)
    }

    /// The error for a value of the current row.
    pub(crate) fn refusal(&self, column: &DumpColumn, found: String, reason: Reason) -> DumpError {
        DumpError::Value {
            table: self.table.name.clone(),
            column: column.name.clone(),
            row: self.rows + 1,
            found,
            reason,
        }
    }

    /// The error for a failure of the database.
    pub(crate) fn interrupted(&self, source: impl Into<DatabaseError>) -> DumpError {
        DumpError::Interrupted {
            table: self.table.name.clone(),
            rows: self.rows,
            source: source.into(),
        }
    }
}

/// The error of a writer; a file adds its path.
pub(super) fn failed(source: io::Error) -> DumpError {
    DumpError::Write { path: None, source }
}

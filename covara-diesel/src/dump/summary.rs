use std::path::PathBuf;

/// The result of a dump.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DumpSummary {
    /// The tables in the order in which they were written.
    pub tables: Vec<DumpedTable>,
    /// The tables of the application that a dump of all tables did not write: on PostgreSQL those of
    /// other schemas, as `schema.table`, on SQLite virtual tables. Sorted; empty if tables were named.
    pub left_out: Vec<String>,
}

impl DumpSummary {
    /// Returns the number of rows of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// Returns the number of bytes of all tables, compressed if the files are.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.bytes).sum()
    }
}

/// The result of dumping one table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DumpedTable {
    /// Name of the table, as it was given.
    pub table: String,
    /// Number of rows.
    pub rows: u64,
    /// Number of bytes written, compressed if the file is.
    pub bytes: u64,
    /// Path of the file; `None` for a writer.
    pub path: Option<PathBuf>,
}

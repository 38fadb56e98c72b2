/// What became of one table's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableSummary {
    /// Name of the table, with its schema if it has one.
    pub table: String,
    /// Rows given.
    pub attempted: usize,
    /// Rows that are new in the table.
    pub inserted: usize,
    /// Rows that met a unique constraint.
    pub skipped: usize,
}

/// What became of a seed's rows, table by table in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeedSummary {
    /// One entry per [`table`](crate::Seed::table) or [`rows`](crate::Seed::rows).
    pub tables: Vec<TableSummary>,
    /// In how many pieces the rows were written, each all or nothing: 1, but for a seed of
    /// more than 4 MiB over Cloudflare D1, which has no transactions larger than a request.
    pub transactions: usize,
}

impl SeedSummary {
    /// Rows given, over all tables.
    #[must_use]
    pub fn attempted(&self) -> usize {
        self.tables.iter().map(|table| table.attempted).sum()
    }

    /// Rows that are new, over all tables.
    #[must_use]
    pub fn inserted(&self) -> usize {
        self.tables.iter().map(|table| table.inserted).sum()
    }

    /// Rows that met a unique constraint, over all tables.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.tables.iter().map(|table| table.skipped).sum()
    }
}

/// What [`Seed::progress`](crate::Seed::progress) was given.
pub(super) type ProgressReport<'a> = Box<dyn FnMut(&SeedProgress) + 'a>;

/// How far a seed has come, as given to [`Seed::progress`](crate::Seed::progress).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeedProgress {
    /// Name of the table that is being seeded.
    pub table: String,
    /// Rows of this table that the database has so far.
    pub rows: usize,
}

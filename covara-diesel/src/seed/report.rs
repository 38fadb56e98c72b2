/// The result of seeding one table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableSummary {
    /// Name of the table, with its schema if it has one.
    pub table: String,
    /// Rows given.
    pub attempted: usize,
    /// Rows that were inserted.
    pub inserted: usize,
    /// Rows skipped because of a unique constraint.
    pub skipped: usize,
}

/// The result of a seed, table by table in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeedSummary {
    /// One entry per [`table`](crate::Seed::table) or [`rows`](crate::Seed::rows).
    pub tables: Vec<TableSummary>,
    /// Number of transactions in which the rows were written. It is 1, except for a seed of more
    /// than 4 MiB over Cloudflare D1, which has no transactions larger than a request.
    pub transactions: usize,
}

impl SeedSummary {
    /// Returns the number of rows given, over all tables.
    #[must_use]
    pub fn attempted(&self) -> usize {
        self.tables.iter().map(|table| table.attempted).sum()
    }

    /// Returns the number of rows inserted, over all tables.
    #[must_use]
    pub fn inserted(&self) -> usize {
        self.tables.iter().map(|table| table.inserted).sum()
    }

    /// Returns the number of rows skipped because of a unique constraint, over all tables.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.tables.iter().map(|table| table.skipped).sum()
    }
}

/// The callback given to [`Seed::progress`](crate::Seed::progress).
pub(super) type ProgressReport<'a> = Box<dyn FnMut(&SeedProgress) + 'a>;

/// The progress of a seed, as passed to the callback of [`Seed::progress`](crate::Seed::progress).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeedProgress {
    /// Name of the table that is being seeded.
    pub table: String,
    /// Rows of this table that the database has received so far.
    pub rows: usize,
}

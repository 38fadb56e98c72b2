use super::conflict::OnConflict;

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
    /// Rows that changed a row with the same key; 0 unless under
    /// [`OnConflict::Update`](crate::OnConflict::Update).
    pub updated: usize,
    /// Rows whose key had these values already, and those that a trigger left out, which the database
    /// does not tell apart; 0 unless under [`OnConflict::Update`](crate::OnConflict::Update).
    pub unchanged: usize,
    /// Rows skipped because of a unique constraint, and those that a trigger left out; 0 under
    /// [`OnConflict::Update`](crate::OnConflict::Update). Under
    /// [`OnConflict::Fail`](crate::OnConflict::Fail) only a trigger leaves rows out.
    pub skipped: usize,
    /// Rows that the table had before; 0 unless under [`Seed::replace`](crate::Seed::replace). Of a
    /// table that is there twice, the first has them.
    pub deleted: usize,
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

impl TableSummary {
    pub(super) fn new(table: String, attempted: usize) -> Self {
        Self {
            table,
            attempted,
            inserted: 0,
            updated: 0,
            unchanged: 0,
            skipped: 0,
            deleted: 0,
        }
    }

    /// Counts the rows that were neither inserted nor updated.
    pub(super) fn count(&mut self, counts: Counts, on_conflict: OnConflict) {
        self.inserted = counts.inserted;
        self.updated = counts.updated;
        let others = self.attempted.saturating_sub(counts.changed());
        (self.unchanged, self.skipped) = match on_conflict {
            OnConflict::Update => (others, 0),
            OnConflict::Skip | OnConflict::Fail => (0, others),
        };
    }
}

/// The rows that a statement wrote.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Rows inserted.
    pub inserted: usize,
    /// Rows updated.
    pub updated: usize,
}

impl Counts {
    pub(crate) fn inserted(inserted: usize) -> Self {
        Self {
            inserted,
            updated: 0,
        }
    }

    pub(super) fn changed(self) -> usize {
        self.inserted + self.updated
    }

    pub(super) fn add(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
    }
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

    /// Returns the number of rows that changed a row with the same key, over all tables.
    #[must_use]
    pub fn updated(&self) -> usize {
        self.tables.iter().map(|table| table.updated).sum()
    }

    /// Returns the number of rows whose key had these values already, and of those that a trigger
    /// left out under [`OnConflict::Update`](crate::OnConflict::Update), over all tables.
    #[must_use]
    pub fn unchanged(&self) -> usize {
        self.tables.iter().map(|table| table.unchanged).sum()
    }

    /// Returns the number of rows that [`Seed::replace`](crate::Seed::replace) deleted.
    #[must_use]
    pub fn deleted(&self) -> usize {
        self.tables.iter().map(|table| table.deleted).sum()
    }

    /// Returns the number of rows skipped because of a unique constraint, and of those that a trigger
    /// left out, over all tables.
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

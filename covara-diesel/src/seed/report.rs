use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// than 4 MiB over D1 and Neon's HTTP, whose transactions are no larger than a request.
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
    /// Rows that this table is going to receive, if the seed knows it: of a slice, or by
    /// [`Seed::total`](crate::Seed::total).
    pub total_rows: Option<usize>,
    /// Bytes of the file that have been read, of a compressed one as they are in it; a few thousand
    /// rows ahead of `rows`. `None` if the rows are not from a file.
    pub bytes: Option<u64>,
    /// Size of the file in bytes, if it has one. Pipes have none.
    pub total_bytes: Option<u64>,
}

impl SeedProgress {
    pub(super) fn new(table: String, extent: &Extent) -> Self {
        Self {
            table,
            rows: 0,
            total_rows: extent.rows,
            bytes: extent.file.as_ref().map(FileExtent::read),
            total_bytes: extent.file.as_ref().and_then(|file| file.total),
        }
    }

    /// Returns how much of the table is done, from 0 to 1, if its rows or the bytes of its file are
    /// known.
    ///
    /// ```
    /// use covara_diesel::{Seed, Seedable, pool};
    /// # use diesel::connection::SimpleConnection;
    /// # diesel::table! { numbers (n) { n -> BigInt, } }
    /// # #[derive(Seedable)]
    /// # #[diesel(table_name = numbers)]
    /// # struct Number {
    /// #     n: i64,
    /// # }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = pool::sqlite(":memory:")?;
    /// # let mut conn = pool.get()?;
    /// # conn.batch_execute("CREATE TABLE numbers (n BIGINT PRIMARY KEY NOT NULL)")?;
    /// let numbers: Vec<Number> = (0..1_000).map(|n| Number { n }).collect();
    /// let mut last = None;
    /// Seed::new()
    ///     .table(&numbers)
    ///     .progress(|progress| last = progress.fraction())
    ///     .run(&mut conn)?;
    /// assert_eq!(last, Some(1.0));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a fraction needs no more")]
    pub fn fraction(&self) -> Option<f64> {
        let of_rows = self
            .total_rows
            .map(|total| (self.rows as f64, total as f64));
        let of_file = || Some((self.bytes? as f64, self.total_bytes? as f64));
        let (done, total) = of_rows.or_else(of_file)?;
        Some(match total > 0.0 {
            true => (done / total).clamp(0.0, 1.0),
            false => 1.0,
        })
    }
}

/// The number of a table's rows and the size of their file, as far as they are known beforehand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extent {
    /// The number of rows.
    pub(crate) rows: Option<usize>,
    /// The file that they come from.
    pub(crate) file: Option<FileExtent>,
}

/// The progress of reading a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileExtent {
    /// Counted by the thread that reads.
    pub(crate) read: Arc<AtomicU64>,
    /// The size of the file.
    pub(crate) total: Option<u64>,
}

impl FileExtent {
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

//! Items that the derives' output uses. They are not public API.

/// Emits the part of a derive's output that reads fixture files.
#[cfg(feature = "fixtures")]
#[doc(hidden)]
#[macro_export]
macro_rules! __fixture_row {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// Discards the part of a derive's output that reads fixture files.
#[cfg(not(feature = "fixtures"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __fixture_row {
    ($($tokens:tt)*) => {};
}

pub use {diesel, serde_json};

pub use crate::__fixture_row as fixture_row;

pub use crate::backend::row::{ColumnVisitor, FitsColumn, SameTable, SeedRow, TableRow};
#[cfg(feature = "fixtures")]
pub use crate::fixture::{BadCell, Cells, FixtureRow, ReadCell, ReadFromStr, SkippedField};

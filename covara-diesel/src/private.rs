//! Items that the derives' output uses. They are not public API.

pub use {diesel, serde_json};

pub use crate::__fixture_row as fixture_row;

pub use crate::backend::row::{ColumnVisitor, FitsColumn, SameTable, SeedRow, TableRow};
#[cfg(feature = "fixtures")]
pub use crate::fixture::{BadCell, Cells, FixtureRow, ReadCell, ReadFromStr, SkippedField};

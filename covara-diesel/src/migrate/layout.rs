//! Tables as the code expects them, and the comparison with the real ones.

use std::fmt;

use diesel::query_source::Table;

use crate::backend::table::{ColumnTypes, Columns};

/// A column on which the code and the real table disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnMismatch {
    /// Name of the column.
    pub column: String,
    /// The definition that the code expects.
    pub expected: String,
    /// The definition found in the database.
    pub found: String,
}

impl fmt::Display for ColumnMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            column,
            expected,
            found,
        } = self;
        write!(f, "column {column} should be {expected}, but is {found}")
    }
}

/// A column, as far as it matters for reading and writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnLayout {
    pub name: String,
    /// Name of the type in the dialect's own terms.
    pub kind: String,
    pub not_null: bool,
    pub has_default: bool,
    /// Position in the primary key, from 1; 0 outside of the key.
    pub key_position: i32,
}

impl ColumnLayout {
    fn describe(&self) -> String {
        let mut text = self.kind.clone();
        if self.not_null {
            text.push_str(" NOT NULL");
        }
        if self.key_position > 0 {
            text.push_str(&format!(" PRIMARY KEY (position {})", self.key_position));
        }
        text
    }
}

/// A table with its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableLayout {
    pub name: String,
    pub columns: Vec<ColumnLayout>,
}

impl TableLayout {
    /// Returns the columns on which the code and the real table disagree.
    ///
    /// A column the code does not know is fine as long as rows can be inserted without it.
    pub(crate) fn mismatches(&self, real: &Self) -> Vec<ColumnMismatch> {
        let expected = self.columns.iter().filter_map(|expected| {
            let found = real.columns.iter().find(|c| c.name == expected.name);
            let fits = found.is_some_and(|found| {
                found.kind == expected.kind
                    && found.not_null == expected.not_null
                    && found.key_position == expected.key_position
            });
            (!fits).then(|| ColumnMismatch {
                column: expected.name.clone(),
                expected: expected.describe(),
                found: found.map_or_else(|| "missing".to_owned(), ColumnLayout::describe),
            })
        });
        let unknown = real.columns.iter().filter_map(|found| {
            let in_the_way = found.not_null
                && !found.has_default
                && !self.columns.iter().any(|c| c.name == found.name);
            in_the_way.then(|| ColumnMismatch {
                column: found.name.clone(),
                expected: "absent, nullable or have a default".to_owned(),
                found: found.describe(),
            })
        });
        expected.chain(unknown).collect()
    }
}

/// Describes a `table!` for the engine `DB`. `key` names the columns of its primary key.
pub(crate) fn of_table<DB, T>(name: &str, key: &[&str]) -> TableLayout
where
    T: Table<AllColumns: ColumnTypes<DB>>,
{
    let names = <T::AllColumns as Columns>::NAMES.iter();
    let columns = names.zip(<T::AllColumns as ColumnTypes<DB>>::TYPES);
    let columns = columns.map(|(name, (kind, nullable))| ColumnLayout {
        name: (*name).to_owned(),
        kind: (*kind).to_owned(),
        not_null: !nullable,
        has_default: false,
        key_position: (1..)
            .zip(key)
            .find(|(_, key)| *key == name)
            .map_or(0, |(at, _)| at),
    });
    TableLayout {
        name: name.to_owned(),
        columns: columns.collect(),
    }
}

/// Returns why the library cannot work with this history table.
pub(crate) fn history_mismatches(real: &TableLayout) -> Vec<ColumnMismatch> {
    const NEEDED: [&str; 2] = ["version", "name"];
    let missing = NEEDED
        .iter()
        .filter(|name| !real.columns.iter().any(|column| column.name == **name));
    let missing = missing.map(|name| ColumnMismatch {
        column: (*name).to_owned(),
        expected: "TEXT NOT NULL".to_owned(),
        found: "missing".to_owned(),
    });
    let in_the_way = real.columns.iter().filter(|column| {
        column.not_null
            && !column.has_default
            // SQLite numbers the rows of an `INTEGER PRIMARY KEY` itself.
            && column.key_position == 0
            && !NEEDED.contains(&column.name.as_str())
    });
    let in_the_way = in_the_way.map(|column| ColumnMismatch {
        column: column.name.clone(),
        expected: "absent, nullable or have a default".to_owned(),
        found: column.describe(),
    });
    missing.chain(in_the_way).collect()
}

//! Tables as the code expects them and as the database has them.

use diesel::expression::Expression;
use diesel::query_source::{Column, Table};
use diesel::sql_types::Nullable;

use super::error::MigrateError;

/// A column, as far as it matters for reading and writing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnLayout {
    pub name: String,
    /// Name of the type in the dialect's own words.
    pub kind: String,
    pub not_null: bool,
    pub has_default: bool,
    /// Position in the primary key, from 1; 0 outside of it.
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
    /// Finds the first column on which the code and the real table disagree.
    ///
    /// A column the code does not know is fine as long as rows can be inserted without it.
    pub(super) fn check(&self, real: &Self) -> Result<(), MigrateError> {
        let mismatch = |column: &str, expected: String, found: String| {
            Err(MigrateError::ColumnMismatch {
                table: self.name.clone(),
                column: column.to_owned(),
                expected,
                found,
            })
        };
        for expected in &self.columns {
            let Some(found) = real.columns.iter().find(|c| c.name == expected.name) else {
                return mismatch(&expected.name, expected.describe(), "missing".to_owned());
            };
            let fits = found.kind == expected.kind
                && found.not_null == expected.not_null
                && found.key_position == expected.key_position;
            if !fits {
                return mismatch(&expected.name, expected.describe(), found.describe());
            }
        }
        let unknown = real.columns.iter().find(|found| {
            found.not_null
                && !found.has_default
                && !self.columns.iter().any(|c| c.name == found.name)
        });
        match unknown {
            Some(found) => mismatch(
                &found.name,
                "absent, nullable or have a default".to_owned(),
                found.describe(),
            ),
            None => Ok(()),
        }
    }
}

/// What a SQL type of a `table!` is called by the engine `DB`.
pub(crate) trait TypeName<DB> {
    const NAME: &'static str;
    const NULLABLE: bool = false;
}

impl<DB, T: TypeName<DB>> TypeName<DB> for Nullable<T>
where
    T: diesel::sql_types::SqlType<IsNull = diesel::sql_types::is_nullable::NotNull>,
{
    const NAME: &'static str = T::NAME;
    const NULLABLE: bool = true;
}

/// All columns of a `table!`.
pub(crate) trait Columns<DB> {
    fn describe() -> Vec<ColumnLayout>;
}

macro_rules! columns_of_tuples {
    ($(($($column:ident),+)),+ $(,)?) => {$(
        impl<DB, $($column),+> Columns<DB> for ($($column,)+)
        where
            $($column: Column, <$column as Expression>::SqlType: TypeName<DB>,)+
        {
            fn describe() -> Vec<ColumnLayout> {
                vec![$(ColumnLayout {
                    name: $column::NAME.to_owned(),
                    kind: <<$column as Expression>::SqlType as TypeName<DB>>::NAME.to_owned(),
                    not_null: !<<$column as Expression>::SqlType as TypeName<DB>>::NULLABLE,
                    has_default: false,
                    key_position: 0,
                }),+]
            }
        }
    )+};
}
columns_of_tuples!(
    (A, B, C),
    (A, B, C, D, E),
    (A, B, C, D, E, F, G, H, I, J),
    (A, B, C, D, E, F, G, H, I, J, K),
);

/// Describes a `table!`, whose primary key has the columns `key`, for the engine `DB`.
pub(crate) fn of_table<DB, T>(name: &str, key: &[&str]) -> TableLayout
where
    T: Table,
    T::AllColumns: Columns<DB>,
{
    let mut columns = <T::AllColumns as Columns<DB>>::describe();
    for (position, name) in (1..).zip(key) {
        for column in columns.iter_mut().filter(|column| column.name == *name) {
            column.key_position = position;
        }
    }
    TableLayout {
        name: name.to_owned(),
        columns,
    }
}

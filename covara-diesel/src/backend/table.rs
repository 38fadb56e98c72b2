//! Tables as the code expects them and as the database has them.

use std::fmt;

use diesel::QueryableByName;
use diesel::query_source::{Column, Table};
use diesel::sql_types::{Bool, Integer, Nullable, Text};

use crate::internal_tables::{INTERNAL_INDEXES, INTERNAL_TABLE_NAMES};
use crate::migrate::Obstacle;

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

/// An object owned by a role that is not trusted.
#[derive(Debug, Clone)]
pub struct Stranger {
    /// Name of the table, of the function followed by `()`, or of another object preceded by its
    /// kind, such as `view auth_sessions`.
    pub table: String,
    /// The role that owns it.
    pub owner: String,
}

/// Describes the object that a [`Stranger`] owns, as errors name it.
pub(crate) fn what(name: &str) -> String {
    if name.ends_with("()") {
        format!("function {name}")
    } else if name.starts_with("auth_") || name.starts_with("__") {
        format!("table {name}")
    } else {
        name.to_owned()
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

/// The name that the engine `DB` gives an SQL type of a `table!`.
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

/// The columns of a `table!`.
pub(crate) trait Columns {
    const NAMES: &'static [&'static str];
}

/// The engine `DB`'s names for the types of all columns, each with whether the column holds NULL.
pub(crate) trait ColumnTypes<DB>: Columns {
    const TYPES: &'static [(&'static str, bool)];
}

macro_rules! columns_of_tuples {
    () => {};
    ($first:ident $($rest:ident)*) => {
        impl<$first: Column, $($rest: Column),*> Columns for ($first, $($rest,)*) {
            const NAMES: &'static [&'static str] = &[$first::NAME, $($rest::NAME),*];
        }

        impl<DB, $first, $($rest),*> ColumnTypes<DB> for ($first, $($rest,)*)
        where
            $first: Column<SqlType: TypeName<DB>>,
            $($rest: Column<SqlType: TypeName<DB>>,)*
        {
            const TYPES: &'static [(&'static str, bool)] = &[
                (
                    <$first::SqlType as TypeName<DB>>::NAME,
                    <$first::SqlType as TypeName<DB>>::NULLABLE,
                ),
                $((
                    <$rest::SqlType as TypeName<DB>>::NAME,
                    <$rest::SqlType as TypeName<DB>>::NULLABLE,
                ),)*
            ];
        }

        columns_of_tuples!($($rest)*);
    };
}
columns_of_tuples!(A B C D E F G H I J K L M N O P);

/// The library's own history table.
pub(crate) const HISTORY: &str = "__covara_migrations";

/// Diesel's history table, which has the application's migrations.
pub(crate) const DIESELS_HISTORY: &str = "__diesel_schema_migrations";

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

/// Returns the names of the indexes that the migrations create, in lower case, as a list of SQL
/// strings.
pub(crate) fn quoted_index_names() -> String {
    INTERNAL_INDEXES
        .map(|(index, _, _)| format!("'{}'", index.to_ascii_lowercase()))
        .join(", ")
}

/// Returns these indexes as a list of SQL pairs, each with the name of its table.
pub(crate) fn quoted_indexes_and_tables() -> String {
    INTERNAL_INDEXES
        .map(|(index, table, _)| format!("('{}', '{table}')", index.to_ascii_lowercase()))
        .join(", ")
}

/// Returns the names of the internal tables as a list of SQL strings.
pub(crate) fn quoted_names() -> String {
    INTERNAL_TABLE_NAMES
        .map(|name| format!("'{name}'"))
        .join(", ")
}

/// A column of an internal table or of the history, as the catalogue query returns it.
#[derive(QueryableByName)]
pub(crate) struct CatalogueRow {
    #[diesel(sql_type = Text)]
    pub(crate) table_name: String,
    #[diesel(sql_type = Text)]
    pub(crate) column_name: String,
    #[diesel(sql_type = Text)]
    pub(crate) kind: String,
    #[diesel(sql_type = Bool)]
    pub(crate) not_null: bool,
    #[diesel(sql_type = Bool)]
    pub(crate) has_default: bool,
    #[diesel(sql_type = Integer)]
    pub(crate) key_position: i32,
    /// The versions in the history, where the same query can read them.
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) history: Option<String>,
    /// The table's owner, if it is another role and any role could have created the table.
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) suspect: Option<String>,
    /// The kind of the object, if the row is about an object and not about a column.
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) object: Option<String>,
}

/// Removes the rows about search indexes and returns the names of outdated triggers and functions,
/// and the objects with a suspect owner.
pub(crate) fn take_search(rows: &mut Vec<CatalogueRow>) -> (Vec<String>, Vec<Stranger>) {
    let is_of_search = |row: &mut CatalogueRow| row.table_name.starts_with("__covara_search_");
    let (mut outdated, mut suspects) = (Vec::new(), Vec::new());
    for row in rows.extract_if(.., is_of_search) {
        let Some(owner) = row.suspect else {
            outdated.push(row.table_name);
            continue;
        };
        let table = match row.object.as_deref() {
            Some("function") => format!("{}()", row.table_name),
            Some(kind) if kind != "table" => format!("{kind} {}", row.table_name),
            _ => row.table_name,
        };
        suspects.push(Stranger { table, owner });
    }
    // The query returns one row per column.
    outdated.dedup();
    (outdated, suspects)
}

/// The rows of the catalogue query, grouped.
#[derive(Default)]
pub(crate) struct Gathered {
    /// The internal tables.
    pub(crate) tables: Vec<TableLayout>,
    /// The library's history table.
    pub(crate) history: Option<TableLayout>,
    /// The content of the history, where the query could read it.
    pub(crate) versions: Option<String>,
    /// Tables, and other objects but indexes, with a suspect owner.
    pub(crate) suspects: Vec<Stranger>,
    /// Objects that have an internal name and are not what it is meant for.
    pub(crate) obstacles: Vec<Obstacle>,
}

/// Groups rows that are ordered by table and column.
pub(crate) fn gather(rows: Vec<CatalogueRow>) -> Gathered {
    let mut gathered = Gathered::default();
    for row in rows {
        let CatalogueRow {
            table_name: name,
            suspect,
            object,
            ..
        } = row;
        let is_table = object.as_ref().is_none_or(|kind| kind == "table");
        let names_index = INTERNAL_INDEXES
            .iter()
            .any(|(index, _, _)| index.eq_ignore_ascii_case(&name));
        let is_index = object
            .as_ref()
            .is_some_and(|kind| kind.starts_with("index of "));
        // An index, and what has the name of one, holds nothing that would be read or run.
        if let Some(owner) = suspect.filter(|_| !names_index && !is_index) {
            let table = match &object {
                Some(kind) if !is_table => format!("{kind} {name}"),
                _ => name.clone(),
            };
            let mut suspects = gathered.suspects.iter();
            if suspects.all(|suspect| suspect.table != table) {
                gathered.suspects.push(Stranger { table, owner });
            }
        }
        if let Some(kind) = object {
            if !is_table || names_index {
                gathered.obstacles.push(Obstacle { name, kind });
            }
            continue;
        }
        let column = ColumnLayout {
            name: row.column_name,
            kind: row.kind,
            not_null: row.not_null,
            has_default: row.has_default,
            key_position: row.key_position,
        };
        if name == HISTORY {
            gathered.versions = gathered.versions.or(row.history);
            let new = || TableLayout {
                name,
                columns: Vec::new(),
            };
            let history = gathered.history.get_or_insert_with(new);
            history.columns.push(column);
            continue;
        }
        match gathered.tables.last_mut() {
            Some(table) if table.name == name => table.columns.push(column),
            _ => gathered.tables.push(TableLayout {
                name,
                columns: vec![column],
            }),
        }
    }
    gathered
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

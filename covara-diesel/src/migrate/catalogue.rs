//! The rows in which a database describes the internal tables.

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Integer, Nullable, Text};

use super::layout::{ColumnLayout, TableLayout};
use super::obstacle::Obstacle;
use crate::backend::stranger::Stranger;
use crate::internal_tables::{HISTORY, INTERNAL_INDEXES};

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

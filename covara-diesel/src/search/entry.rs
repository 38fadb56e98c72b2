//! The catalogue of indexes.

use std::cell::OnceCell;

use diesel::row::{Field as _, Row};

use super::analysis::Analyzer;
use super::definition::{Field, FieldKind, IndexDefinition};
use super::error::SearchError;
use super::values::SearchValues;
use crate::backend::dialect::Dialect;
use crate::backend::sql::Sql;
use crate::backend::stranger::Stranger;

/// The table that lists the indexes of a database.
pub(crate) const CATALOGUE: &str = "__covara_search_indexes";

/// The column with a document's lead.
pub(crate) const LEAD: &str = "lead";

/// The location of an index's tables. Each location is the prefix of a table's name in SQL: a
/// schema with its dot on PostgreSQL, nothing on SQLite.
#[derive(Debug, Clone, Default)]
pub(crate) struct Home {
    pub(crate) catalogue: String,
    /// The location of the documents, the notes and the objects that write notes.
    pub(crate) tables: String,
    /// On PostgreSQL, the table that has the triggers, with its schema. `None` if no table has
    /// them.
    pub(crate) followed: Option<String>,
}

/// A row of the catalogue.
#[derive(Debug)]
pub struct EntryRow {
    pub(crate) number: i64,
    pub(crate) definition: String,
    /// `true` if its tables have been created.
    pub(crate) ready: bool,
    /// The id up to which its documents have been indexed again, while that is in progress.
    pub(crate) reindexed: Option<String>,
    /// `true` if the connection may index noted rows, as far as is known.
    pub(crate) may_refresh: bool,
    /// The operator that compares keys of the followed table, as SQL.
    pub(crate) equals: &'static str,
    pub(crate) home: Home,
    /// Its tables and functions that have untrusted owners.
    pub(crate) strangers: Vec<Stranger>,
}

impl EntryRow {
    /// Returns an error if an index with this definition uses an object that has an untrusted
    /// owner.
    pub(super) fn refuse_strangers(&self, definition: &IndexDefinition) -> Result<(), SearchError> {
        let documents = documents(self.number);
        let vocabulary = format!("{documents}_vocabulary");
        let is_used = |stranger: &&Stranger| match &stranger.table {
            table if *table == documents => true,
            table if *table == vocabulary => definition.has_vocabulary(usize::MAX),
            _ => definition.table.is_some(),
        };
        match self.strangers.iter().find(is_used) {
            Some(stranger) => Err(stranger.clone().into()),
            None => Ok(()),
        }
    }
}

/// Returns the name of a table of documents. It is derived from the index's number, because SQLite
/// does not distinguish upper and lower case, and PostgreSQL's names are short.
fn documents(number: i64) -> String {
    format!("__covara_search_{number}")
}

/// An existing index.
#[derive(Debug)]
pub struct Entry {
    pub(crate) number: i64,
    pub(crate) name: String,
    pub(crate) definition: IndexDefinition,
    pub(crate) reindexed: Option<String>,
    pub(super) may_refresh: bool,
    /// The operator that compares keys of the followed table, as SQL.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "SQLite has one operator for all types")
    )]
    pub(crate) equals: &'static str,
    pub(crate) home: Home,
    /// The analyzers of the searched fields, made when they are first needed: a program that only
    /// boots is linked without stemmers.
    analyzers: OnceCell<Vec<Analyzer>>,
}

impl Entry {
    pub(super) fn new(name: &str, row: EntryRow, dialect: Dialect) -> Result<Self, SearchError> {
        let definition = IndexDefinition::from_json(&row.definition, dialect);
        let definition = definition.ok_or_else(|| SearchError::Unreadable {
            what: format!("a definition of the index {name}"),
        })?;
        if definition.is_of_later_version() {
            return Err(SearchError::LaterVersion {
                index: name.to_owned(),
            });
        }
        row.refuse_strangers(&definition)?;
        let (may_refresh, equals, home) = (row.may_refresh, row.equals, row.home);
        let entry = Self::of(row.number, name, definition, row.reindexed);
        Ok(Self {
            may_refresh,
            equals,
            home,
            ..entry
        })
    }

    pub(super) fn of(
        number: i64,
        name: &str,
        definition: IndexDefinition,
        reindexed: Option<String>,
    ) -> Self {
        Self {
            number,
            name: name.to_owned(),
            definition,
            reindexed,
            may_refresh: false,
            equals: "=",
            home: Home::default(),
            analyzers: OnceCell::new(),
        }
    }

    /// Returns a field and its number.
    pub(super) fn field(&self, name: &str) -> Result<(usize, &Field), SearchError> {
        let found = self.definition.find(name);
        found.ok_or_else(|| SearchError::UnknownField {
            index: self.name.clone(),
            field: name.to_owned(),
        })
    }

    /// Returns a field that has a column, and its number. Otherwise it cannot be `verb`.
    pub(super) fn column_field(
        &self,
        name: &str,
        verb: &'static str,
    ) -> Result<(usize, &Field), SearchError> {
        let (number, field) = self.field(name)?;
        if field.has_column() {
            Ok((number, field))
        } else {
            Err(self.misused(name, field, verb))
        }
    }

    pub(super) fn misused(&self, name: &str, field: &Field, verb: &'static str) -> SearchError {
        SearchError::FieldUse {
            index: self.name.clone(),
            field: name.to_owned(),
            kind: field.kind(),
            verb,
        }
    }

    pub(super) fn analyzers(&self) -> &[Analyzer] {
        self.analyzers.get_or_init(|| {
            let searched = self.definition.searched();
            searched.map(|(_, field)| field.analyzer()).collect()
        })
    }

    /// Returns the same index with tables in that location.
    pub(super) fn at(self, home: Home) -> Self {
        Self { home, ..self }
    }

    /// Sets the followed table to the one that has the triggers, where the definition's name would
    /// also match a table that precedes it in the `search_path`.
    pub(super) fn keep_table(&mut self) {
        let (Some(watched), Some(followed)) = (&mut self.definition.table, &self.home.followed)
        else {
            return;
        };
        if followed.ends_with(&format!(".{}", watched.table)) {
            watched.table.clone_from(followed);
        }
    }

    fn catalogue(&self) -> String {
        format!("{}{CATALOGUE}", self.home.catalogue)
    }

    /// Returns its table of documents.
    pub(crate) fn documents(&self) -> String {
        format!("{}{}", self.home.tables, documents(self.number))
    }

    /// Returns the name of its words: the full-text table on SQLite, and on PostgreSQL the index,
    /// which is in the schema of its table.
    pub(crate) fn words(&self) -> String {
        format!("{}_words", documents(self.number))
    }

    /// Returns the table of notes about written rows of the followed table.
    pub(crate) fn notes(&self) -> String {
        format!("{}{}", self.home.tables, self.notes_name())
    }

    /// Returns the name of the table of notes without its location.
    pub(crate) fn notes_name(&self) -> String {
        format!("{}_notes", documents(self.number))
    }

    /// Returns its table of words.
    pub(crate) fn vocabulary(&self) -> String {
        format!("{}{}", self.home.tables, self.vocabulary_name())
    }

    /// Returns the name of the table of words without its location.
    pub(crate) fn vocabulary_name(&self) -> String {
        format!("{}_vocabulary", documents(self.number))
    }

    /// Returns whether it has a table of words.
    pub(crate) fn has_vocabulary(&self) -> bool {
        self.definition.has_vocabulary(usize::MAX)
    }

    /// Returns name and kind of each column with a value of its documents: the lead, and the fields
    /// that have one.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (String, FieldKind)> {
        let lead = self.definition.has_lead();
        let lead = lead.then(|| (LEAD.to_owned(), FieldKind::Text));
        let fields = self.definition.columns();
        let fields = fields.map(|(number, _, field)| (format!("c{number}"), field.kind()));
        lead.into_iter().chain(fields)
    }

    /// Returns the columns of its documents: names separated by commas, each after `prefix`.
    pub(crate) fn column_list(&self, prefix: &str) -> String {
        let columns = self.columns();
        columns
            .map(|(name, _)| format!(", {prefix}{name}"))
            .collect()
    }

    /// Returns statements that add the columns of the fields from number `first` on to its
    /// documents.
    pub(crate) fn add_columns(
        &self,
        first: usize,
        column: fn(&str, FieldKind) -> String,
    ) -> Vec<Sql<'static>> {
        let columns = self.definition.columns();
        let columns = columns.filter(|(number, ..)| *number >= first);
        let table = self.documents();
        columns
            .map(|(number, _, field)| {
                let column = column(&format!("c{number}"), field.kind());
                Sql::once(format!("ALTER TABLE {table} ADD COLUMN {column}"))
            })
            .collect()
    }

    /// Returns the assignments that replace an existing document by the new one.
    pub(crate) fn replacements(&self) -> String {
        let columns = self.columns();
        let columns = columns.map(|(name, _)| format!(", {name} = excluded.{name}"));
        format!(
            "version = excluded.version, source = excluded.source{}",
            columns.collect::<String>()
        )
    }

    /// Stores the definition, and that the tables exist.
    pub(super) fn set_ready(&self) -> Sql<'static> {
        let mut sql = Sql::once(format!(
            "UPDATE {} SET ready = 1, definition = ",
            self.catalogue()
        ));
        sql.bind(self.definition.to_json());
        sql.push(" WHERE ready = 0 AND number = ").bind(self.number);
        sql
    }

    /// Stores another definition and marks all documents as still to be indexed by it, unless
    /// another process has changed the definition.
    pub(super) fn set_definition(&self, definition: &IndexDefinition) -> Sql<'static> {
        let mut sql = Sql::once(format!(
            "UPDATE {} SET reindexed = '', definition = ",
            self.catalogue()
        ));
        sql.bind(definition.to_json());
        sql.push(" WHERE number = ").bind(self.number);
        sql.push(" AND definition = ")
            .bind(self.definition.to_json());
        sql
    }

    /// Stores that the index follows another table, or other columns of it.
    pub(super) fn set_table(&self, definition: &IndexDefinition) -> Sql<'static> {
        let mut sql = Sql::once(format!("UPDATE {} SET definition = ", self.catalogue()));
        sql.bind(definition.to_json());
        sql.push(" WHERE number = ").bind(self.number);
        sql.push(" AND definition = ")
            .bind(self.definition.to_json());
        sql
    }

    /// Stores the progress of indexing the documents again.
    pub(super) fn set_reindexed(&self, id: Option<String>) -> Sql<'static> {
        let mut sql = Sql::new();
        sql.push(format!("UPDATE {} SET reindexed = ", self.catalogue()));
        sql.bind(crate::backend::sql::Bind::Text(id.map(Into::into)));
        sql.push(" WHERE number = ").bind(self.number);
        // Fields that were added meanwhile restart the progress.
        sql.push(" AND definition = ")
            .bind(self.definition.to_json());
        sql
    }

    /// Stores that all documents have been brought up to date, unless another process has changed
    /// the definition.
    pub(super) fn set_current(&self) -> Sql<'static> {
        let mut sql = Sql::once(format!(
            "UPDATE {} SET reindexed = NULL, definition = ",
            self.catalogue()
        ));
        sql.bind(self.definition.current().to_json());
        sql.push(" WHERE number = ").bind(self.number);
        sql.push(" AND definition = ")
            .bind(self.definition.to_json());
        sql
    }

    pub(super) fn remove(&self) -> Sql<'static> {
        let mut sql = Sql::once(format!("DELETE FROM {} WHERE number = ", self.catalogue()));
        sql.bind(self.number);
        sql
    }

    /// Registers a name in a catalogue, given as SQL, with tables still to be created.
    pub(super) fn reserve(
        catalogue: &str,
        name: &str,
        definition: &IndexDefinition,
    ) -> Sql<'static> {
        let mut sql = Sql::once(format!(
            "INSERT INTO {catalogue} (name, definition) VALUES ("
        ));
        sql.bind(name.to_owned()).push(", ");
        sql.bind(definition.to_json());
        sql.push(") ON CONFLICT (name) DO NOTHING");
        sql
    }
}

pub(super) fn double<'r, DB: SearchValues>(row: &impl Row<'r, DB>, column: usize) -> Option<f64> {
    DB::read_double(row.get(column)?.value()?)
}

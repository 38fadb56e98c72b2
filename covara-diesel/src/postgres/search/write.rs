//! The statements that write documents.

use std::borrow::Cow;

use diesel::pg::Pg;

use super::vocabulary::push_learning;
use crate::backend::sql::{Bind, Sql};
use crate::search::{Document, DocumentBatch, Entry, FieldValue, Guard, Kind, WriteEngine};

impl WriteEngine for Pg {
    /// A statement takes its rows as one array per column, so their number does not change its SQL.
    fn batch(_: &Entry, waiting: usize, _: usize) -> usize {
        waiting
    }

    fn write<'d>(entry: &Entry, documents: DocumentBatch<'d>, guard: &Guard) -> Vec<Sql<'d>> {
        vec![match guard {
            Guard::None => insert(entry, documents),
            Guard::Older => update(entry, documents),
        }]
    }

    fn delete<'d>(entry: &Entry, ids: &'d [&'d str]) -> Vec<Sql<'d>> {
        vec![delete(entry, ids)]
    }
}

/// Inserts documents, or replaces existing ones.
fn insert<'d>(entry: &Entry, documents: DocumentBatch<'d>) -> Sql<'d> {
    let mut sql = Sql::new();
    push_learning(entry, documents, &mut sql);
    sql.push(format!(
        "INSERT INTO {} AS d (id, version, words, source{}) \
         SELECT v.id, {}, CAST(v.words AS tsvector), v.source{} FROM ",
        entry.documents(),
        entry.column_list(""),
        entry.definition.row_version(),
        entry
            .columns()
            .map(|(name, kind)| format!(", {}", given(&name, kind)))
            .collect::<String>()
    ));
    push_rows(entry, documents, &mut sql);
    sql.push(format!(
        " ON CONFLICT (id) DO UPDATE SET words = excluded.words, {}",
        entry.replacements()
    ));
    sql
}

/// Rewrites documents that were written by an older definition. A document that was deleted since
/// it was read stays deleted.
fn update<'d>(entry: &Entry, documents: DocumentBatch<'d>) -> Sql<'d> {
    let version = entry.definition.row_version();
    let columns = entry.columns();
    let columns = columns.map(|(name, kind)| format!(", {name} = {}", given(&name, kind)));
    let mut sql = Sql::new();
    push_learning(entry, documents, &mut sql);
    sql.push(format!(
        "UPDATE {} AS d SET version = {version}, words = CAST(v.words AS tsvector), \
         source = v.source{} FROM ",
        entry.documents(),
        columns.collect::<String>()
    ));
    push_rows(entry, documents, &mut sql);
    sql.push(format!(" WHERE d.id = v.id AND d.version < {version}"));
    sql
}

/// Returns the value of a column in the rows `v`. An array of lists of any lengths cannot be bound, so
/// keywords are texts there.
fn given(name: &str, kind: Kind) -> String {
    match kind {
        Kind::Keywords => format!("CAST(v.{name} AS jsonb)"),
        _ => format!("v.{name}"),
    }
}

/// Pushes the documents as rows `v`.
fn push_rows<'d>(entry: &Entry, documents: DocumentBatch<'d>, sql: &mut Sql<'d>) {
    let texts = |text: fn(Document<'d>) -> Option<&'d str>| {
        let texts = documents.iter().map(text);
        Bind::Texts(texts.map(|text| text.map(Cow::Borrowed)).collect())
    };
    sql.push("unnest(");
    sql.bind(texts(|document| Some(document.id()))).push(", ");
    sql.bind(texts(|document| document.words().next().flatten()));
    sql.push(", ");
    sql.bind(texts(|document| Some(document.source())));
    for (at, (_, kind)) in entry.columns().enumerate() {
        sql.push(", ").bind(column(documents, at, kind));
    }
    sql.push(format!(
        ") AS v (id, words, source{})",
        entry.column_list("")
    ));
}

/// Returns the values of one column.
fn column<'d>(documents: DocumentBatch<'d>, at: usize, kind: Kind) -> Bind<'d> {
    let values = documents.iter().map(|document| document.columns().nth(at));
    match kind {
        Kind::Text | Kind::Keyword | Kind::Keywords => Bind::Texts(
            values
                .map(|value| match value {
                    Some(FieldValue::Text(text)) => text.map(Cow::Borrowed),
                    _ => None,
                })
                .collect(),
        ),
        Kind::Float => Bind::Doubles(
            values
                .map(|value| match value {
                    Some(FieldValue::Double(number)) => *number,
                    _ => None,
                })
                .collect(),
        ),
        Kind::Integer | Kind::Boolean | Kind::Date => Bind::Integers(
            values
                .map(|value| match value {
                    Some(FieldValue::Integer(number)) => *number,
                    _ => None,
                })
                .collect(),
        ),
    }
}

pub(super) fn delete<'d>(entry: &Entry, ids: &'d [&'d str]) -> Sql<'d> {
    let mut sql = Sql::new();
    sql.push(format!(
        "DELETE FROM {} WHERE id = ANY (",
        entry.documents()
    ));
    let ids = ids.iter().map(|id| Some(Cow::Borrowed(*id)));
    sql.bind(Bind::Texts(ids.collect()));
    sql.push(")");
    sql
}

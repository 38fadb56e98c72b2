//! The schemas of tables.

use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;

use super::name;
use crate::backend::answer::Answer;
use crate::backend::connection::BackendConnection;

/// A table and its schema.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// `None` for the file itself, if no other schema could have a table or index of the same name
    /// that hides those of the file.
    pub(super) schema: Option<String>,
    pub(super) table: String,
}

#[derive(QueryableByName)]
struct Schema {
    #[diesel(sql_type = Text)]
    name: String,
}

impl Place {
    /// Finds the table that a quoted name stands for. Without a schema it is the first one of
    /// temporary tables, those of the file, and those of attached databases
    /// (<https://sqlite.org/lang_naming.html>). A server has the file only.
    pub(super) fn of<C>(conn: &mut C, quoted: &str) -> QueryResult<Self>
    where
        C: BackendConnection<Backend = Sqlite>,
    {
        let (mut schema, table) = name::parts(quoted);
        if schema.is_none() && !conn.is_remote() {
            schema = found(conn, &table)?;
        }
        Ok(Self { schema, table })
    }

    /// Returns the name of the table that describes those of the schema.
    pub(super) fn master(&self) -> String {
        master(self.schema.as_deref())
    }

    /// Returns the quoted name of a table in the same schema, which it names only where the table
    /// alone would be another one.
    pub(super) fn sibling<C>(&self, conn: &mut C, table: &str) -> QueryResult<String>
    where
        C: BackendConnection<Backend = Sqlite>,
    {
        let alone = name::quoted(None, table);
        let is_found = Self::of(conn, &alone)?.is_sibling(self, table);
        Ok(match is_found {
            true => alone,
            false => self.in_schema(table),
        })
    }

    /// Returns the quoted name of a table in the same schema, with the schema.
    pub(super) fn in_schema(&self, table: &str) -> String {
        name::quoted(self.schema.as_deref(), table)
    }

    pub(super) fn is_sibling(&self, of: &Self, table: &str) -> bool {
        let schema = |place: &Self| place.schema.as_deref().unwrap_or("main").to_lowercase();
        schema(self) == schema(of) && self.table.eq_ignore_ascii_case(table)
    }
}

pub(super) fn master(schema: Option<&str>) -> String {
    match schema {
        Some(schema) => format!("{}.sqlite_master", name::quoted(None, schema)),
        None => "sqlite_master".to_owned(),
    }
}

/// Returns the names of all schemas.
pub(super) fn schemas<C>(conn: &mut C) -> QueryResult<Vec<String>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let schemas = diesel::sql_query("SELECT name AS name FROM pragma_database_list");
    let schemas = schemas.load::<Schema>(conn)?.into_iter();
    Ok(schemas.map(|it| it.name).collect())
}

/// Returns the schema of the table that a name alone stands for. Temporary tables have the number 1.
fn found<C>(conn: &mut C, table: &str) -> QueryResult<Option<String>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let schemas = "SELECT name AS name FROM pragma_database_list ORDER BY seq <> 1, seq";
    let schemas = diesel::sql_query(schemas).load::<Schema>(conn)?;
    if schemas.len() < 2 {
        return Ok(None);
    }
    for Schema { name } in schemas {
        let has_table = format!(
            "SELECT EXISTS (SELECT 1 FROM {} WHERE type IN ('table', 'view')
                            AND name = ? COLLATE NOCASE) AS yes",
            master(Some(&name))
        );
        let has_table = diesel::sql_query(has_table).bind::<Text, _>(table);
        if has_table.get_result::<Answer>(conn)?.yes {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

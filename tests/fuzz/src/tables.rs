//! Descriptions of tables, beside what SQLite does with them.

use std::cell::RefCell;

use covara_diesel::__fuzz as library;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Text};

use crate::choice;

thread_local! {
    static CONN: RefCell<SqliteConnection> = RefCell::new(connect());
}

fn connect() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").expect("memory");
    // For defaults as zeroblob(1e9).
    conn.batch_execute("PRAGMA hard_heap_limit = 100000000")
        .expect("a limit");
    conn
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    schema: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    strict: i64,
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = BigInt)]
    defaults: i64,
}

/// Makes a table of what comes behind `CREATE TABLE`, and undoes it.
pub(crate) fn tables(data: &[u8]) {
    let (way, data) = choice(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // A table of rows may be without end.
    let upper = text.to_ascii_uppercase();
    if ["\0", "SELECT", "VALUES"]
        .iter()
        .any(|part| upper.contains(part))
    {
        return;
    }
    let create = ["CREATE TABLE ", "CREATE TEMP TABLE "][usize::from(way % 2)];
    CONN.with_borrow_mut(|conn| {
        let end = conn.transaction::<(), _, _>(|conn| {
            if diesel::sql_query(format!("{create}{text}"))
                .execute(conn)
                .is_ok()
            {
                check(conn);
            }
            Err(Error::RollbackTransaction)
        });
        assert_eq!(end, Err(Error::RollbackTransaction));
    });
}

fn check(conn: &mut SqliteConnection) {
    let found = diesel::sql_query(
        "SELECT schema, name, CAST(strict AS BIGINT) AS strict FROM pragma_table_list
         WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    );
    for Found {
        schema,
        name,
        strict,
    } in found.load::<Found>(conn).expect("tables")
    {
        let described = library::describe(conn, &name).expect("a query");
        let described = described.expect("the table");
        let dotted = format!("{schema}.{name}");
        let again = library::describe(conn, &dotted).expect("a query");
        let again = again.expect("the same table");
        assert_eq!(
            format!("{:?}", again.columns),
            format!("{:?}", described.columns)
        );
        assert_eq!(again.table, library::quoted(Some(&schema), &name));
        let columns = diesel::sql_query(
            "SELECT name, type AS kind, CAST(pk AS BIGINT) AS key,
                 CAST(dflt_value IS NOT NULL AS BIGINT) AS defaults
             FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid",
        );
        let columns = columns.bind::<Text, _>(&name).load::<Column>(conn);
        let columns = columns.expect("columns");
        assert_eq!(columns.len(), described.columns.len());
        Checked {
            columns: columns.iter().zip(&described.columns).collect(),
            table: described.table,
        }
        .inserts(conn);
        for column in &columns {
            affinity(conn, &again.table, column, strict > 0);
        }
    }
}

struct Checked<'a> {
    columns: Vec<(&'a Column, &'a covara_diesel::__fuzz::TableColumn)>,
    table: String,
}

impl Checked<'_> {
    fn inserts(&self, conn: &mut SqliteConnection) {
        let columns = || self.columns.iter().filter(|(_, column)| !column.generated);
        for (column, described) in &self.columns {
            assert_eq!(column.name, described.name);
            let alone = [(column.name.as_str(), "1")];
            let refused = self.insert(conn, &alone).is_err_and(|error| {
                let text = error.to_string();
                text.starts_with("cannot INSERT into generated column")
            });
            assert_eq!(refused, described.generated, "{}", column.name);
        }
        // Nothing where that will do, and NULL where that will do.
        let needed: Vec<_> = columns()
            .filter(|(_, described)| !described.optional)
            .map(|(column, _)| (column.name.as_str(), "1"))
            .collect();
        let omitted = |column: &Column| column.defaults == 0;
        self.is_no_null(conn, &needed, &|column, described| {
            described.optional && omitted(column)
        });
        let nulls: Vec<_> = columns()
            .map(|(column, described)| {
                let value = if described.nullable { "NULL" } else { "1" };
                (column.name.as_str(), value)
            })
            .collect();
        self.is_no_null(conn, &nulls, &|_, described| described.nullable);
        // NULL where that will not do.
        for (column, described) in columns() {
            if described.nullable || column.key > 0 {
                continue;
            }
            let values: Vec<_> = columns()
                .map(|(other, _)| match other.name == column.name {
                    true => (other.name.as_str(), "NULL"),
                    false => (other.name.as_str(), "1"),
                })
                .collect();
            if self.insert(conn, &values).is_ok() {
                let name = library::quoted(None, &column.name);
                let count = diesel::dsl::sql::<BigInt>("count(*) FROM ")
                    .sql(&self.table)
                    .sql(&format!(" WHERE {name} IS NULL"));
                let count = diesel::select(count).get_result::<i64>(conn);
                assert_eq!(count, Ok(0), "{}", column.name);
            }
        }
    }

    fn insert(&self, conn: &mut SqliteConnection, values: &[(&str, &str)]) -> QueryResult<usize> {
        let names: Vec<_> = values
            .iter()
            .map(|(name, _)| library::quoted(None, name))
            .collect();
        let values: Vec<_> = values.iter().map(|(_, value)| *value).collect();
        let table = &self.table;
        let sql = match names.is_empty() {
            true => format!("INSERT INTO {table} DEFAULT VALUES"),
            false => format!(
                "INSERT INTO {table} ({}) VALUES ({})",
                names.join(", "),
                values.join(", ")
            ),
        };
        diesel::sql_query(sql).execute(conn)
    }

    /// If a NULL is refused, then not in a column that was described otherwise.
    fn is_no_null(
        &self,
        conn: &mut SqliteConnection,
        values: &[(&str, &str)],
        takes: &dyn Fn(&Column, &library::TableColumn) -> bool,
    ) {
        let Err(error) = self.insert(conn, values) else {
            return;
        };
        let error = error.to_string();
        assert!(!error.starts_with("cannot INSERT into"), "{error}");
        if let Some(place) = error.strip_prefix("NOT NULL constraint failed: ") {
            let mut columns = self.columns.iter().filter(|(column, _)| {
                // The table's name, without quotes, is before it.
                place.ends_with(&format!(".{}", column.name))
            });
            assert!(
                columns.any(|(column, described)| !takes(column, described)),
                "{error}"
            );
        }
    }
}

/// The affinity by which SQLite itself makes a table of the column.
fn affinity(conn: &mut SqliteConnection, table: &str, column: &Column, strict: bool) {
    if strict && column.kind.eq_ignore_ascii_case("ANY") {
        return;
    }
    // A type that begins with a quoted word is described by that word only.
    if column.kind.is_empty() {
        return;
    }
    let name = library::quoted(None, &column.name);
    // A generated column may be too deep for another statement.
    let probe =
        format!("CREATE TEMP TABLE sqlean_probe AS SELECT {name} AS a FROM {table} LIMIT 0");
    if diesel::sql_query(probe).execute(conn).is_err() {
        return;
    }
    let found = diesel::dsl::sql::<Text>("type FROM pragma_table_info('sqlean_probe', 'temp')");
    let found = diesel::select(found).get_result::<String>(conn);
    let expected = match library::affinity(&column.kind) {
        "INTEGER" => "INT",
        "NUMERIC" => "NUM",
        "BLOB" => "",
        other => other,
    };
    assert_eq!(found.as_deref(), Ok(expected), "{}", column.kind);
    conn.batch_execute("DROP TABLE temp.sqlean_probe")
        .expect("dropped");
}

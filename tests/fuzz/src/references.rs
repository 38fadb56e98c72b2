//! Foreign keys, beside what SQLite itself does with them.

use covara_diesel::__fuzz as library;
use covara_diesel::fixture::FixtureSource;
use covara_diesel::{Seed, SeedError};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{BigInt, Text};

use crate::choice;

pub(crate) fn references(data: &[u8]) {
    let (way, data) = choice(data);
    match way % 2 {
        0 => seeds(way, data),
        _ => declared(way, data),
    }
}

const TEMPORARY: u8 = 2;
const IN_A_TRANSACTION: u8 = 4;

fn connect() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").expect("memory");
    conn.batch_execute("PRAGMA foreign_keys = ON")
        .expect("a pragma");
    conn
}

/// A seed of tables with any names is accepted if SQLite accepts the same rows in one transaction.
fn seeds(way: u8, data: &[u8]) {
    let plan = Plan::of(way, data);
    let (mut conn, mut twin) = (connect(), connect());
    for conn in [&mut conn, &mut twin] {
        if conn.batch_execute(&plan.create).is_err() {
            return;
        }
    }
    let expected = twin.transaction::<_, Error, _>(|twin| {
        twin.batch_execute("PRAGMA defer_foreign_keys = ON")?;
        plan.inserts
            .iter()
            .try_for_each(|sql| twin.batch_execute(sql))
    });
    let seed = |conn: &mut SqliteConnection| {
        let mut seed = Seed::new().chunk_rows(plan.chunk.try_into().expect("not 0"));
        for (table, lines) in &plan.files {
            let source = FixtureSource::reader("x.ndjson", lines.as_bytes());
            seed = seed.fixture(table, source);
        }
        seed.run(conn)
    };
    let result = match way & IN_A_TRANSACTION {
        0 => seed(&mut conn).map(drop),
        _ => conn.transaction(|conn| seed(conn).map(drop)),
    };
    match (&result, &expected) {
        (Ok(()), Ok(())) => assert_eq!(plan.rows(&mut conn), plan.rows(&mut twin)),
        // SQLite may count a row that refers to itself by a value of another type.
        (Ok(()), Err(error)) => assert!(
            plan.fits(&mut conn),
            "accepted in spite of {error}: {plan:?}"
        ),
        (Err(error), Ok(())) => assert!(!is_foreign_key(error), "{error:?}: {plan:?}"),
        (Err(_), Err(_)) => {}
    }
    if result.is_err() {
        assert!(plan.rows(&mut conn).is_empty(), "{plan:?}");
    }
}

fn is_foreign_key(error: &SeedError) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let kind = DatabaseErrorKind::ForeignKeyViolation;
        if matches!(error.downcast_ref(), Some(Error::DatabaseError(found, _))
            if std::mem::discriminant(found) == std::mem::discriminant(&kind))
        {
            return true;
        }
        source = error.source();
    }
    false
}

const TYPES: [&str; 8] = [
    "INTEGER",
    "BIGINT NOT NULL",
    "TEXT",
    "TEXT COLLATE NOCASE",
    "NUMERIC",
    "REAL",
    "",
    "VARCHAR(3) COLLATE RTRIM",
];

/// The constraints that make the columns unique which foreign keys refer to. In the braces are their numbers.
const KEYS: [&str; 5] = [
    "PRIMARY KEY ({0})",
    "PRIMARY KEY ({0}, {1})",
    "PRIMARY KEY ({1}, {0}), UNIQUE ({0})",
    "UNIQUE ({0}, {1}), UNIQUE ({1})",
    "UNIQUE ({0})",
];

const WHEN: [&str; 6] = [
    "",
    "deferrable /* */ initially\tdeferred",
    "DEFERRABLE INITIALLY IMMEDIATE",
    "NOT DEFERRABLE INITIALLY DEFERRED",
    "ON DELETE CASCADE DeFerrable INITIALLY DEFERRED",
    "DEFERRABLE",
];

/// Values of a line of JSON, which are the same in SQL but for the quotes.
const VALUES: [&str; 10] = [
    "null", "0", "1", "2", "\"1\"", "\"a\"", "\"A\"", "\"a \"", "1.5", "\"\"",
];

#[derive(Debug)]
struct Plan {
    create: String,
    tables: Vec<String>,
    /// The names of tables, and the rows to add to them.
    files: Vec<(String, String)>,
    /// One for each row.
    inserts: Vec<String>,
    chunk: usize,
}

impl Plan {
    fn of(way: u8, data: &[u8]) -> Self {
        let mut bytes = Bytes(data);
        let mut used = Vec::new();
        let tables: Vec<String> = (0..=bytes.byte() % 3)
            .map(|at| bytes.name(&format!("t{at}"), &mut used))
            .collect();
        let mut columns: Vec<Vec<String>> = Vec::new();
        let mut create = String::new();
        let temporary = if way & TEMPORARY > 0 { "TEMP " } else { "" };
        for table in &tables {
            let mut used = Vec::new();
            let names: Vec<String> = (0..3)
                .map(|at| bytes.name(&format!("c{at}"), &mut used))
                .collect();
            let quoted: Vec<String> = names.iter().map(|it| quoted(it)).collect();
            let mut parts: Vec<String> = quoted
                .iter()
                .map(|name| format!("{name} {}", bytes.one_of(&TYPES)))
                .collect();
            let key = bytes.one_of(&KEYS);
            parts.push(key.replace("{0}", &quoted[0]).replace("{1}", &quoted[1]));
            parts.extend((0..bytes.byte() % 3).map(|_| bytes.key(&tables, &quoted)));
            let table = self::quoted(table);
            let parts = parts.join(", ");
            create.push_str(&format!("CREATE {temporary}TABLE {table} ({parts});\n"));
            columns.push(names);
        }
        // The names of the columns that keys refer to are known only now.
        for (at, names) in columns.iter().enumerate() {
            for (number, name) in names.iter().enumerate() {
                create = create.replace(&format!("\u{1}{at}.{number}\u{1}"), &quoted(name));
            }
        }
        let (mut files, mut inserts) = (Vec::new(), Vec::new());
        let chunk = bytes.byte() % 4 + 1;
        while !bytes.0.is_empty() && files.len() < 4 {
            let at = bytes.byte() % tables.len();
            let mut lines = String::new();
            for _ in 0..=bytes.byte() % 4 {
                let values: Vec<&str> = (0..3).map(|_| *bytes.one_of(&VALUES)).collect();
                let pairs = columns[at].iter().zip(&values);
                let pairs: Vec<String> = pairs
                    .map(|(name, value)| format!("{}:{value}", serde_json::json!(name)))
                    .collect();
                lines.push_str(&format!("{{{}}}\n", pairs.join(",")));
                let (table, values) = (quoted(&tables[at]), values.join(",").replace('"', "'"));
                inserts.push(format!(
                    "INSERT INTO {table} VALUES ({values}) ON CONFLICT DO NOTHING"
                ));
            }
            files.push((tables[at].clone(), lines));
        }
        Self {
            create,
            tables,
            files,
            inserts,
            chunk,
        }
    }

    /// Returns whether no row refers to one that is not there. Of a key whose parent has no unique
    /// index SQLite cannot tell.
    fn fits(&self, conn: &mut SqliteConnection) -> bool {
        let mut tables = self.tables.iter();
        tables.all(|table| {
            let left = count(conn, "pragma_foreign_key_check(?)", table);
            left.is_none_or(|left| left == 0)
        })
    }

    /// Returns the rows of all tables as SQL.
    fn rows(&self, conn: &mut SqliteConnection) -> Vec<String> {
        let mut all = Vec::new();
        for table in &self.tables {
            let query = format!("SELECT * FROM {}", quoted(table));
            let columns = "SELECT group_concat('quote(`' || replace(name, '`', '``') || '`)',
                 ' || '','' || ') AS text FROM pragma_table_info(?)";
            let columns = diesel::sql_query(columns).bind::<Text, _>(table);
            let columns = columns.get_result::<Line>(conn).expect("columns").text;
            let query = format!("SELECT {columns} AS text FROM ({query})");
            let rows = diesel::sql_query(query).load::<Line>(conn).expect("rows");
            let mut rows: Vec<String> = rows.into_iter().map(|row| row.text).collect();
            rows.sort();
            all.extend(rows);
        }
        all
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

fn quoted(name: &str) -> String {
    library::quoted(None, name)
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> usize {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                usize::from(*first)
            }
            None => 0,
        }
    }

    fn one_of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.byte() % all.len()]
    }

    /// Takes a name, up to a byte that no text has. SQLite compares names without their case, and
    /// reserves some.
    fn name(&mut self, otherwise: &str, used: &mut Vec<String>) -> String {
        let end = self.0.iter().position(|byte| *byte == 0xff);
        let (text, rest) = self.0.split_at(end.unwrap_or(0));
        self.0 = rest.get(usize::from(end.is_some())..).unwrap_or_default();
        let mut text = String::from_utf8_lossy(text).into_owned();
        let lower = text.to_ascii_lowercase();
        let is_taken = used.contains(&lower) || lower.starts_with("sqlite_");
        if is_taken || text.is_empty() || text.contains(['\0', '\u{1}']) || lower.contains(".t") {
            text = otherwise.to_owned();
        }
        used.push(text.to_ascii_lowercase());
        text
    }

    /// Takes a foreign key of a table with these columns, quoted.
    fn key(&mut self, tables: &[String], columns: &[String]) -> String {
        let parent = self.byte() % tables.len();
        let shape = self.byte();
        let own = match shape % 2 {
            0 => vec![&columns[shape / 2 % 3]],
            _ => vec![&columns[shape / 2 % 3], &columns[(shape / 2 + 1) % 3]],
        };
        let target = match shape / 8 % 4 {
            0 => String::new(),
            1 => format!("(\u{1}{parent}.1\u{1})"),
            _ if own.len() == 1 => format!("(\u{1}{parent}.0\u{1})"),
            2 => format!("(\u{1}{parent}.0\u{1}, \u{1}{parent}.1\u{1})"),
            _ => format!("(\u{1}{parent}.1\u{1}, \u{1}{parent}.0\u{1})"),
        };
        let own: Vec<&str> = own.into_iter().map(String::as_str).collect();
        format!(
            "FOREIGN KEY ({}) REFERENCES {} {target} {}",
            own.join(", "),
            quoted(&tables[parent]),
            self.one_of(&WHEN)
        )
    }
}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn count(conn: &mut SqliteConnection, query: &str, table: &str) -> Option<i64> {
    let query = diesel::sql_query(format!("SELECT count(*) AS count FROM {query}"));
    let found = query.bind::<Text, _>(table).get_result::<Count>(conn);
    found.ok().map(|it| it.count)
}

/// A key that SQLite defers in a table declared by any text is known to be one.
fn declared(way: u8, data: &[u8]) {
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
    let mut conn = connect();
    let temporary = if way & TEMPORARY > 0 { "TEMP " } else { "" };
    let parent = format!(
        "PRAGMA hard_heap_limit = 100000000; PRAGMA ignore_check_constraints = ON;
         CREATE {temporary}TABLE p (x PRIMARY KEY, y UNIQUE, UNIQUE (x, y))"
    );
    conn.batch_execute(&parent).expect("a table");
    let create = diesel::sql_query(format!("CREATE {temporary}TABLE {text}"));
    if create.execute(&mut conn).is_err() {
        return;
    }
    let tables = diesel::sql_query(
        "SELECT name FROM pragma_table_list
         WHERE type = 'table' AND name <> 'p' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    );
    for Table { name } in tables.load::<Table>(&mut conn).expect("tables") {
        let found = library::foreign_keys(&mut conn, &[quoted(&name)]).expect("a query");
        let found = &found[0];
        let keys = "(SELECT DISTINCT id FROM pragma_foreign_key_list(?))";
        let keys = count(&mut conn, keys, &name).expect("a count");
        assert_eq!(i64::try_from(found.len()), Ok(keys));
        for key in found {
            violate(&mut conn, &name, key);
        }
    }
}

/// Adds a row that refers to nothing. SQLite keeps it for now only if the key is deferred.
fn violate(conn: &mut SqliteConnection, name: &str, key: &library::ForeignKey) {
    let table = quoted(name);
    let end = conn.transaction::<(), _, _>(|conn| {
        let values: Vec<&str> = key.columns.iter().map(|_| "7").collect();
        let (columns, values) = (key.columns.join(", "), values.join(", "));
        let insert = format!("INSERT INTO {table} ({columns}) VALUES ({values})");
        if conn.batch_execute(&insert).is_ok() {
            let waiting = count(conn, "pragma_foreign_key_check(?)", name);
            assert!(waiting == Some(0) || key.may_outlast, "{name}: {key:?}");
        }
        Err(Error::RollbackTransaction)
    });
    assert_eq!(end, Err(Error::RollbackTransaction));
}

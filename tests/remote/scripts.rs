//! Scripts are split where SQLite splits them: what random ones do, and what they fail with, is
//! what they do on a local file.

use covara_diesel::DatabaseConnection;
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use support::{d1, sqld};

/// Statements of every kind in which semicolons, BEGIN, END, TRIGGER and quotes are not what they
/// look like. Most depend on what others have made.
const STATEMENTS: [&str; 46] = [
    "CREATE TABLE IF NOT EXISTS a (x, y DEFAULT ';')",
    "CREATE TABLE trigger (x)",
    "CREATE TABLE IF NOT EXISTS trigger (x, \"trigger\")",
    "CREATE TABLE begin (end)",
    "CREATE TABLE temp_trigger (begin, end, \"case\")",
    "CREATE TABLE [t;u] (`a;b`, \"c;d\", [e;f])",
    "CREATE TABLE \"BEGIN; END;\" (x)",
    "CREATE TABLE plan AS SELECT 'x;y' AS query",
    "DROP TABLE IF EXISTS trigger",
    "DROP TABLE trigger",
    "INSERT INTO a (x) VALUES ('it''s; so')",
    "INSERT INTO a (x) VALUES (x'3B'), (X'') /* ; */, ('/*'), ('--')",
    "INSERT INTO a (x) VALUES (';') -- ; END;\n",
    "INSERT INTO trigger (x) VALUES (1)",
    "INSERT INTO begin VALUES (';')",
    "INSERT INTO [t;u] VALUES (1, 2, ';')",
    "REPLACE INTO a (x, y) VALUES (?, :name), ($a::b(c), @x)",
    "WITH begin(end) AS (SELECT ';') INSERT INTO a (x) SELECT end FROM begin",
    "WITH RECURSIVE up(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM up WHERE n < 3) INSERT INTO a (x) SELECT n FROM up",
    "UPDATE a SET y = CASE WHEN x = ';' THEN 'END;' ELSE 'BEGIN' END",
    "UPDATE a SET x = (SELECT `a;b` FROM (SELECT ';' AS `a;b`)) WHERE y IS NULL",
    "DELETE FROM a WHERE x IN ('--', '/* ; */')",
    "SELECT CASE WHEN 1 THEN ';' END",
    "SELECT [x;y] FROM (SELECT 1 AS [x;y])",
    "VALUES (1), (';')",
    "CREATE TRIGGER IF NOT EXISTS t1 AFTER INSERT ON a BEGIN UPDATE a SET y = CASE WHEN new.x THEN ';' ELSE 'END' END WHERE y = ';'; DELETE FROM a WHERE x = 'none;'; END",
    "CREATE TRIGGER [t;2] BEFORE DELETE ON a FOR EACH ROW WHEN old.x = 'END;' BEGIN SELECT 1; SELECT CASE 1 WHEN 2 THEN 3 END; END",
    "CREATE TRIGGER trigger AFTER INSERT ON trigger BEGIN SELECT ';' AS \"end\"; END",
    "CREATE\n/* ; */ TRIGGER t4 INSTEAD OF INSERT ON v BEGIN INSERT INTO a (x) VALUES (new.x); END",
    "CREATE TRIGGER t5 AFTER UPDATE OF x ON a BEGIN INSERT INTO a (x) SELECT 'end; ' || new.x WHERE 0;\n-- END;\nEND",
    "CREATE TRIGGER t6 AFTER INSERT ON begin BEGIN UPDATE begin SET end = ';'; END",
    "CREATE VIEW IF NOT EXISTS v AS SELECT x, ';' AS \"a;b\" FROM a",
    "CREATE INDEX IF NOT EXISTS \"i;1\" ON a (x) WHERE y <> ';'",
    "EXPLAIN CREATE TRIGGER t7 AFTER INSERT ON a BEGIN SELECT 1; SELECT ';'; END",
    "EXPLAIN QUERY PLAN SELECT * FROM (SELECT 1 AS end)",
    "EXPLAIN QUERY PLAN CREATE TRIGGER t8 AFTER INSERT ON a BEGIN SELECT 1; END",
    "ALTER TABLE a ADD COLUMN \"z;\" DEFAULT ';'",
    "\u{feff}SELECT 1",
    "-- only a comment; no statement\n",
    "/* BEGIN; */",
    "",
    // What is refused ends the script.
    "INSERT INTO nowhere VALUES (1)",
    "SELECT (",
    "SELECT 1 2 3",
    "CREATE TRIGGER broken AFTER INSERT ON a",
    "CREATE TRIGGER empty AFTER INSERT ON a BEGIN END",
];

const BETWEEN: [&str; 6] = [";", " ; ", ";;", "\n;\n", "; -- ; x\n", ";/* ; */ "];

fn script() -> impl Strategy<Value = String> {
    let parts = prop::collection::vec((select(&STATEMENTS[..]), select(&BETWEEN[..])), 1..9);
    (parts, any::<bool>()).prop_map(|(parts, ends)| {
        // Most statements are about it.
        let mut script = String::from("CREATE TABLE a (x, y);");
        for (statement, between) in parts {
            script.push_str(statement);
            script.push_str(between);
        }
        if !ends {
            script.push_str("INSERT INTO a (x) VALUES ('last')");
        }
        script
    })
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

fn names<C>(conn: &mut C, sql: &str) -> Vec<String>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let found: Vec<Name> = diesel::sql_query(sql).load(conn).expect(sql);
    found.into_iter().map(|row| row.name).collect()
}

const OURS: &str =
    "name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'";

/// Everything in the database, as text.
fn dump<C>(conn: &mut C) -> Vec<String>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let all = format!(
        "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || sql AS name
         FROM sqlite_master WHERE {OURS} ORDER BY type, sqlite_master.name"
    );
    let mut found = names(conn, &all);
    let tables = format!(
        "SELECT '\"' || name || '\"' AS name FROM sqlite_master
         WHERE type = 'table' AND {OURS} ORDER BY sqlite_master.name"
    );
    for table in names(conn, &tables) {
        let columns = names(
            conn,
            &format!(
                "SELECT 'quote(\"' || name || '\")' AS name FROM pragma_table_info({})",
                table.replace('"', "'")
            ),
        );
        let columns = columns.join(" || ',' || ");
        found.extend(names(
            conn,
            &format!("SELECT {columns} AS name FROM {table} ORDER BY rowid"),
        ));
    }
    found
}

fn emptied<C>(conn: &mut C)
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let drops = format!(
        "SELECT 'DROP ' || type || ' \"' || name || '\"' AS name FROM sqlite_master
         WHERE type IN ('table', 'view') AND {OURS} ORDER BY type DESC"
    );
    for drop in names(conn, &drops) {
        diesel::sql_query(drop).execute(conn).unwrap();
    }
}

fn outcome<C>(conn: &mut C, script: &str) -> Result<(), String>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    conn.batch_execute(script).map_err(|error| match error {
        Error::DatabaseError(_, information) => {
            let message = information.message();
            message
                .split(" at offset ")
                .next()
                .unwrap_or(message)
                .to_owned()
        }
        other => format!("{other:?}"),
    })
}

/// `whole`: a script that fails leaves nothing. libSQL reads SQL before SQLite does, and has its
/// own words for what it cannot read; then it runs nothing of the script.
fn as_on_a_file<C>(conn: &mut C, whole: bool)
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut runner = TestRunner::new(Config {
        cases: 250,
        failure_persistence: None,
        ..Config::default()
    });
    let conn = std::cell::RefCell::new(conn);
    runner
        .run(&script(), |script| {
            let conn = &mut **conn.borrow_mut();
            emptied(conn);
            let mut file = SqliteConnection::establish(":memory:").unwrap();
            let expected = outcome(&mut file, &script);
            let found = outcome(conn, &script);
            let unparsed = "SQL string could not be parsed";
            let is_unparsed = matches!(&found, Err(words) if words.starts_with(unparsed));
            let is_refused = is_unparsed && expected.is_err();
            if !is_refused {
                prop_assert_eq!(&found, &expected, "{}", script);
            }
            let kept = match is_refused || whole && expected.is_err() {
                true => Vec::new(),
                false => dump(&mut file),
            };
            prop_assert_eq!(dump(conn), kept, "{}", script);
            Ok(())
        })
        .unwrap();
}

#[test]
fn libsql_runs_scripts_as_a_file_does() {
    let db = sqld::TestDb::new();
    as_on_a_file(&mut LibsqlConnection::establish(&db.url()).unwrap(), false);
}

#[test]
fn d1_runs_scripts_as_a_file_does() {
    let db = d1::TestDb::new();
    as_on_a_file(&mut D1Connection::establish(&db.url()).unwrap(), true);
}

#[derive(Debug, PartialEq, QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

/// What stands around a statement changes nothing, as on a file, and no second one is run.
fn one_statement_a_query<C>(conn: &mut C)
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    conn.batch_execute("\u{feff}CREATE TABLE kept (n); INSERT INTO kept VALUES (7)")
        .unwrap();
    for sql in [
        "SELECT n FROM kept; -- the end",
        "SELECT n FROM kept -- the end",
        "-- the beginning\nSELECT n FROM kept; /* the end; */",
        "\u{feff}SELECT n FROM kept",
        " \u{feff} SELECT n \u{feff}FROM kept \u{feff};\u{feff}",
    ] {
        let found: Vec<Number> = diesel::sql_query(sql).load(conn).expect(sql);
        assert_eq!(found, [Number { n: 7 }], "{sql:?}");
    }
    let bound =
        diesel::sql_query("SELECT ?1 AS n; -- the end").bind::<diesel::sql_types::BigInt, _>(8);
    assert_eq!(bound.get_result::<Number>(conn).unwrap(), Number { n: 8 });
    let marked = diesel::sql_query("SELECT length('\u{feff}') AS n").get_result::<Number>(conn);
    assert_eq!(marked.unwrap(), Number { n: 1 });
    assert_eq!(
        diesel::sql_query("DELETE FROM kept WHERE n = 0; --").execute(conn),
        Ok(0)
    );

    // A no-break space is none to SQLite.
    conn.batch_execute("SELECT 1;\u{a0}").unwrap_err();
    conn.batch_execute("\u{a0}SELECT 1").unwrap_err();
    assert_eq!(
        names(conn, "SELECT CAST(n AS TEXT) AS name FROM kept"),
        ["7"]
    );
}

fn a_second_one_is_not_run<C>(conn: &mut C)
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let two = "SELECT n FROM kept; DELETE FROM kept";
    diesel::sql_query(two).load::<Number>(conn).unwrap_err();
    let two = "DELETE FROM kept WHERE n = 0; DELETE FROM kept";
    diesel::sql_query(two).execute(conn).unwrap_err();
    assert_eq!(
        names(conn, "SELECT CAST(n AS TEXT) AS name FROM kept"),
        ["7"]
    );
}

#[test]
fn a_query_is_one_statement_on_libsql() {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    one_statement_a_query(&mut conn);
    a_second_one_is_not_run(&mut conn);
}

#[test]
fn a_query_is_one_statement_on_d1() {
    let db = d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    one_statement_a_query(&mut conn);
    a_second_one_is_not_run(&mut conn);
}

#[test]
fn a_query_is_one_statement_on_a_file() {
    one_statement_a_query(&mut SqliteConnection::establish(":memory:").unwrap());
}

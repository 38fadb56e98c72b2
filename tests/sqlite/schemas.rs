//! Temporary tables, those of attached databases, and tables of the file that a temporary one of
//! their name hides.

use covara_diesel::dump::Dump;
use covara_diesel::fixture::FixtureSource;
use covara_diesel::{OnConflict, Seed, SeedError, SeedSummary, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::backend::{Conn, TestDb};
use crate::suite::{count, number};

fn db(create: &str) -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("PRAGMA foreign_keys = ON; ATTACH ':memory:' AS other")
        .unwrap();
    conn.batch_execute(create).unwrap();
    (db, conn)
}

fn csv(lines: &str) -> FixtureSource<'static> {
    FixtureSource::reader("rows.csv", std::io::Cursor::new(lines.to_owned()))
}

fn replace(conn: &mut Conn, table: &str, lines: &str) -> Result<SeedSummary, SeedError> {
    Seed::new().fixture(table, csv(lines)).replace().run(conn)
}

/// The tables of one schema, and the names by which a seed fills them.
#[test]
fn rows_refer_to_later_rows_of_their_own_schema() {
    for (children, parents, hiding) in [
        (
            "children",
            "main.parents",
            "CREATE TEMP TABLE parents (id BIGINT)",
        ),
        (
            "main.children",
            "main.parents",
            "CREATE TEMP TABLE parents (id BIGINT)",
        ),
        (
            "main.children",
            "parents",
            "CREATE TEMP TABLE children (id BIGINT)",
        ),
        ("main.children", "parents", ""),
        ("children", "main.parents", ""),
        ("temp.children", "parents", ""),
        ("children", "temp.parents", ""),
        (
            "children",
            "parents",
            "CREATE TABLE parents (id BIGINT); CREATE TABLE children (id BIGINT)",
        ),
        (
            "children",
            "other.parents",
            "CREATE TEMP TABLE parents (id BIGINT)",
        ),
        ("other.children", "parents", ""),
        ("children", "parents", "-- other"),
    ] {
        let names = format!("{children} {parents} {hiding}");
        let schema = match () {
            () if names.contains("other") => "other",
            () if names.contains("main") => "main",
            () => "temp",
        };
        let (_db, mut conn) = db(&format!(
            "CREATE TABLE {schema}.parents (id BIGINT PRIMARY KEY NOT NULL);
             CREATE TABLE {schema}.children (id BIGINT PRIMARY KEY NOT NULL,
                 parent BIGINT NOT NULL REFERENCES parents (id));
             {hiding}"
        ));
        let seed = |last: &str| {
            Seed::new()
                .fixture(children, csv(&format!("id,parent\n1,3\n2,{last}\n")))
                .fixture(parents, csv("id\n3\n4\n"))
        };
        let error = seed("5").run(&mut conn).expect_err(&names);
        assert!(
            matches!(&error, SeedError::Row { table, row: 2, .. } if table == children),
            "{names}: {error:?}"
        );
        let summary = seed("4").run(&mut conn).expect(&names);
        assert_eq!(summary.inserted(), 4, "{names}");
    }
}

#[test]
fn a_table_is_replaced_if_none_of_its_own_schema_refers_to_it() {
    const REFERRED: &str = "CREATE TABLE {}.parents (id BIGINT PRIMARY KEY NOT NULL);
         CREATE TABLE {}.children (parent BIGINT REFERENCES parents (id));
         INSERT INTO {}.parents VALUES (1); INSERT INTO {}.children VALUES (1);";
    const ALONE: &str = "CREATE TABLE {}.parents (id BIGINT PRIMARY KEY NOT NULL);
         CREATE TABLE {}.children (parent BIGINT);
         INSERT INTO {}.parents VALUES (1); INSERT INTO {}.children VALUES (1);";
    for (referred, alone) in [("temp", "main"), ("main", "temp")] {
        let (_db, mut conn) = db(&format!(
            "{} {}",
            REFERRED.replace("{}", referred),
            ALONE.replace("{}", alone)
        ));
        // The name alone stands for the temporary table.
        for table in ["parents", "main.parents"] {
            let is_alone = (table == "parents") == (alone == "temp");
            match replace(&mut conn, table, "id\n2\n") {
                Ok(summary) if is_alone => assert_eq!(summary.deleted(), 1, "{table}"),
                Err(SeedError::Referred { by, .. }) if !is_alone => {
                    assert!(by.ends_with("children"), "{by}");
                }
                other => panic!("{table}, {referred}: {other:?}"),
            }
        }
    }
    let (_db, mut conn) = db(&REFERRED.replace("{}", "other"));
    for table in ["parents", "other.parents"] {
        let error = replace(&mut conn, table, "id\n2\n").unwrap_err();
        assert!(matches!(error, SeedError::Referred { .. }), "{error:?}");
    }
}

#[test]
fn ids_start_anew_in_the_replaced_table_only() {
    let tables = |schemas: &[&str]| {
        let create = |schema: &&str| {
            format!(
                "CREATE TABLE {schema}.things (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
                 INSERT INTO {schema}.things VALUES (50, 'a');"
            )
        };
        schemas.iter().map(create).collect::<String>()
    };
    let next = |conn: &mut Conn, schema: &str| {
        let insert = format!("INSERT INTO {schema}.things (name) VALUES ('next')");
        conn.batch_execute(&insert).unwrap();
        number(conn, &format!("SELECT max(id) AS n FROM {schema}.things"))
    };
    for (name, replaced, all) in [
        ("things", "temp", &["main", "temp", "other"][..]),
        ("main.things", "main", &["main", "temp", "other"]),
        ("other.things", "other", &["main", "temp", "other"]),
        ("things", "other", &["other"]),
        ("things", "main", &["main", "other"]),
    ] {
        let (_db, mut conn) = db(&tables(all));
        replace(&mut conn, name, "name\nfirst\n").unwrap();
        for schema in all {
            let expected = if *schema == replaced { 2 } else { 51 };
            assert_eq!(next(&mut conn, schema), expected, "{name}: {schema}");
        }
    }
}

diesel::table! {
    named (id) {
        id -> BigInt,
        name -> Nullable<Text>,
    }
}

#[derive(Seedable)]
#[diesel(table_name = named)]
struct Named {
    id: i64,
    name: Option<&'static str>,
}

/// `OR FAIL` would take the place of the clause.
#[test]
fn clauses_and_triggers_of_attached_tables_keep_their_meaning() {
    let (_db, mut conn) = db("CREATE TABLE other.named (id INTEGER PRIMARY KEY,
             name TEXT NOT NULL ON CONFLICT REPLACE DEFAULT 'none')");
    let row = Named { id: 1, name: None };
    assert_eq!(Named::seed(&mut conn, &[row]).unwrap().inserted(), 1);
    for table in ["numbers", "other.numbers"] {
        let (_db, mut conn) = db("CREATE TABLE other.ids (id INTEGER PRIMARY KEY);
             CREATE TABLE other.numbers (id INTEGER PRIMARY KEY);
             CREATE TRIGGER other.keep AFTER INSERT ON numbers
             BEGIN INSERT OR IGNORE INTO ids VALUES (NEW.id % 2); END");
        let seed = Seed::new().fixture(table, csv("id\n1\n2\n3\n4\n"));
        assert_eq!(seed.run(&mut conn).unwrap().inserted(), 4, "{table}");
        assert_eq!(count(&mut conn, "other.ids"), 2);
    }
}

diesel::table! {
    things (code) {
        code -> Text,
        name -> Text,
    }
}

diesel::table! {
    main.hidden_things (code) {
        code -> Text,
        name -> Text,
    }
}

#[derive(Seedable)]
#[diesel(table_name = things)]
#[seedable(conflict = code)]
struct Thing {
    code: &'static str,
    name: &'static str,
}

#[derive(Seedable)]
#[diesel(table_name = hidden_things)]
#[seedable(conflict = code)]
struct HiddenThing {
    code: &'static str,
    name: &'static str,
}

/// An index is found by its name alone, as a table is.
#[test]
fn rows_are_updated_by_the_keys_of_their_own_table() {
    let (_db, mut conn) = db(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, code TEXT, name TEXT);
         CREATE UNIQUE INDEX of_things ON things (code);
         INSERT INTO things VALUES (1, 'a', 'old');
         CREATE TABLE hidden_things (id INTEGER PRIMARY KEY, code TEXT, name TEXT);
         CREATE UNIQUE INDEX of_hidden_things ON hidden_things (code);
         INSERT INTO hidden_things VALUES (1, 'a', 'old');
         CREATE TEMP TABLE hidden_things (code TEXT, name TEXT);
         CREATE UNIQUE INDEX temp.of_hidden_things ON hidden_things (name);
         CREATE UNIQUE INDEX temp.of_things ON hidden_things (name)",
    );
    let name = "new";
    let rows = ["a", "b"].map(|code| Thing { code, name });
    let hidden = ["a", "b"].map(|code| HiddenThing { code, name });
    let seed = Seed::new().table(&rows).table(&hidden);
    let summary = seed.on_conflict(OnConflict::Update).run(&mut conn).unwrap();
    assert_eq!((summary.inserted(), summary.updated()), (2, 2));
}

/// A trigger of a temporary table leaves a row in another one that refers to nothing.
#[test]
fn what_triggers_violate_outside_the_file_is_refused_at_the_callers_commit() {
    for (schema, own) in [("temp", "temp"), ("other", "other"), ("main", "temp")] {
        let (_db, mut conn) = db(&format!(
            "CREATE TABLE {schema}.nodes (id BIGINT PRIMARY KEY NOT NULL,
                 parent BIGINT REFERENCES nodes (id));
             CREATE TABLE {own}.parents (id BIGINT PRIMARY KEY NOT NULL);
             CREATE TABLE {own}.logged (parent BIGINT REFERENCES parents (id));
             CREATE TRIGGER {own}.note AFTER INSERT ON {schema}.nodes
             BEGIN INSERT INTO logged VALUES (NEW.id); END"
        )
        .replace("ON other.nodes", "ON nodes"));
        let result = conn.transaction(|conn| {
            Seed::new()
                .fixture("nodes", csv("id,parent\n1,2\n2,2\n"))
                .run(conn)
        });
        assert!(result.is_err(), "{schema}, {own}");
        assert_eq!(count(&mut conn, "logged"), 0);
    }
}

fn dumped(conn: &mut Conn, table: &str) -> String {
    let mut csv = Vec::new();
    Dump::new().table_to(conn, table, &mut csv).expect(table);
    String::from_utf8(csv).unwrap()
}

#[test]
fn a_dump_reads_the_table_that_the_name_stands_for() {
    let (_db, mut conn) = db("CREATE TABLE things (id INTEGER PRIMARY KEY);
         CREATE TEMP TABLE things (id INTEGER PRIMARY KEY);
         CREATE TABLE other.things (id INTEGER PRIMARY KEY);
         CREATE TABLE other.only (id INTEGER PRIMARY KEY);
         CREATE TEMP VIEW seen AS SELECT 1;
         CREATE TABLE seen (id INTEGER PRIMARY KEY);
         INSERT INTO main.things VALUES (1);
         INSERT INTO temp.things VALUES (2);
         INSERT INTO other.things VALUES (3);
         INSERT INTO other.only VALUES (4);
         INSERT INTO main.seen VALUES (5)");
    for (table, id) in [
        ("main.things", 1),
        ("things", 2),
        ("temp.things", 2),
        ("other.things", 3),
        ("only", 4),
        ("other.only", 4),
        ("main.seen", 5),
    ] {
        assert_eq!(dumped(&mut conn, table), format!("id\n{id}\n"), "{table}");
    }
    let seen = Dump::new().table_to(&mut conn, "seen", std::io::sink());
    assert_eq!(
        seen.unwrap_err().to_string(),
        "seen is a view; a dump reads tables only"
    );
    // All tables are those of the file.
    let directory = support::temporary::tempdir().unwrap();
    let summary = Dump::new().to_directory(&mut conn, &directory).unwrap();
    let tables: Vec<_> = summary.tables.iter().map(|it| &it.table).collect();
    assert_eq!(tables, ["seen", "things"]);
    for (file, id) in [("seen.csv", 5), ("things.csv", 1)] {
        let csv = std::fs::read_to_string(directory.path().join(file)).unwrap();
        assert_eq!(csv, format!("id\n{id}\n"));
    }
}

//! Keys of followed tables that are equal to the database and differ as texts, and columns that
//! become the key.

use covara_diesel::Dialect;
use covara_diesel::search::{
    Cause, Filter, Followed, SearchAdapter, SearchError, SearchQuery, Searchable,
};
use diesel::connection::SimpleConnection;
use serde::Serialize;

use crate::backend::{self, Conn, Fts, TestDb};
use crate::suite::{chain, count, number};

diesel::table! {
    things (id) {
        id -> Text,
        name -> Text,
    }
}

#[derive(Serialize, Searchable)]
#[diesel(table_name = things)]
struct Thing {
    #[searchable(id)]
    id: String,
    #[searchable(text)]
    name: String,
}

fn run(conn: &mut Conn, sql: &str) {
    conn.batch_execute(sql).expect(sql);
}

fn follow(conn: &mut Conn) -> Followed {
    Fts.follow::<_, Thing>(conn).unwrap()
}

fn found(conn: &mut Conn, words: &str) -> Vec<String> {
    let found = Fts
        .search(conn, "things", &SearchQuery::new(words))
        .unwrap();
    let mut ids: Vec<String> = found.hits.into_iter().map(|hit| hit.id).collect();
    ids.sort();
    ids
}

/// A type, two keys of it as SQL, and their texts.
struct Equal {
    prelude: &'static str,
    key: &'static str,
    sql: [&'static str; 2],
    text: [&'static str; 2],
}

const fn equal(key: &'static str, sql: [&'static str; 2], text: [&'static str; 2]) -> Equal {
    Equal {
        prelude: "SELECT 1",
        key,
        sql,
        text,
    }
}

fn equal_keys() -> Vec<Equal> {
    match backend::DIALECT {
        Dialect::Sqlite => vec![
            equal("TEXT COLLATE NOCASE", ["'A'", "'a'"], ["A", "a"]),
            equal("TEXT COLLATE RTRIM", ["'a'", "'a '"], ["a", "a "]),
            equal("", ["1", "1.0"], ["1", "1.0"]),
            equal("REAL", ["1", "1.0"], ["1.0", "1.0"]),
            // Not equal, and one text.
            equal("", ["1", "'1'"], ["1", "1"]),
        ],
        Dialect::Postgres => vec![
            Equal {
                prelude: "CREATE EXTENSION IF NOT EXISTS citext",
                ..equal("CITEXT", ["'A'", "'a'"], ["A", "a"])
            },
            Equal {
                prelude: "DROP COLLATION IF EXISTS any_case;
                          CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2',
                              deterministic = false)",
                ..equal("TEXT COLLATE any_case", ["'A'", "'a'"], ["A", "a"])
            },
            equal("NUMERIC", ["1.0", "1.00"], ["1.0", "1.00"]),
            equal("BPCHAR", ["'a'", "'a  '"], ["a", "a"]),
            equal("CHAR(5)", ["'a'", "'a  '"], ["a", "a"]),
            equal("FLOAT8", ["'-0'", "0"], ["-0", "0"]),
        ],
    }
}

#[test]
fn keys_that_are_equal_and_differ_as_texts_are_documents_of_their_own() {
    for Equal {
        prelude,
        key,
        sql: [old, new],
        text: [old_text, new_text],
    } in equal_keys()
    {
        let db = TestDb::new();
        let mut conn = db.connect();
        let conn = &mut conn;
        let case = format!("{key}: {old} and {new}");
        if let Err(error) = conn.batch_execute(prelude) {
            // It comes without extensions.
            let row = std::env::var("COVARA_TEST_ROW");
            assert_eq!(row.as_deref(), Ok("pglite"), "{prelude}: {error}");
            continue;
        }
        run(
            conn,
            &format!(
                "CREATE TABLE things (id {key} PRIMARY KEY NOT NULL, name TEXT NOT NULL);
                 INSERT INTO things VALUES ({old}, 'first')"
            ),
        );
        follow(conn);
        assert_eq!(found(conn, "first"), [old_text], "{case}");

        // Moved, there and back.
        run(conn, &format!("UPDATE things SET id = {new}"));
        assert_eq!(found(conn, "first"), [new_text], "{case}");
        run(conn, &format!("UPDATE things SET id = {old}"));
        run(conn, &format!("UPDATE things SET id = {new}"));
        run(conn, &format!("UPDATE things SET id = {old}"));
        assert_eq!(found(conn, "first"), [old_text], "{case}");

        // Another row, with both keys noted at once.
        run(
            conn,
            &format!("DELETE FROM things; INSERT INTO things VALUES ({new}, 'second')"),
        );
        assert_eq!(found(conn, "first"), [""; 0], "{case}");
        assert_eq!(found(conn, "second"), [new_text], "{case}");
        assert_eq!(count(conn, "__covara_search_1"), 1, "{case}");
        run(
            conn,
            &format!("UPDATE things SET id = {old}; DELETE FROM things"),
        );
        assert!(Fts.refresh(conn, "things").unwrap() > 0, "{case}");
        assert_eq!(count(conn, "__covara_search_1"), 0, "{case}");
        assert_eq!(count(conn, "__covara_search_1_notes"), 0, "{case}");
        assert_eq!(follow(conn), Followed::Unchanged, "{case}");
    }
}

const NUMBERED: &str = "
    CREATE TABLE things (id BIGINT NOT NULL, name TEXT NOT NULL, code BIGINT, other TEXT);
    INSERT INTO things VALUES (1, 'one', 11, 'eleven'), (2, 'two', 22, 'twenty')";

/// As `follow` sees it, and not by a note.
#[test]
fn columns_that_become_the_key_or_a_field_are_indexed() {
    for (rename, kept, ids) in [
        ("id TO was; RENAME code TO id", "one", ["11"]),
        ("name TO was; RENAME other TO name", "eleven", ["1"]),
    ] {
        let db = TestDb::new();
        let mut conn = db.connect();
        let conn = &mut conn;
        run(conn, NUMBERED);
        follow(conn);
        assert_eq!(found(conn, "one"), ["1"]);
        let rename = rename.replace("RENAME", "ALTER TABLE things RENAME COLUMN");
        run(conn, &format!("ALTER TABLE things RENAME COLUMN {rename}"));
        assert_eq!(follow(conn), Followed::Mended(Cause::Columns), "{rename}");
        assert_eq!(follow(conn), Followed::Unchanged, "{rename}");
        assert_eq!(found(conn, kept), ids, "{rename}");
        assert_eq!(count(conn, "__covara_search_1"), 2, "{rename}");
        run(conn, "UPDATE things SET name = 'later'");
        assert_eq!(found(conn, "later").len(), 2, "{rename}");
    }
}

#[test]
fn columns_that_are_none_of_the_indexs_change_nothing() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    run(conn, NUMBERED);
    follow(conn);
    run(
        conn,
        "ALTER TABLE things RENAME COLUMN other TO another;
         ALTER TABLE things ADD COLUMN more TEXT; ALTER TABLE things DROP COLUMN another",
    );
    assert_eq!(follow(conn), Followed::Unchanged);
    assert_eq!(number(conn, "SELECT count(*) AS n FROM things"), 2);
}

diesel::table! {
    prices (id) {
        id -> Double,
        name -> Text,
        price -> Double,
    }
}

#[derive(Serialize, Searchable)]
#[diesel(table_name = prices)]
struct Price {
    #[searchable(id)]
    id: f64,
    #[searchable(text)]
    name: String,
    #[searchable(float)]
    price: f64,
}

/// Pairs that are equal in 15 digits. Near the limits of a float, SQLite's own reading of numbers is
/// not exact in all versions.
const CLOSE: [(f64, f64); 2] = [
    (0.1 + 0.2, 0.3),
    (-123_456_789.123_456_78, -123_456_789.123_456_8),
];

#[test]
fn floats_are_keys_and_fields_with_all_digits() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    run(
        conn,
        "CREATE TABLE prices (id DOUBLE PRECISION PRIMARY KEY NOT NULL, name TEXT NOT NULL,
             price DOUBLE PRECISION NOT NULL)",
    );
    Fts.follow::<_, Price>(conn).unwrap();
    for (one, other) in CLOSE {
        run(
            conn,
            &format!(
                "DELETE FROM prices; INSERT INTO prices VALUES
                     ({one:e}, 'row', {one:e}), ({other:e}, 'row', {other:e})"
            ),
        );
        let found = |conn: &mut Conn, query: SearchQuery| {
            let hits = Fts.search(conn, "prices", &query).unwrap().hits;
            let prices = hits.iter().map(|hit| hit.source["price"].as_f64().unwrap());
            let mut prices: Vec<f64> = prices.collect();
            prices.sort_by(f64::total_cmp);
            prices
        };
        let mut both = [one, other];
        both.sort_by(f64::total_cmp);
        assert_eq!(found(conn, SearchQuery::new("row")), both);
        for price in both {
            let is = SearchQuery::new("row").filter(Filter::is("price", price));
            assert_eq!(found(conn, is), [price]);
        }
        run(conn, &format!("DELETE FROM prices WHERE id = {other:e}"));
        assert_eq!(found(conn, SearchQuery::new("row")), [one]);
    }
}

mod misnamed {
    use super::{Searchable, Serialize};

    diesel::table! {
        things (id) {
            id -> Text,
            title -> Text,
        }
    }

    diesel::table! {
        nothings (id) {
            id -> Text,
            title -> Text,
        }
    }

    diesel::table! {
        seen_things (id) {
            id -> Text,
            name -> Text,
        }
    }

    #[derive(Serialize, Searchable)]
    #[diesel(table_name = seen_things)]
    #[searchable(index = "things")]
    pub(super) struct View {
        #[searchable(id)]
        id: String,
        #[searchable(text)]
        name: String,
    }

    #[derive(Serialize, Searchable)]
    #[diesel(table_name = things)]
    pub(super) struct NoColumn {
        #[searchable(id)]
        id: String,
        #[searchable(text)]
        title: String,
    }

    #[derive(Serialize, Searchable)]
    #[diesel(table_name = nothings)]
    #[searchable(index = "things")]
    pub(super) struct NoTable {
        #[searchable(id)]
        id: String,
        #[searchable(text)]
        title: String,
    }
}

#[test]
fn a_struct_that_does_not_fit_its_table_leaves_no_index() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    run(
        conn,
        "CREATE TABLE things (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         INSERT INTO things VALUES ('1', 'one')",
    );
    let error = Fts.follow::<_, misnamed::NoColumn>(conn).unwrap_err();
    assert!(chain(&error).contains("title"), "{}", chain(&error));
    assert!(!Fts.index_exists(conn, "things").unwrap());
    let error = Fts.follow::<_, misnamed::NoTable>(conn).unwrap_err();
    assert!(chain(&error).contains("nothings"), "{}", chain(&error));
    assert!(!Fts.index_exists(conn, "things").unwrap());
    run(
        conn,
        "CREATE VIEW seen_things AS SELECT id, name FROM things",
    );
    let error = Fts.follow::<_, misnamed::View>(conn).unwrap_err();
    assert!(matches!(error, SearchError::NotATable { .. }), "{error:?}");
    assert!(!Fts.index_exists(conn, "things").unwrap());
    assert_eq!(follow(conn), Followed::Created);
    assert_eq!(found(conn, "one"), ["1"]);
}

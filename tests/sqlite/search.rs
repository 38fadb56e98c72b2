//! Search on a full disk, and an index that checks itself.

use covara_diesel::ErrorKind;
use covara_diesel::search::{
    Field, IndexDefinition, SearchAdapter, SearchQuery, Searchable, SqliteFts,
};
use diesel::connection::SimpleConnection;
use serde_json::json;
use support::sqlite::TestDb;

fn body() -> IndexDefinition {
    IndexDefinition::new().field("body", Field::text())
}

#[test]
fn a_full_disk_is_an_error_and_leaves_documents_and_words_as_they_were() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    SqliteFts.create_index(conn, "docs", &body()).unwrap();
    SqliteFts
        .index(conn, "docs", "1", &json!({"body": "before"}))
        .unwrap();
    // No page more than there are now.
    conn.batch_execute("PRAGMA max_page_count = 1").unwrap();
    let long: String = (0..20_000).map(|n| format!("w{n} ")).collect();
    let document = json!({"body": long});
    let errors = [
        SqliteFts.index(conn, "docs", "1", &document).unwrap_err(),
        SqliteFts
            .index_many(conn, "docs", [("1", &document), ("2", &document)])
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), Some(ErrorKind::DiskFull), "{error:?}");
    }
    let found = SqliteFts
        .search(conn, "docs", &SearchQuery::new("before"))
        .unwrap();
    assert_eq!(found.total, 1);
    let found = SqliteFts
        .search(conn, "docs", &SearchQuery::new("w1"))
        .unwrap();
    assert_eq!(found.total, 0);
}

#[test]
fn after_many_changes_the_full_text_table_is_sound() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    SqliteFts.create_index(conn, "docs", &body()).unwrap();
    for round in 0..20 {
        let documents = (0..300).map(|n| {
            let id = (n * (round + 1) % 400).to_string();
            (id, json!({"body": format!("round{round} w{n} all")}))
        });
        SqliteFts.index_many(conn, "docs", documents).unwrap();
        for n in 0..30 {
            let id = (n * 7 + round).to_string();
            SqliteFts.delete(conn, "docs", &id).unwrap();
        }
    }
    conn.batch_execute(
        "INSERT INTO __covara_search_1_words (__covara_search_1_words)
         VALUES ('integrity-check')",
    )
    .unwrap();
    let all = SqliteFts
        .search(conn, "docs", &SearchQuery::new("all").size(0))
        .unwrap();
    let rows = crate::suite::count(conn, "__covara_search_1");
    assert_eq!(i64::try_from(all.total), Ok(rows));
}

#[test]
fn a_writer_that_waits_in_vain_gets_the_error_locked() {
    let db = TestDb::new();
    let mut conn = db.connect();
    SqliteFts.create_index(&mut conn, "docs", &body()).unwrap();
    let mut other = db.connect();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let error = SqliteFts
        .index(&mut conn, "docs", "1", &json!({}))
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Locked), "{error:?}");
}

diesel::table! {
    notes (id) {
        id -> BigInt,
        text -> Text,
        n -> Double,
    }
}

#[derive(Searchable)]
#[diesel(table_name = notes)]
struct Note {
    #[searchable(id)]
    id: i64,
    #[searchable(text)]
    text: String,
    #[searchable(float)]
    n: f64,
}

#[test]
fn odd_values_of_a_followed_table_affect_themselves_only() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    conn.batch_execute("CREATE TABLE notes (id, text, n)")
        .unwrap();
    SqliteFts.follow::<_, Note>(conn).unwrap();
    conn.batch_execute(
        "INSERT INTO notes VALUES (1, 'word', 1.5), (2, x'00ff', 1), (3, 'word', 9e999),
             (4, 'word', 'no number'), (5, 'word', x'00'), ('six', 'word', 1), ('', 'word', 1),
             (7, 77, NULL), (8, NULL, -9e999), (9.5, 'word', 1)",
    )
    .unwrap();
    let query = SearchQuery::new("word");
    let found = SqliteFts.search(conn, "notes", &query).unwrap();
    let mut ids: Vec<String> = found.hits.into_iter().map(|hit| hit.id).collect();
    ids.sort();
    assert_eq!(ids, ["1", "3", "4", "5", "9.5", "six"]);
    let found = SqliteFts
        .search(conn, "notes", &SearchQuery::new("77"))
        .unwrap();
    assert_eq!(found.total, 1);
}

//! Search behind poolers, and by roles that may do little.

use covara_diesel::pool::{self, PoolDriver};
use covara_diesel::search::{
    Field, IndexDefinition, PostgresFts, SearchAdapter, SearchError, SearchQuery, Searchable,
};
use diesel::connection::SimpleConnection;
use serde_json::json;
use support::pgbouncer::PgBouncer;
use support::postgres::TestDb;

#[test]
fn the_adapter_works_behind_a_transaction_pooler() {
    let db = TestDb::new();
    let body = IndexDefinition::new().field("body", Field::text());
    PostgresFts
        .create_index(&mut db.connect(), "docs", &body)
        .unwrap();
    // Two connections to the server for six clients: each takes turns with others.
    let bouncer = PgBouncer::start("transaction", 2, "");
    let url = bouncer.url(&db.url());
    std::thread::scope(|scope| {
        for client in 0..6 {
            let url = url.clone();
            scope.spawn(move || {
                let pool = pool::postgres(url, PoolDriver::Hyperdrive).unwrap();
                let mut conn = pool.get().unwrap();
                for n in 0..20 {
                    let id = format!("{client}-{n}");
                    let document = json!({"body": format!("client{client} all")});
                    PostgresFts
                        .index(&mut conn, "docs", &id, &document)
                        .unwrap();
                    let mine = SearchQuery::new(format!("client{client}")).size(0);
                    let found = PostgresFts.search(&mut conn, "docs", &mine).unwrap();
                    assert_eq!(found.total, n + 1);
                }
                let more = (0..50).map(|n| (format!("{client}+{n}"), json!({"body": "all"})));
                PostgresFts.index_many(&mut conn, "docs", more).unwrap();
            });
        }
    });
    let all = SearchQuery::new("all").size(0);
    let found = PostgresFts.search(&mut db.connect(), "docs", &all).unwrap();
    assert_eq!(found.total, 6 * 70);
}

diesel::table! {
    places (id) {
        id -> Text,
        name -> Text,
    }
}

#[derive(Searchable)]
#[diesel(table_name = places)]
struct Place {
    #[searchable(id)]
    id: String,
    #[searchable(text)]
    name: String,
}

#[test]
fn a_role_that_may_only_write_the_table_keeps_its_index_current() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    conn.batch_execute("CREATE TABLE places (id VARCHAR(9) PRIMARY KEY, name TEXT NOT NULL)")
        .unwrap();
    PostgresFts.follow::<_, Place>(conn).unwrap();
    let role = format!("writer_{}", std::process::id());
    let mut other = db.connect();
    other
        .batch_execute(&format!(
            "CREATE ROLE {role}; GRANT INSERT, UPDATE, DELETE, TRUNCATE, SELECT ON places TO {role};
             SET ROLE {role}; SET search_path = pg_catalog;
             INSERT INTO public.places VALUES ('a', 'Åbo'), ('b', 'Bergen');
             UPDATE public.places SET name = 'Oslo' WHERE id = 'b'"
        ))
        .unwrap();
    let mut found = |words: &str| {
        let query = SearchQuery::new(words).size(0);
        PostgresFts.search(conn, "places", &query).unwrap().total
    };
    assert_eq!((found("abo"), found("bergen"), found("oslo")), (1, 0, 1));
    other
        .batch_execute(&format!(
            "TRUNCATE public.places; INSERT INTO public.places VALUES ('c', 'Oslo');
             RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}"
        ))
        .unwrap();
    assert_eq!((found("abo"), found("oslo")), (0, 1));
    // The function that notes is gone with the index.
    PostgresFts.delete_index(conn, "places").unwrap();
    let left = "SELECT count(*) AS n FROM pg_proc WHERE proname LIKE '%covara%'";
    assert_eq!(crate::suite::number(conn, left), 0);
}

/// In an index that is too large to count, the statistics of ANALYZE say how rare words are.
#[test]
fn rare_words_count_for_more_in_a_large_index_once_it_is_analyzed() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    let definition = IndexDefinition::new().field("body", Field::text());
    PostgresFts.create_index(conn, "docs", &definition).unwrap();
    let some = (0..3_000).map(|n| {
        (
            format!("n{n:04}"),
            format!("common filler words {n} and so"),
        )
    });
    let both = [
        ("many-common", "common common common common rare x y z"),
        ("many-rare", "common rare rare rare x y z w"),
    ];
    let both = both.map(|(id, body)| (id.to_owned(), body.to_owned()));
    let documents = some
        .chain(both)
        .map(|(id, body)| (id, json!({ "body": body })));
    PostgresFts.index_many(conn, "docs", documents).unwrap();
    conn.batch_execute("ANALYZE __covara_search_1").unwrap();
    let query = SearchQuery::new("common rare");
    let found = PostgresFts.search(conn, "docs", &query).unwrap();
    let ids: Vec<&str> = found.hits.iter().map(|hit| hit.id.as_str()).collect();
    assert_eq!(ids, ["many-rare", "many-common"]);
}

/// Documents that are written between two pages do not change the scores of those that they leave.
#[test]
fn pages_go_on_with_the_rarities_of_the_first() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    let definition = IndexDefinition::new().field("body", Field::text());
    PostgresFts.create_index(conn, "docs", &definition).unwrap();
    let words = ["common", "rare", "seldom"];
    let documents = (0..60).map(|n| {
        let body = format!("{} {}", words[n % 3], words[n % 2].repeat(n % 5 % 2));
        (format!("n{n:03}"), json!({ "body": body }))
    });
    PostgresFts.index_many(conn, "docs", documents).unwrap();
    let mut page = SearchQuery::new("common rare seldom").any().size(7);
    let mut paged = Vec::new();
    loop {
        let found = PostgresFts.search(conn, "docs", &page).unwrap();
        paged.extend(found.hits.into_iter().map(|hit| hit.id));
        let Some(cursor) = found.cursor else {
            break;
        };
        page = page.cursor(cursor);
        // They come last, after those with a lower id.
        let other = json!({"body": "common x y z w v u"});
        let id = format!("z{}", paged.len());
        PostgresFts.index(conn, "docs", &id, &other).unwrap();
    }
    let mut first: Vec<&String> = paged.iter().filter(|id| id.starts_with('n')).collect();
    assert_eq!(first.len(), 60);
    first.sort();
    first.dedup();
    assert_eq!(first.len(), 60, "each once");
    let other = SearchQuery::new("common rare")
        .any()
        .cursor(page.cursor.unwrap());
    let error = PostgresFts.search(conn, "docs", &other).unwrap_err();
    assert!(matches!(error, SearchError::Cursor), "{error:?}");
}

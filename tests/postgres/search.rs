//! What only PostgreSQL has: poolers, and roles that may do little.

use covara_diesel::pool::{self, PoolDriver};
use covara_diesel::search::{
    Field, IndexDefinition, PostgresFts, SearchAdapter, SearchQuery, Searchable,
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

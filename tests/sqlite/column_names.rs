//! A connection whose settings give columns other names than those asked for.

use covara_diesel::auth::purge;
use covara_diesel::changes::{Capture, ChangeLog};
use covara_diesel::dump::Dump;
use covara_diesel::fixture::FixtureSource;
use covara_diesel::migrate::status;
use covara_diesel::pool::{self, PoolDriver, recommended_pool_config};
use covara_diesel::search::{Followed, SearchAdapter, SearchQuery, SqliteFts};
use covara_diesel::{OnConflict, Seed, auto_migrate};
use diesel::SqliteConnection;
use diesel::connection::SimpleConnection;
use support::places::{Place, places};
use support::sqlite::TestDb;

use crate::suite::auth::transactions::use_all;

fn dumped(conn: &mut SqliteConnection, table: &str) -> String {
    let mut csv = Vec::new();
    Dump::new().table_to(conn, table, &mut csv).unwrap();
    String::from_utf8(csv).unwrap()
}

/// `PRAGMA full_column_names` names them by their table, unless they have an alias.
#[test]
fn full_names_of_columns_are_understood() {
    let db = TestDb::new();
    let mut config = recommended_pool_config(PoolDriver::Sqlite);
    config.on_connect = Some("PRAGMA full_column_names = ON".to_owned());
    let pool = pool::sqlite_with(db.url(), &config).unwrap();
    let conn = &mut *pool.get().unwrap();

    for applied in [4, 0] {
        assert_eq!(auto_migrate(conn).unwrap().applied.len(), applied);
    }
    assert!(!status(conn).unwrap().would_fail());
    use_all(conn);
    purge(conn).unwrap();

    conn.batch_execute(
        "CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
         CREATE TABLE paths (id INTEGER PRIMARY KEY, start INTEGER NOT NULL REFERENCES places,
             before INTEGER REFERENCES paths DEFERRABLE INITIALLY DEFERRED)",
    )
    .unwrap();
    assert_eq!(
        SqliteFts.follow::<_, Place>(conn).unwrap(),
        Followed::Created
    );
    let log = ChangeLog::new().table::<places::table>(Capture::Rows);
    assert_eq!(log.install(conn).unwrap().added, ["places"]);

    let of = |name: &'static str, text: &'static str| FixtureSource::reader(name, text.as_bytes());
    let seeded = Seed::new()
        .fixture("places", of("places.csv", "id,name\n1,one\n2,two\n"))
        .fixture(
            "paths",
            of(
                "paths.csv",
                "id,start@places.name,before\n1,two,2\n2,one,\n",
            ),
        )
        .run(conn);
    assert_eq!(seeded.unwrap().inserted(), 4);
    let updated = Seed::new()
        .fixture("places", of("places.csv", "id,name\n1,first\n"))
        .on_conflict(OnConflict::Update)
        .run(conn);
    assert_eq!(updated.unwrap().updated(), 1);
    assert_eq!(dumped(conn, "places"), "id,name\n1,first\n2,two\n");
    let replaced = Seed::new()
        .fixture("paths", of("paths.csv", "id,start,before\n3,1,\n"))
        .replace()
        .run(conn);
    assert_eq!(replaced.unwrap().deleted(), 2);

    let found = SqliteFts.search(conn, "places", &SearchQuery::new("first"));
    assert_eq!(found.unwrap().hits[0].id, "1");
    let changes = log.feed("reader").next(conn, 100).unwrap();
    assert_eq!(changes.into_iter().count(), 3);
    for _ in 0..2 {
        assert_eq!(
            SqliteFts.follow::<_, Place>(conn).unwrap(),
            Followed::Unchanged
        );
        assert_eq!(log.install(conn).unwrap(), Default::default());
    }
}

//! Search indexes where another role may make their tables and functions first.

use covara_diesel::search::{
    self, Cause, Field, Followed, IndexDefinition, PostgresFts, SearchAdapter, SearchError,
    SearchQuery,
};
use covara_diesel::{auto_migrate, doctor};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::json;
use support::places::Place;

use super::owners::Roles;
use crate::suite::number;

pub(super) const PLACES: &str = "CREATE TABLE places (id BIGINT PRIMARY KEY, name TEXT NOT NULL)";

/// Creates `evil()`, which counts its runs in a sequence, because a roll-back does not undo that.
pub(super) const EVIL: &str = "
    CREATE FUNCTION public.evil() RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN PERFORM nextval('public.evil_runs'); RETURN true; END $$;
    CREATE FUNCTION public.evil_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM nextval('public.evil_runs'); RETURN NEW; END $$;
    CREATE SEQUENCE public.evil_runs;
    GRANT ALL ON SEQUENCE public.evil_runs TO PUBLIC";

pub(super) const CATALOGUE: &str = "
    CREATE TABLE public.__covara_search_indexes (
        number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name TEXT NOT NULL UNIQUE,
        definition TEXT NOT NULL, ready BIGINT NOT NULL DEFAULT 0, reindexed TEXT
    );
    GRANT ALL ON public.__covara_search_indexes TO PUBLIC";

pub(super) fn run(conn: &mut PgConnection, sql: &str) {
    conn.batch_execute(sql).expect(sql);
}

pub(super) fn evil_runs(conn: &mut PgConnection) -> i64 {
    number(
        conn,
        "SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS n FROM public.evil_runs",
    )
}

pub(super) fn follow(conn: &mut PgConnection) -> Result<Followed, SearchError> {
    PostgresFts.follow::<_, Place>(conn)
}

pub(super) fn fields() -> IndexDefinition {
    IndexDefinition::new().field("name", Field::text())
}

/// Has the application own the database, so that superusers trust its tables.
pub(super) fn own(roles: &mut Roles) {
    roles.be("");
    let url = roles.db.url();
    let database = url.rsplit('/').next().unwrap();
    let sql = format!("ALTER DATABASE {database} OWNER TO {}", roles.app);
    run(&mut roles.conn, &sql);
    roles.be_app();
}

pub(super) fn found(conn: &mut PgConnection, words: &str) -> Vec<String> {
    let query = SearchQuery::new(words);
    let found = PostgresFts.search(conn, "places", &query).unwrap();
    found.hits.into_iter().map(|hit| hit.id).collect()
}

pub(super) type Call = fn(&mut PgConnection) -> Result<(), SearchError>;

/// Every call on an index.
pub(super) const CALLS: [(&str, Call); 15] = [
    ("create_index", |conn| {
        PostgresFts
            .create_index(conn, "places", &fields())
            .map(drop)
    }),
    ("index_exists", |conn| {
        PostgresFts.index_exists(conn, "places").map(drop)
    }),
    ("definition", |conn| {
        PostgresFts.definition(conn, "places").map(drop)
    }),
    ("add_fields", |conn| {
        let more = IndexDefinition::new().field("more", Field::text());
        PostgresFts.add_fields(conn, "places", &more)
    }),
    ("reindex", |conn| {
        PostgresFts.reindex(conn, "places", 10).map(drop)
    }),
    ("search::reindex", |conn| {
        search::reindex(conn, "places").map(drop)
    }),
    ("index", |conn| {
        PostgresFts.index(conn, "places", "1", &json!({"name": "one"}))
    }),
    ("index_many", |conn| {
        let documents = [("1", json!({"name": "one"}))];
        PostgresFts.index_many(conn, "places", documents).map(drop)
    }),
    ("find", |conn| {
        PostgresFts.find(conn, "places", "1").map(drop)
    }),
    ("delete", |conn| {
        PostgresFts.delete(conn, "places", "1").map(drop)
    }),
    ("search", |conn| {
        let query = SearchQuery::new("one");
        PostgresFts.search(conn, "places", &query).map(drop)
    }),
    ("follow", |conn| follow(conn).map(drop)),
    ("refresh", |conn| {
        PostgresFts.refresh(conn, "places").map(drop)
    }),
    ("rebuild", |conn| {
        PostgresFts.rebuild(conn, "places").map(drop)
    }),
    ("delete_index", |conn| {
        PostgresFts.delete_index(conn, "places").map(drop)
    }),
];

/// Asserts that each call, by the application and by a superuser, outside and inside of a
/// transaction, is refused with an error that names the owner of `what`.
fn all_is_refused(roles: &mut Roles, what: &str, calls: &[(&str, Call)]) {
    let expected = format!("{what} belongs to the role {}", roles.mallory);
    for superuser in [false, true] {
        if superuser {
            roles.be("");
        } else {
            roles.be_app();
        }
        for (name, call) in calls {
            let error = call(&mut roles.conn).expect_err(name).to_string();
            assert!(error.contains(&expected), "{name}: {error}");
            run(&mut roles.conn, "BEGIN");
            call(&mut roles.conn).expect_err(name);
            run(&mut roles.conn, "SELECT 1; COMMIT");
            roles
                .conn
                .transaction(|conn| {
                    call(conn).expect_err(name);
                    conn.batch_execute("SELECT 1")
                })
                .unwrap();
        }
    }
}

#[test]
fn a_boot_runs_nothing_of_a_strangers_catalogue() {
    for plant in [
        "CREATE VIEW public.__covara_search_indexes AS
             SELECT 1::bigint AS number, CASE WHEN public.evil() THEN 'places' END AS name,
                 '{}'::text AS definition, 1::bigint AS ready, NULL::text AS reindexed;
         GRANT SELECT ON public.__covara_search_indexes TO PUBLIC",
        "CREATE TABLE public.__covara_search_indexes (number BIGINT, name TEXT, definition TEXT,
             ready BIGINT, reindexed TEXT);
         INSERT INTO public.__covara_search_indexes VALUES (1, 'places', '{}', 1, NULL);
         GRANT ALL ON public.__covara_search_indexes TO PUBLIC;
         CREATE POLICY evil ON public.__covara_search_indexes USING (public.evil());
         ALTER TABLE public.__covara_search_indexes ENABLE ROW LEVEL SECURITY",
    ] {
        let mut roles = Roles::new();
        // Tables that are as they must be.
        auto_migrate(&mut roles.conn).unwrap();
        roles.be_mallory();
        run(
            &mut roles.conn,
            &format!(
                "{EVIL}; {plant};
                 CREATE FUNCTION public.__covara_search_1_notes_write() RETURNS int LANGUAGE sql
                     AS 'SELECT 1'"
            ),
        );
        let mallory = roles.mallory.clone();
        roles.be("");
        let error = auto_migrate(&mut roles.conn).unwrap_err().to_string();
        assert!(error.contains(&mallory), "{error}");
        let report = doctor::postgres(roles.db.url()).unwrap();
        assert!(!report.is_healthy());
        for what in [
            "__covara_search_indexes",
            "function __covara_search_1_notes_write()",
        ] {
            let expected = format!("{what} belongs to the role {mallory}");
            let mut findings = report.findings.iter();
            assert!(
                findings.any(|finding| finding.text.contains(&expected)),
                "{:?}",
                report.findings
            );
        }
        all_is_refused(&mut roles, "table __covara_search_indexes", &CALLS);
        assert_eq!(evil_runs(&mut roles.conn), 0);
    }
}

#[test]
fn writing_to_a_strangers_catalogue_is_refused_before_its_triggers_run() {
    let mut roles = Roles::new();
    roles.be_mallory();
    run(
        &mut roles.conn,
        &format!(
            "{EVIL}; {CATALOGUE};
             CREATE TRIGGER evil BEFORE INSERT OR UPDATE ON public.__covara_search_indexes
                 FOR EACH ROW EXECUTE FUNCTION public.evil_trigger()"
        ),
    );
    all_is_refused(&mut roles, "table __covara_search_indexes", &CALLS);
    // Not in the first schema of the path either.
    let app = roles.app.clone();
    roles.be("");
    run(
        &mut roles.conn,
        &format!("CREATE SCHEMA {app} AUTHORIZATION {app}"),
    );
    roles.be_app();
    run(&mut roles.conn, "SET search_path = \"$user\", public");
    PostgresFts
        .create_index(&mut roles.conn, "places", &fields())
        .expect_err("a stranger's catalogue");
    // It has nothing to say to who does not look there.
    run(&mut roles.conn, "SET search_path = \"$user\"");
    assert!(
        PostgresFts
            .create_index(&mut roles.conn, "places", &fields())
            .unwrap()
    );
    run(&mut roles.conn, "SET search_path = \"$user\", public");
    PostgresFts
        .index(&mut roles.conn, "places", "1", &json!({"name": "one"}))
        .unwrap();
    assert_eq!(found(&mut roles.conn, "one"), ["1"]);
    roles.be("");
    assert_eq!(evil_runs(&mut roles.conn), 0);
    run(&mut roles.conn, &format!("DROP SCHEMA {app} CASCADE"));
}

#[test]
fn a_strangers_tables_of_an_index_are_refused() {
    let plants = [
        (
            "table __covara_search_1",
            "CREATE TABLE public.__covara_search_1 (id TEXT, version BIGINT,
             words TSVECTOR, source TEXT); GRANT ALL ON public.__covara_search_1 TO PUBLIC;
          CREATE POLICY evil ON public.__covara_search_1 USING (public.evil());
          ALTER TABLE public.__covara_search_1 ENABLE ROW LEVEL SECURITY",
        ),
        (
            "table __covara_search_1_notes",
            "CREATE TABLE public.__covara_search_1_notes
              (key BIGINT, number BIGINT); GRANT ALL ON public.__covara_search_1_notes TO PUBLIC;
          CREATE POLICY evil ON public.__covara_search_1_notes USING (public.evil());
          ALTER TABLE public.__covara_search_1_notes ENABLE ROW LEVEL SECURITY",
        ),
        (
            "function __covara_search_1_notes_write()",
            "CREATE FUNCTION
              public.__covara_search_1_notes_write() RETURNS trigger LANGUAGE plpgsql AS
              'BEGIN PERFORM public.evil(); RETURN NULL; END'",
        ),
    ];
    for (what, plant) in plants {
        let mut roles = Roles::new();
        own(&mut roles);
        run(&mut roles.conn, PLACES);
        follow(&mut roles.conn).unwrap();
        auto_migrate(&mut roles.conn).unwrap();
        let name = what.rsplit(' ').next().unwrap();
        let drop = format!(
            "DROP {} CASCADE",
            what.replace(name, &format!("public.{name}"))
        );
        run(&mut roles.conn, &drop);
        roles.be_mallory();
        run(&mut roles.conn, &format!("{EVIL}; {plant}"));
        all_is_refused(&mut roles, what, &CALLS);
        let error = auto_migrate(&mut roles.conn).unwrap_err().to_string();
        assert!(
            error.contains(what) && error.contains(&roles.mallory),
            "{error}"
        );
        assert_eq!(evil_runs(&mut roles.conn), 0, "{what}");
    }
}

#[test]
fn a_strangers_table_of_words_is_refused_where_the_index_has_one() {
    let mut roles = Roles::new();
    own(&mut roles);
    let plain = ("plain", fields());
    let fuzzy = IndexDefinition::new().field("name", Field::text().fuzzy());
    for (name, definition) in [("places", fuzzy), plain] {
        PostgresFts
            .create_index(&mut roles.conn, name, &definition)
            .unwrap();
    }
    let table = "public.__covara_search_1_vocabulary";
    run(&mut roles.conn, &format!("DROP TABLE {table}"));
    roles.be_mallory();
    run(&mut roles.conn, EVIL);
    for table in [table, "public.__covara_search_2_vocabulary"] {
        run(
            &mut roles.conn,
            &format!(
                "CREATE TABLE {table} (word TEXT); GRANT ALL ON {table} TO PUBLIC;
                 CREATE TRIGGER evil BEFORE INSERT ON {table}
                     FOR EACH ROW EXECUTE FUNCTION public.evil_trigger()"
            ),
        );
    }
    all_is_refused(&mut roles, "table __covara_search_1_vocabulary", &CALLS);
    roles.be_app();
    PostgresFts
        .index(&mut roles.conn, "plain", "1", &json!({"name": "windmill"}))
        .unwrap();
    let query = SearchQuery::new("windmil").fuzzy();
    let found = PostgresFts
        .search(&mut roles.conn, "plain", &query)
        .unwrap();
    assert_eq!(found.total, 0);
    assert_eq!(evil_runs(&mut roles.conn), 0);
}

#[test]
fn a_stranger_cannot_give_a_followed_table_a_function() {
    let mut roles = Roles::new();
    let app = roles.app.clone();
    roles.be("");
    run(
        &mut roles.conn,
        &format!("CREATE SCHEMA {app} AUTHORIZATION {app}"),
    );
    roles.be_mallory();
    run(
        &mut roles.conn,
        &format!(
            "{EVIL};
             CREATE FUNCTION public.__covara_search_1_notes_write() RETURNS trigger
                 LANGUAGE plpgsql AS 'BEGIN PERFORM public.evil(); RETURN NULL; END'"
        ),
    );
    roles.be_app();
    run(&mut roles.conn, "SET search_path = \"$user\", public");
    run(&mut roles.conn, PLACES);
    assert_eq!(follow(&mut roles.conn).unwrap(), Followed::Created);
    assert_eq!(follow(&mut roles.conn).unwrap(), Followed::Unchanged);
    run(&mut roles.conn, "INSERT INTO places VALUES (1, 'one')");
    assert_eq!(found(&mut roles.conn, "one"), ["1"]);
    // Triggers that call it, as an earlier version made them.
    run(
        &mut roles.conn,
        "DROP TRIGGER __covara_search_1_notes_row ON places;
         CREATE TRIGGER __covara_search_1_notes_row AFTER INSERT OR UPDATE OR DELETE ON places
             FOR EACH ROW EXECUTE FUNCTION public.__covara_search_1_notes_write();
         ALTER TABLE places ENABLE ALWAYS TRIGGER __covara_search_1_notes_row",
    );
    assert_eq!(
        follow(&mut roles.conn).unwrap(),
        Followed::Mended(Cause::Triggers)
    );
    assert_eq!(follow(&mut roles.conn).unwrap(), Followed::Unchanged);
    run(&mut roles.conn, "INSERT INTO places VALUES (2, 'two')");
    assert_eq!(found(&mut roles.conn, "two"), ["2"]);
    roles.be("");
    assert_eq!(evil_runs(&mut roles.conn), 0);
    assert_eq!(
        number(
            &mut roles.conn,
            &format!(
                "SELECT count(*) AS n FROM pg_trigger AS g JOIN pg_proc AS f ON f.oid = g.tgfoid
                 WHERE g.tgname LIKE '\\_\\_covara%'
                     AND f.pronamespace <> '{app}'::regnamespace"
            )
        ),
        0
    );
    run(&mut roles.conn, &format!("DROP SCHEMA {app} CASCADE"));
}

#[test]
fn roles_that_are_no_strangers_share_an_index() {
    let ways: [fn(&Roles) -> String; 3] = [
        |_| "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
        |roles| format!("ALTER SCHEMA public OWNER TO {}", roles.mallory),
        |roles| format!("GRANT {} TO {}", roles.mallory, roles.app),
    ];
    for way in ways {
        let mut roles = Roles::new();
        roles.be_mallory();
        run(&mut roles.conn, PLACES);
        follow(&mut roles.conn).unwrap();
        run(
            &mut roles.conn,
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
             INSERT INTO places VALUES (1, 'one')",
        );
        let sql = way(&roles);
        roles.be("");
        run(&mut roles.conn, &sql);
        roles.be_app();
        assert_eq!(found(&mut roles.conn, "one"), ["1"], "{sql}");
    }
}

#[test]
fn the_doctor_names_owners_that_only_a_grant_lets_create() {
    let mut roles = Roles::new();
    let mallory = roles.mallory.clone();
    run(
        &mut roles.conn,
        &format!(
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT CREATE ON SCHEMA public TO {mallory}"
        ),
    );
    roles.be_mallory();
    run(&mut roles.conn, CATALOGUE);
    auto_migrate(&mut roles.conn).unwrap();
    let report = doctor::postgres(roles.db.url()).unwrap();
    assert!(report.is_healthy(), "{:?}", report.findings);
    for table in ["__covara_search_indexes", "auth_sessions"] {
        let mut findings = report.findings.iter();
        let expected = format!("{table} belongs to the role {mallory}");
        assert!(
            findings.any(|finding| finding.text.contains(&expected)),
            "{:?}",
            report.findings
        );
    }
}

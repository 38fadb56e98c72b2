//! Roles with few rights on a followed table and its index.

use covara_diesel::search::{
    self, Field, Followed, IndexDefinition, PostgresFts, SearchAdapter, SearchQuery,
};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::json;
use support::postgres::TestDb;

use super::search_follow::{PLAIN, follow, followed, found, run};
use crate::suite::number;

/// Creates a role for this test, without rights.
pub(super) fn role(conn: &mut PgConnection, what: &str) -> String {
    let pid = std::process::id();
    let database = number(
        conn,
        "SELECT oid::bigint AS n FROM pg_database WHERE datname = current_database()",
    );
    let role = format!("{what}_{pid}_{database}");
    run(
        conn,
        &format!("CREATE ROLE {role}; GRANT ALL ON SCHEMA public TO {role}"),
    );
    role
}

pub(super) fn leave(conn: &mut PgConnection, role: &str) {
    run(
        conn,
        &format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"),
    );
}

#[test]
fn a_role_without_rights_gains_none_by_the_trigger_function() {
    let (db, mut conn) = followed(PLAIN);
    let conn = &mut conn;
    run(conn, "CREATE TABLE secrets (id INTEGER, name TEXT)");
    let role = role(conn, "hostile");
    let mut other = db.connect();
    let other = &mut other;
    run(other, &format!("SET ROLE {role}"));
    let function = "public.__covara_search_1_notes_write";
    let refused = |conn: &mut PgConnection, sql: &str| {
        let error = conn.batch_execute(sql).expect_err(sql).to_string();
        assert!(error.contains("permission denied"), "{sql}: {error}");
    };
    for table in ["TEMP TABLE mine", "TABLE mine"] {
        run(other, &format!("CREATE {table} (id INTEGER, name TEXT)"));
        refused(
            other,
            &format!(
                "CREATE TRIGGER forge AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION \
                 {function}('secrets (name) VALUES (''forged'') --')"
            ),
        );
        run(other, "DROP TABLE mine");
    }
    refused(other, &format!("SELECT {function}()"));
    refused(
        other,
        "INSERT INTO __covara_search_1_notes (key) VALUES (1)",
    );
    refused(other, "SELECT FROM __covara_search_1_notes");

    // Names that shadow what the function uses, in schemas that are looked in before others.
    run(
        conn,
        &format!(
            "GRANT INSERT, UPDATE, SELECT ON places TO {role}; GRANT CREATE ON DATABASE \
                  {} TO {role}",
            db.url().rsplit('/').next().unwrap()
        ),
    );
    run(
        other,
        "CREATE SCHEMA shadow;
         CREATE TABLE shadow.__covara_search_1_notes (key INTEGER, number BIGINT);
         CREATE TEMP TABLE __covara_search_1_notes (key INTEGER, number BIGINT);
         CREATE TEMP TABLE pg_attribute (attrelid OID, attname NAME, atttypid OID, attisdropped BOOL);
         CREATE FUNCTION shadow.has_table_privilege(OID, TEXT) RETURNS BOOL LANGUAGE plpgsql AS
             'BEGIN INSERT INTO public.secrets VALUES (1, current_user); RETURN true; END';
         CREATE FUNCTION shadow.pg_partition_root(OID) RETURNS REGCLASS LANGUAGE plpgsql AS
             'BEGIN INSERT INTO public.secrets VALUES (1, current_user); RETURN NULL; END';
         SET search_path = shadow, public, pg_catalog;
         INSERT INTO places VALUES (1, 'written'); UPDATE places SET name = 'again' WHERE id = 1",
    );
    assert_eq!(number(conn, "SELECT count(*) AS n FROM secrets"), 0);
    assert_eq!(
        number(
            conn,
            "SELECT count(*) AS n FROM shadow.__covara_search_1_notes"
        ),
        0
    );
    assert_eq!(found(conn, "again"), ["1"]);
    // Even somebody who may execute it gets nothing out of it.
    run(
        conn,
        &format!("GRANT EXECUTE ON FUNCTION {function}() TO {role}"),
    );
    run(
        other,
        &format!(
            "CREATE TABLE shadow.mine (id INTEGER, name TEXT);
             CREATE TRIGGER forge AFTER INSERT ON shadow.mine FOR EACH ROW EXECUTE FUNCTION
                 {function}('secrets (name) VALUES (''forged'') --');
             INSERT INTO shadow.mine VALUES (5, 'forged')"
        ),
    );
    assert_eq!(number(conn, "SELECT count(*) AS n FROM secrets"), 0);
    assert_eq!(
        number(conn, "SELECT count(*) AS n FROM __covara_search_1_notes"),
        0
    );
    run(other, "RESET ROLE");
    leave(conn, &role);
}

#[test]
fn a_role_that_may_only_select_still_finds_what_is_indexed() {
    let (db, mut conn) = followed(PLAIN);
    let conn = &mut conn;
    run(conn, "INSERT INTO places VALUES (1, 'indexed')");
    assert_eq!(found(conn, "indexed"), ["1"]);
    let role = role(conn, "reader");
    let tables = [
        "__covara_search_indexes, __covara_search_1",
        "ALL TABLES IN SCHEMA public",
    ];
    for tables in tables {
        run(conn, "INSERT INTO places VALUES (2, 'indexed')");
        run(conn, &format!("GRANT SELECT ON {tables} TO {role}"));
        let mut other = db.connect();
        let other = &mut other;
        run(other, &format!("SET ROLE {role}"));
        assert_eq!(found(other, "indexed"), ["1"]);
        // A failed statement would spoil this.
        other
            .transaction(|conn| {
                assert_eq!(found(conn, "indexed"), ["1"]);
                conn.batch_execute("SELECT 1")
            })
            .unwrap();
        run(other, "RESET ROLE");
        run(conn, "DELETE FROM places WHERE id = 2");
    }
    // With a right too few for all of it.
    run(
        conn,
        &format!(
            "GRANT DELETE ON __covara_search_1_notes TO {role}; INSERT INTO places VALUES (3, 'indexed')"
        ),
    );
    let mut other = db.connect();
    run(&mut other, &format!("SET ROLE {role}"));
    other
        .transaction(|conn| {
            assert_eq!(found(conn, "indexed"), ["1"]);
            conn.batch_execute("SELECT 1")
        })
        .unwrap();
    drop(other);
    assert_eq!(found(conn, "indexed"), ["1", "3"]);
    leave(conn, &role);
}

#[test]
fn a_role_that_does_not_see_all_rows_removes_no_document() {
    let (db, mut conn) = followed(PLAIN);
    let conn = &mut conn;
    let role = role(conn, "tenant");
    run(
        conn,
        &format!(
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role};
             INSERT INTO places VALUES (1, 'visible'), (2, 'hidden');
             ALTER TABLE places ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON places USING (id = 1)"
        ),
    );
    assert_eq!(found(conn, "hidden"), ["2"]);
    run(conn, "UPDATE places SET name = name");
    let mut other = db.connect();
    run(&mut other, &format!("SET ROLE {role}"));
    assert_eq!(found(&mut other, "hidden"), ["2"]);
    drop(other);
    assert_eq!(found(conn, "hidden"), ["2"]);
    leave(conn, &role);
}

/// A role that may not read the rows cannot index them, and finds what is indexed already.
#[test]
fn a_search_by_a_role_without_rights_on_the_schema_spoils_no_transaction() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    run(conn, "CREATE SCHEMA app");
    run(conn, "SET search_path = public, app");
    run(conn, &PLAIN.replace("places", "app.places"));
    run(conn, "INSERT INTO app.places VALUES (1, 'one')");
    assert_eq!(follow(conn), Followed::Created);
    let role = role(conn, "reader");
    run(
        conn,
        &format!("GRANT SELECT, DELETE, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}"),
    );
    run(conn, "INSERT INTO app.places VALUES (2, 'two')");
    run(conn, &format!("SET ROLE {role}"));
    conn.transaction(|conn| {
        assert_eq!(found(conn, "one"), ["1"]);
        assert_eq!(found(conn, "two"), [""; 0]);
        assert_eq!(
            number(conn, "SELECT count(*) AS n FROM __covara_search_1"),
            1
        );
        QueryResult::Ok(())
    })
    .unwrap();
    run(conn, "RESET ROLE");
    assert_eq!(found(conn, "two"), ["2"]);
    run(conn, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn only_the_owner_of_an_index_of_an_earlier_version_gives_it_names() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    let definition = IndexDefinition::new().field("name", Field::keyword());
    PostgresFts.create_index(conn, "docs", &definition).unwrap();
    for (id, name) in [
        ("a", "git git git extras"),
        ("b", "git"),
        ("c", "gitk git git"),
    ] {
        let document = json!({ "name": name });
        PostgresFts.index(conn, "docs", id, &document).unwrap();
    }
    run(
        conn,
        "ALTER TABLE __covara_search_1 DROP COLUMN lead;
         UPDATE __covara_search_1 SET version = version % 32768;
         UPDATE __covara_search_indexes
             SET definition = replace(definition, ',\"words\":4,\"lead\":true', '')",
    );
    let role = role(conn, "writer");
    run(
        conn,
        &format!("GRANT SELECT, DELETE, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}"),
    );
    run(conn, &format!("SET ROLE {role}"));
    let git = |conn: &mut PgConnection| {
        let query = SearchQuery::new("git");
        let hits = PostgresFts.search(conn, "docs", &query).unwrap().hits;
        hits.into_iter().map(|hit| hit.id).collect::<Vec<_>>()
    };
    // The words are brought up to date, without the names.
    assert_eq!(search::reindex(conn, "docs").unwrap().documents, 3);
    assert_eq!(search::reindex(conn, "docs").unwrap().documents, 0);
    assert_eq!(git(conn).len(), 3);
    let new = json!({"name": "git gui"});
    PostgresFts.index(conn, "docs", "d", &new).unwrap();
    run(conn, "RESET ROLE");
    assert_eq!(search::reindex(conn, "docs").unwrap().documents, 4);
    assert_eq!(git(conn)[0], "b");
    // From then on the others keep it current.
    run(conn, &format!("SET ROLE {role}"));
    PostgresFts.index(conn, "docs", "b", &new).unwrap();
    let new = json!({"name": "git"});
    PostgresFts.index(conn, "docs", "c", &new).unwrap();
    assert_eq!(git(conn)[0], "c");
    run(conn, "RESET ROLE");
    leave(conn, &role);
}

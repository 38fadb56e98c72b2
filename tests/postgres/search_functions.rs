//! Functions and operators of a stranger's that fit the library's queries better than the server's.

use covara_diesel::search::{Followed, PostgresFts, SearchAdapter, SearchQuery, Searchable};
use covara_diesel::{auto_migrate, doctor};
use diesel::prelude::*;

use super::owners::Roles;
use super::search_owners::{EVIL, PLACES, evil_runs, follow, found, own, run};

/// Functions and operators that fit what the library asks better than the server's own do.
#[test]
fn a_strangers_functions_do_not_stand_in_for_the_servers() {
    let mut roles = Roles::new();
    own(&mut roles);
    run(&mut roles.conn, PLACES);
    follow(&mut roles.conn).unwrap();
    auto_migrate(&mut roles.conn).unwrap();
    roles.be_mallory();
    run(&mut roles.conn, EVIL);
    let functions = [
        ("array_position", "smallint[], smallint", "integer"),
        ("array_position", "name[], name", "integer"),
        ("format", "text, name", "text"),
        ("format", "text, name, text", "text"),
        ("has_schema_privilege", "text, oid, text", "boolean"),
        ("has_table_privilege", "regclass, text", "boolean"),
        ("concat", "text, bigint, text", "text"),
        ("evil_equal", "oid, integer", "boolean"),
        ("evil_equal", "oid, regclass", "boolean"),
        ("evil_equal", "name, text", "boolean"),
        ("evil_equal", "text[], text[]", "boolean"),
        ("evil_equal", "name, name[]", "boolean"),
        ("evil_like", "name, name", "boolean"),
        ("evil_concat", "text, bigint", "text"),
    ];
    for (name, arguments, result) in functions {
        run(
            &mut roles.conn,
            &format!(
                "CREATE FUNCTION public.{name}({arguments}) RETURNS {result} LANGUAGE plpgsql AS
                     'BEGIN PERFORM public.evil(); RETURN NULL; END'"
            ),
        );
        let operator = match name {
            "evil_equal" => "=",
            "evil_like" => "~~",
            "evil_concat" => "||",
            _ => continue,
        };
        let (left, right) = arguments.split_once(", ").unwrap();
        for operator in [operator, if operator == "=" { "<>" } else { "!~~" }] {
            run(
                &mut roles.conn,
                &format!(
                    "CREATE OPERATOR public.{operator}
                         (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = public.{name})"
                ),
            );
        }
    }
    for superuser in [true, false] {
        if superuser {
            roles.be("");
        } else {
            roles.be_app();
        }
        auto_migrate(&mut roles.conn).unwrap();
        let _ = covara_diesel::migrate::status(&mut roles.conn).unwrap();
        assert_eq!(follow(&mut roles.conn).unwrap(), Followed::Unchanged);
        run(
            &mut roles.conn,
            "INSERT INTO places VALUES (1, 'one'); DROP TABLE __covara_search_1_notes",
        );
        assert!(follow(&mut roles.conn).unwrap().cause().is_some());
        assert_eq!(found(&mut roles.conn, "one"), ["1"]);
        run(&mut roles.conn, "TRUNCATE places");
        assert_eq!(found(&mut roles.conn, "one"), [""; 0]);
    }
    let _ = doctor::postgres(roles.db.url()).unwrap();
    roles.be("");
    assert_eq!(evil_runs(&mut roles.conn), 0);
}

mod named {
    diesel::table! {
        named (id) {
            id -> Text,
            name -> Text,
        }
    }
}

#[derive(Searchable)]
#[diesel(table_name = named::named)]
struct Named {
    #[searchable(id)]
    id: String,
    #[searchable(text)]
    name: String,
}

/// `varchar` and an enum have no `=` of their own, so that one fits better than the server's.
#[test]
fn a_strangers_equality_of_keys_is_not_asked() {
    for key in ["varchar", "own_key"] {
        let mut roles = Roles::new();
        own(&mut roles);
        run(
            &mut roles.conn,
            &format!(
                "CREATE TYPE own_key AS ENUM ('a', 'b', 'c');
                 CREATE TABLE named (id {key} PRIMARY KEY, name TEXT NOT NULL);
                 INSERT INTO named VALUES ('a', 'one')"
            ),
        );
        roles.be_mallory();
        run(&mut roles.conn, EVIL);
        run(
            &mut roles.conn,
            &format!(
                "CREATE FUNCTION public.evil_equal({key}, {key}) RETURNS boolean LANGUAGE plpgsql
                     AS 'BEGIN RETURN public.evil(); END';
                 CREATE OPERATOR public.=
                     (LEFTARG = {key}, RIGHTARG = {key}, FUNCTION = public.evil_equal)"
            ),
        );
        roles.be("");
        let conn = &mut roles.conn;
        PostgresFts.follow::<_, Named>(conn).unwrap();
        run(
            conn,
            "INSERT INTO named VALUES ('b', 'two'); DELETE FROM named WHERE id::text = 'a'",
        );
        let hits = |conn: &mut PgConnection, words| {
            let hits = PostgresFts.search(conn, "named", &SearchQuery::new(words));
            hits.unwrap().total
        };
        assert_eq!((hits(conn, "one"), hits(conn, "two")), (0, 1), "{key}");
        run(conn, "UPDATE named SET id = 'c'");
        assert_eq!(hits(conn, "two"), 1, "{key}");
        assert_eq!(evil_runs(conn), 0, "{key}");
    }
}

use super::*;

#[test]
fn what_begins_and_ends_transactions_is_told_from_what_looks_like_it() {
    use Change::{Begins, Ends, EndsAndBegins};
    for (sql, expected) in [
        ("BEGIN", &[Begins][..]),
        ("begin isolation level serializable", &[Begins]),
        ("/* a /* b; */ c; */ START -- ;\n TRANSACTION", &[Begins]),
        ("SELECT 1; BEGIN", &[Begins]),
        ("COMMIT", &[Ends]),
        ("commit transaction", &[Ends]),
        ("End Work;", &[Ends]),
        ("ABORT", &[Ends]),
        ("ROLLBACK", &[Ends]),
        ("PREPARE TRANSACTION 'x'", &[Ends]),
        ("COMMIT AND CHAIN", &[EndsAndBegins]),
        ("ROLLBACK WORK AND CHAIN", &[EndsAndBegins]),
        ("COMMIT WORK AND NO CHAIN", &[Ends]),
        ("ROLLBACK TO SAVEPOINT x", &[]),
        ("ROLLBACK TRANSACTION TO x", &[]),
        ("COMMIT PREPARED 'x'", &[]),
        ("PREPARE a AS SELECT 1", &[]),
        ("START_REPLICATION", &[]),
        ("SAVEPOINT begin; RELEASE SAVEPOINT begin", &[]),
        ("BEGIN; INSERT INTO t VALUES (1); COMMIT", &[Begins, Ends]),
        ("BEGIN; SELECT '; COMMIT;'", &[Begins]),
        ("BEGIN; SELECT 'it''s; COMMIT'; ", &[Begins]),
        (r"BEGIN; SELECT E'it\'s; COMMIT; '", &[Begins]),
        (r"BEGIN; SELECT '\'; COMMIT", &[Begins, Ends]),
        ("BEGIN; SELECT \"a; COMMIT; \"", &[Begins]),
        ("BEGIN; DO $$ BEGIN NULL; END; $$", &[Begins]),
        (
            "BEGIN; DO $a$ $$; COMMIT; $$ $a$; SELECT $1; END",
            &[Begins, Ends],
        ),
        (
            "BEGIN; CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
            &[Begins],
        ),
        (
            "BEGIN; CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (CASE 1 WHEN 1 THEN 2 \
             END); SELECT 1; END; SELECT 2",
            &[Begins],
        ),
        (
            "BEGIN; CREATE FUNCTION \"f\"() RETURNS \"int4\" BEGIN ATOMIC SELECT 1; END; COMMIT",
            &[Begins, Ends],
        ),
        (
            "BEGIN; SELECT 1, 2, 3, 4, 5 AS a, b, c, d, e AS atomic FROM t; COMMIT",
            &[Begins, Ends],
        ),
        ("BEGIN; -- it\rCOMMIT", &[Begins, Ends]),
        (
            r"SELECT E'a'
            'b\''; BEGIN",
            &[Begins],
        ),
        (r"SELECT E'a' 'b\'; BEGIN", &[Begins]),
        ("SELECT a$b$; BEGIN; SELECT c$b$", &[Begins]),
        ("BEGIN; SELECT $²$; COMMIT; $²$", &[Begins]),
        (
            "BEGIN; SELECT E'a' -- it's\n\x0b -- '\r 'b\\'; COMMIT; '",
            &[Begins],
        ),
        ("SELECT E'a' -- 'b\\'; BEGIN", &[]),
        ("SELECT E'a' - 'b\\'; BEGIN", &[Begins]),
        ("SELECT E'a' -- it's", &[]),
        (
            "BEGIN; CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT a.end, 1 AS end, \
             2 end FROM a; SELECT 1; END",
            &[Begins],
        ),
        (
            "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC; SELECT 1 case; END; BEGIN",
            &[Begins],
        ),
        ("CREATE TABLE a (begin atomic); BEGIN", &[Begins]),
        ("SELECT 'ä', \"ß\" ; begin", &[Begins]),
        ("SELECT '", &[]),
        ("/*", &[]),
        ("$", &[]),
        ("$a", &[]),
        ("E", &[]),
        ("", &[]),
    ] {
        assert_eq!(of_script(sql), expected, "{sql}");
    }
}

#[test]
fn in_doubt_it_is_open() {
    let of = |steps: &[(&str, bool)]| {
        let mut begun = OpenTransaction::default();
        for (sql, succeeded) in steps {
            match *sql {
                "counts" => begun.counts(),
                sql => begun.apply(&of_script(sql), *succeeded),
            }
        }
        begun.is_uncounted()
    };
    let raw = ("BEGIN", true);
    assert!(of(&[raw]));
    assert!(!of(&[raw, ("COMMIT", true)]));
    assert!(of(&[raw, ("COMMIT", false)]));
    assert!(of(&[("BEGIN; SELECT nothing; COMMIT", false)]));
    // Diesel's own transaction, including one whose COMMIT fails.
    let counts = ("counts", true);
    assert!(!of(&[counts, raw]));
    assert!(!of(&[counts, raw, ("COMMIT", false)]));
    assert!(of(&[counts, raw, ("COMMIT", false), raw]));
    // A savepoint of Diesel's in a transaction that was begun with SQL.
    assert!(of(&[
        raw,
        counts,
        ("SAVEPOINT a", true),
        ("RELEASE SAVEPOINT a", true)
    ]));
    assert!(of(&[counts, ("SAVEPOINT a", false), raw]));
    // A transaction of Diesel's that failed, followed by one begun with SQL.
    assert!(of(&[counts, ("BEGIN", false), raw]));
    assert!(!of(&[counts, ("BEGIN", false)]));
}

#[test]
fn a_copy_from_or_to_the_client_is_told_from_others() {
    for sql in [
        "COPY t FROM STDIN",
        "copy t (a, b) from /* */ stdin with (format csv)",
        "COPY (SELECT a FROM t) TO STDOUT",
        "COPY t TO stdin",
        "SELECT 1; COPY t FROM STDIN;",
        "BEGIN; COPY \"t\" FROM STDIN; COMMIT",
    ] {
        assert!(of_script(sql).contains(&Change::Copies), "{sql}");
    }
    for sql in [
        "COPY t FROM '/a/stdin'",
        "COPY (SELECT a FROM stdin) TO '/a'",
        "COPY t FROM PROGRAM 'cat'",
        "SELECT 'COPY t FROM STDIN'",
        "SELECT a FROM stdin",
        "-- COPY t FROM STDIN\nSELECT 1",
        "COPY \"FROM STDIN\" TO 'a'",
    ] {
        assert!(!of_script(sql).contains(&Change::Copies), "{sql}");
    }
}

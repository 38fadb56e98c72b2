//! Numbers that are not the same everywhere: beyond the doubles' exact ones, infinite, and −0.

use covara_diesel::DatabaseConnection;
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::{Double, Text};
use diesel::sqlite::Sqlite;
use support::{d1, sqld};

use super::transcript::{Transcript, assert_same, on_a_file};
use super::user_code::CREATE;
use super::user_code::samples::samples;

/// Beyond the doubles' exact numbers, and numbers that are none.
fn extremes<C>(conn: &mut C) -> QueryResult<Transcript>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut seen = Transcript::default();
    conn.batch_execute(CREATE)?;
    let wholes = [i64::MIN, i64::MAX, (1 << 53) + 1, -(1 << 53) - 1, 1 << 53];
    for (id, whole) in (1..).zip(wholes) {
        diesel::insert_into(samples::table)
            .values((samples::id.eq(id), samples::whole.eq(whole)))
            .execute(conn)?;
        let as_text = diesel::dsl::sql::<Text>("CAST(whole AS TEXT)");
        let stored: String = samples::table.find(id).select(as_text).first(conn)?;
        assert_eq!(stored, whole.to_string(), "writing is exact");
        let found = samples::table.filter(samples::whole.eq(whole)).count();
        assert_eq!(found.get_result::<i64>(conn)?, 1, "and so is comparing");
        let read: QueryResult<Option<i64>> =
            samples::table.find(id).select(samples::whole).first(conn);
        seen.note(format!("reading {whole}"), read.ok().flatten());
    }
    for (id, real) in (10..).zip([f64::INFINITY, f64::NEG_INFINITY]) {
        let written = diesel::insert_into(samples::table)
            .values((samples::id.eq(id), samples::real.eq(real)))
            .execute(conn);
        seen.note(format!("writing {real}"), written.ok());
    }
    conn.batch_execute(
        "INSERT INTO samples (id, real) VALUES (20, 9e999), (21, -9e999), (22, -0.0)",
    )?;
    for id in 20..=22 {
        let read: QueryResult<Option<f64>> =
            samples::table.find(id).select(samples::real).first(conn);
        // Not every engine tells −0 from 0.
        let read = read.ok().map(|real| real.map(|real| real + 0.0));
        seen.note(format!("reading real {id}"), read);
    }
    Ok(seen)
}

/// Whether −0 is negative when it comes back as it was bound, and when it was stored.
fn negative_zero<C>(conn: &mut C) -> QueryResult<(bool, bool)>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    conn.batch_execute(CREATE)?;
    let bound: f64 = diesel::select((-0.0_f64).into_sql::<Double>()).get_result(conn)?;
    diesel::insert_into(samples::table)
        .values((samples::id.eq(1), samples::real.eq(-0.0)))
        .execute(conn)?;
    let stored: Option<f64> = samples::table.select(samples::real).first(conn)?;
    assert_eq!((bound, stored), (0.0, Some(0.0)));
    let equal = samples::table.filter(samples::real.eq(0.0)).count();
    assert_eq!(equal.get_result(conn), Ok(1));
    Ok((
        bound.is_sign_negative(),
        stored.is_some_and(f64::is_sign_negative),
    ))
}

#[test]
fn negative_zero_loses_its_sign_where_it_is_documented() {
    assert_eq!(on_a_file(negative_zero), Ok((true, false)), "on a file");
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    assert_eq!(negative_zero(&mut conn), Ok((true, false)), "on libSQL");
    let db = d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    assert_eq!(negative_zero(&mut conn), Ok((false, false)), "on D1");
}

/// What a file does, but for the steps that are documented to differ: each with what a file
/// does and what is done here.
fn assert_extremes<C>(conn: &mut C, differing: &[(&str, &str, &str)])
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut found = extremes(conn).unwrap();
    let mut expected = on_a_file(extremes).unwrap();
    for &(step, on_a_file, on_the_server) in differing {
        assert_eq!(expected.take(step), on_a_file);
        assert_eq!(found.take(step), on_the_server, "{step}");
    }
    assert_same(&found, &expected);
}

#[test]
fn libsql_keeps_large_numbers_and_refuses_infinite_ones() {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    let differing = [
        ("writing inf", "Some(1)", "None"),
        ("writing -inf", "Some(1)", "None"),
        ("reading real 20", "Some(Some(inf))", "None"),
        ("reading real 21", "Some(Some(-inf))", "None"),
    ];
    assert_extremes(&mut conn, &differing);
}

#[test]
fn d1_writes_large_numbers_and_refuses_to_read_what_it_rounds() {
    let db = d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    let differing = [
        (
            "reading -9223372036854775808",
            "Some(-9223372036854775808)",
            "None",
        ),
        (
            "reading 9223372036854775807",
            "Some(9223372036854775807)",
            "None",
        ),
        ("reading 9007199254740993", "Some(9007199254740993)", "None"),
        (
            "reading -9007199254740993",
            "Some(-9007199254740993)",
            "None",
        ),
        ("reading 9007199254740992", "Some(9007199254740992)", "None"),
        ("writing inf", "Some(1)", "None"),
        ("writing -inf", "Some(1)", "None"),
        // JSON has neither.
        ("reading real 20", "Some(Some(inf))", "Some(None)"),
        ("reading real 21", "Some(Some(-inf))", "Some(None)"),
    ];
    assert_extremes(&mut conn, &differing);
}

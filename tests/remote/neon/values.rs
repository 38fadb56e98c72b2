//! Values are those of a `PgConnection`, byte by byte, both ways.

use std::cell::Cell;

use diesel::deserialize::{self, FromSql};
use diesel::dsl::sql;
use diesel::pg::{Pg, PgMetadataLookup, PgTypeMetadata, PgValue};
use diesel::prelude::*;
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Binary, HasSqlType, Nullable, SqlType};
use proptest::prelude::*;
use support::neon::TestDb;

use super::both;

/// The bytes of a value, and its type.
#[derive(Debug, Clone, PartialEq, Eq, diesel::expression::AsExpression)]
#[diesel(sql_type = AnyType)]
struct Raw(Vec<u8>, u32);

impl FromSql<Binary, Pg> for Raw {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(value.as_bytes().to_vec(), value.get_oid().get()))
    }
}

/// A type that the test sets.
#[derive(Debug, Clone, Copy, QueryId)]
struct AnyType;

impl SqlType for AnyType {
    type IsNull = diesel::sql_types::is_nullable::NotNull;
}

impl diesel::sql_types::SingleValue for AnyType {}

thread_local! {
    static OID: Cell<u32> = const { Cell::new(0) };
}

impl HasSqlType<AnyType> for Pg {
    fn metadata(_: &mut (dyn PgMetadataLookup + 'static)) -> PgTypeMetadata {
        PgTypeMetadata::new(OID.get(), 0)
    }
}

impl ToSql<AnyType, Pg> for Raw {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        std::io::Write::write_all(out, &self.0)?;
        Ok(IsNull::No)
    }
}

fn read<C>(conn: &mut C, expression: &str) -> QueryResult<Option<Raw>>
where
    C: diesel::connection::LoadConnection<Backend = Pg>,
{
    diesel::select(sql::<Nullable<Binary>>(expression)).get_result(conn)
}

fn send<C>(conn: &mut C, value: &Raw) -> QueryResult<Option<Raw>>
where
    C: diesel::connection::LoadConnection<Backend = Pg>,
{
    OID.set(value.1);
    let bound = sql::<Nullable<Binary>>("").bind::<AnyType, _>(value.clone());
    diesel::select(bound).get_result(conn)
}

/// Checks that a value arrives and is sent as on a `PgConnection`.
fn check(db: &TestDb, expressions: impl IntoIterator<Item = String>) {
    let (mut neon, mut pg) = both(db);
    for expression in expressions {
        let expected = read(&mut pg, &expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
        let found = read(&mut neon, &expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
        assert_eq!(found, expected, "{expression}");
        if let Some(value) = expected {
            let echoed = send(&mut neon, &value).unwrap_or_else(|e| panic!("{expression}: {e}"));
            assert_eq!(echoed, send(&mut pg, &value).unwrap(), "{expression}");
            assert_eq!(echoed, Some(value), "{expression}");
        }
    }
}

const VALUES: &[(&str, &[&str])] = &[
    ("bool", &["true", "false", "NULL"]),
    ("int2", &["0", "-32768", "32767"]),
    ("int4", &["0", "-2147483648", "2147483647"]),
    (
        "int8",
        &["0", "-9223372036854775808", "9223372036854775807"],
    ),
    ("oid", &["0", "4294967295"]),
    (
        "float4",
        &[
            "0",
            "-0",
            "NaN",
            "Infinity",
            "-Infinity",
            "1e-45",
            "3.4028235e38",
            "0.1",
        ],
    ),
    (
        "float8",
        &[
            "0",
            "-0",
            "NaN",
            "Infinity",
            "-Infinity",
            "5e-324",
            "1.7976931348623157e308",
            "0.1",
        ],
    ),
    (
        "numeric",
        &[
            "0",
            "0.00",
            "-0.000",
            "1",
            "10",
            "9999",
            "10000",
            "100000000",
            "123456789.987654321",
            "0.0001",
            "0.00001",
            "-0.1200",
            "1e100",
            "1e131071",
            "1e-100",
            "NaN",
            "Infinity",
            "-Infinity",
        ],
    ),
    ("text", &["", "ä\"\\'{}(),\n\t", "NULL", "null"]),
    ("varchar(3)", &["abc"]),
    ("char(5)", &["ab"]),
    ("name", &["a"]),
    ("\"char\"", &["a", "", "\\", "~"]),
    ("citext", &["", "Ä b", "NULL"]),
    ("bytea", &["", "\\x00ff10"]),
    ("uuid", &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    (
        "date",
        &[
            "2000-01-01",
            "1999-12-31",
            "0001-01-01",
            "0001-12-31 BC",
            "4713-01-01 BC",
            "infinity",
            "-infinity",
            "5874897-12-31",
            "2024-02-29",
            "1900-03-01",
        ],
    ),
    (
        "time",
        &[
            "00:00",
            "24:00:00",
            "12:34:56.789",
            "23:59:59.999999",
            "00:00:00.000001",
        ],
    ),
    (
        "timetz",
        &["12:34:56.5+02", "00:00-15:59", "01:02:03+05:30:15"],
    ),
    (
        "timestamp",
        &[
            "2000-01-01",
            "1999-12-31 23:59:59.999999",
            "0044-03-15 12:00 BC",
            "294276-12-31 23:59:59.999999",
            "infinity",
            "-infinity",
            "4714-11-24 BC",
        ],
    ),
    (
        "timestamptz",
        &[
            "2000-01-01 00:00+00",
            "2024-06-30 12:00:00.5+05:30",
            "0044-03-15 12:00:00+01 BC",
            "infinity",
            "-infinity",
        ],
    ),
    (
        "interval",
        &[
            "0",
            "1 year 2 mons -3 days 04:05:06.789",
            "-1 year",
            "-14 mons +3 days -04:05:06.000001",
            "100000:00:00",
            "00:00:00.5",
            "-00:00:00.5",
            "2562047788:00:54.775807",
            "-9223372036854775808 us",
            "178956970 years 7 mons 2147483647 days",
            "-178956970 years -8 mons -2147483648 days",
        ],
    ),
    ("json", &["{\"a\": [1, \"\\u00e4\"]}", "null"]),
    ("jsonb", &["{\"a\": [1, \"ä\"]}", "null", "1.0"]),
    (
        "inet",
        &[
            "192.168.0.1",
            "10.0.0.1/8",
            "::1",
            "fe80::1/64",
            "::ffff:1.2.3.4",
        ],
    ),
    ("cidr", &["10.0.0.0/8", "2001:db8::/32", "1.2.3.4"]),
    ("macaddr", &["08:00:2b:01:02:03"]),
    ("macaddr8", &["08:00:2b:01:02:03:04:05"]),
    (
        "money",
        &[
            "0",
            "1234567.89",
            "-0.05",
            "92233720368547758.07",
            "-92233720368547758.08",
        ],
    ),
    ("pg_lsn", &["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"]),
    ("bit(10)", &["0100000001"]),
    ("varbit", &["", "1", "011111111"]),
    (
        "int4[]",
        &[
            "{}",
            "{1,NULL,3}",
            "{{1,2},{3,4}}",
            "[0:1]={7,8}",
            "[-2:-1][3:3]={{1},{2}}",
        ],
    ),
    (
        "text[]",
        &[
            "{\"\",NULL,\"NULL\",\"a\\\"b\\\\c\",\"{,}\",\" x \"}",
            "{{a},{b}}",
        ],
    ),
    ("bytea[]", &["{\"\\\\x00ff\",NULL}"]),
    (
        "timestamptz[]",
        &["{\"2024-06-30 12:00:00.5+05:30\",infinity}"],
    ),
    ("numeric[]", &["{1.50,NaN}"]),
    ("int4range", &["empty", "[1,10)", "(,5)", "[1,)", "(,)"]),
    ("int8range", &["[-9223372036854775808,9223372036854775807)"]),
    ("numrange", &["[1.5,2.50]", "(-1,0)", "(,Infinity]"]),
    (
        "daterange",
        &["[2024-01-01,2024-02-01)", "[0044-03-15 BC,)"],
    ),
    (
        "tsrange",
        &[
            "[\"2024-01-01 10:00\",\"2024-01-02 00:00\"]",
            "[-infinity,infinity]",
        ],
    ),
    ("tstzrange", &["[\"2024-01-01 10:00+02\",)"]),
    ("int4range[]", &["{\"[1,2)\",NULL,empty}"]),
    ("int4multirange", &["{}", "{[1,3),[5,7)}", "{(,1),[9,)}"]),
    (
        "tsmultirange",
        &["{[\"2024-01-01 10:00\",\"2024-01-02 00:00\"]}"],
    ),
    ("mood", &["happy", "it's \"so\", so"]),
    ("mood[]", &["{happy,NULL,\"it's \\\"so\\\", so\"}"]),
    (
        "spot",
        &[
            "(1,\"a,\\\"b\\\"\",happy,\"{1,NULL}\")",
            "(,,,)",
            "(1,\"\",,)",
        ],
    ),
    ("spot[]", &["{\"(1,x,happy,)\",NULL}"]),
    ("positive", &["5"]),
    ("positive[]", &["{5,6}"]),
    ("moods", &["{happy}"]),
    ("ends", &["[1.5,2.5)", "empty"]),
    ("\"Odd \"\"name\"\"\"", &["a"]),
];

const TYPES: &str = "
CREATE EXTENSION citext;
CREATE TYPE mood AS ENUM ('happy', 'it''s \"so\", so');
CREATE TYPE spot AS (id int4, label text, mood mood, parts int4[]);
CREATE DOMAIN positive AS int4 CHECK (VALUE > 0);
CREATE DOMAIN moods AS mood[];
CREATE TYPE ends AS RANGE (subtype = float8);
CREATE TYPE \"Odd \"\"name\"\"\" AS ENUM ('a');";

fn literal(text: &str, kind: &str) -> String {
    match text {
        "NULL" if kind == "bool" => format!("NULL::{kind}"),
        _ => format!("'{}'::{kind}", text.replace('\'', "''")),
    }
}

#[test]
fn values_of_every_type_are_those_of_a_pg_connection() {
    let db = TestDb::new();
    let (mut neon, _) = both(&db);
    diesel::connection::SimpleConnection::batch_execute(&mut neon, TYPES).unwrap();
    let all = VALUES
        .iter()
        .flat_map(|(kind, values)| values.iter().map(move |value| literal(value, kind)));
    check(&db, all);
}

/// Settings of the role or the database do not change how values are written or read.
#[test]
fn settings_of_a_database_change_no_value() {
    use diesel::connection::SimpleConnection;
    let db = TestDb::new();
    let (mut usual, mut pg) = both(&db);
    usual
        .batch_execute("CREATE TABLE seen (zone TEXT)")
        .unwrap();
    let name: String = diesel::select(sql::<diesel::sql_types::Text>("current_database()::text"))
        .get_result(&mut pg)
        .unwrap();
    for setting in [
        "DateStyle = 'SQL, DMY'",
        "IntervalStyle = 'sql_standard'",
        "bytea_output = 'escape'",
        "extra_float_digits = -15",
        "TimeZone = 'Asia/Kolkata'",
        "array_nulls = off",
        "standard_conforming_strings = off",
    ] {
        pg.batch_execute(&format!("ALTER DATABASE \"{name}\" SET {setting}"))
            .unwrap();
    }
    // Sessions that are open already keep their settings.
    pg.batch_execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .unwrap();
    check(
        &db,
        [
            "'2024-03-04'::date",
            "'1 mon -2 days +03:00'::interval",
            "decode('00ff5c', 'hex')",
            "0.1::float8 + 0.2::float8",
            "1e-7::float4 * 3",
            "'2024-03-04 05:06'::timestamptz",
            "'2024-03-04 05:06'::timestamp",
            "ARRAY[NULL, 'a']::text[]",
            "(-1234567.89)::numeric::money",
        ]
        .map(str::to_owned),
    );
    // And in whatever way statements are sent.
    let (mut neon, _) = both(&db);
    let write = || diesel::sql_query("INSERT INTO seen VALUES (current_setting('TimeZone'))");
    write().execute(&mut neon).unwrap();
    neon.batch(&[&write(), &write()]).unwrap();
    neon.batch_execute("INSERT INTO seen VALUES (current_setting('TimeZone')); SELECT 1")
        .unwrap();
    let level = diesel::sql_query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
    neon.batch(&[&level, &write()]).unwrap();
    let zones: Vec<String> =
        diesel::select(sql::<diesel::sql_types::Array<diesel::sql_types::Text>>(
            "(SELECT array_agg(zone) FROM seen)",
        ))
        .get_result(&mut neon)
        .unwrap();
    assert_eq!(zones, ["UTC"; 5]);
}

/// One request looks at the settings, and those that follow are single statements.
#[test]
fn settings_that_fit_cost_nothing_after_the_first_request() {
    let db = TestDb::new();
    let proxy = support::fault_proxy::FaultProxy::new(db.proxy().origin());
    let mut conn =
        covara_diesel::remote::NeonHttpConnection::establish(&db.url_through(&proxy.origin()))
            .unwrap();
    for _ in 0..3 {
        assert_eq!(
            read(&mut conn, "1::int4").unwrap().map(|raw| raw.1),
            Some(23)
        );
    }
    let has_settings: Vec<bool> = proxy
        .requests()
        .iter()
        .map(|request| request.text().contains("set_config"))
        .collect();
    assert_eq!(has_settings, [true, false, false]);
}

#[test]
fn values_that_cannot_be_read_are_errors_that_say_what_to_write() {
    let db = TestDb::new();
    let (mut neon, _) = both(&db);
    for expression in ["ROW(1, 'a')", "'pg_class'::regclass", "'a b'::tsvector"] {
        let error = read(&mut neon, expression).unwrap_err().to_string();
        assert!(error.contains("cast"), "{error}");
    }
}

/// As on a `PgConnection`; a value that is cut would be another one.
#[test]
fn bound_values_of_another_length_are_errors() {
    let db = TestDb::new();
    let (mut neon, mut pg) = both(&db);
    for (kind, value) in [
        ("int2", "5"),
        ("int4", "5"),
        ("int8", "5"),
        ("oid", "5"),
        ("float4", "5"),
        ("float8", "5"),
        ("bool", "true"),
        ("numeric", "5.5"),
        ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("date", "2024-01-01"),
        ("time", "10:00"),
        ("timetz", "10:00+01"),
        ("timestamp", "2024-01-01"),
        ("timestamptz", "2024-01-01"),
        ("interval", "1 day"),
        ("inet", "10.0.0.1"),
        ("macaddr", "08:00:2b:01:02:03"),
        ("money", "5"),
        ("pg_lsn", "0/5"),
        ("varbit", "101"),
        ("int4[]", "{1,2}"),
        ("int4range", "[1,3)"),
        ("int4multirange", "{[1,3)}"),
    ] {
        let value = read(&mut pg, &literal(value, kind)).unwrap().unwrap();
        let longer = Raw([value.0.clone(), vec![0]].concat(), value.1);
        let shorter = Raw(value.0[..value.0.len() - 1].to_vec(), value.1);
        for wrong in [longer, shorter] {
            assert!(send(&mut pg, &wrong).is_err(), "{kind} on a `PgConnection`");
            assert!(send(&mut neon, &wrong).is_err(), "{kind}: {wrong:?}");
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn texts() -> impl Strategy<Value = String> {
    "[a-zA-Z \"\\\\{}(),'äß\u{1F600}\n\t]{0,12}"
}

fn expressions() -> impl Strategy<Value = String> {
    let days = -2_451_545..2_145_031_948_i32;
    let micros = -211_813_488_000_000_000..9_223_371_331_200_000_000_i64;
    prop_oneof![
        any::<i16>().prop_map(|n| format!("({n})::int2")),
        any::<i64>().prop_map(|n| format!("'{n}'::int8")),
        any::<f32>().prop_map(|n| format!("'{n:e}'::float4")),
        any::<f64>().prop_map(|n| format!("'{n:e}'::float8")),
        (any::<i128>(), 0..60_i32).prop_map(|(n, scale)| format!("'{n}e-{scale}'::numeric")),
        (any::<i64>(), 0..90_i32).prop_map(|(n, scale)| format!("'{n}e{scale}'::numeric")),
        texts().prop_map(|text| format!("{}::text", quoted(&text))),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("'\\x{digits}'::bytea")
        }),
        days.prop_map(|days| format!("('2000-01-01'::date + {days})")),
        micros.clone().prop_map(|n| format!(
            "('2000-01-01'::timestamp + interval '{} s {} us')",
            n / 1_000_000,
            n % 1_000_000
        )),
        micros.prop_map(|n| format!(
            "('2000-01-01 00:00+00'::timestamptz + interval '{} s {} us')",
            n / 1_000_000,
            n % 1_000_000
        )),
        (0..86_400_000_000_i64).prop_map(|n| format!(
            "('00:00'::time + interval '{} s {} us')",
            n / 1_000_000,
            n % 1_000_000
        )),
        (any::<i16>(), any::<i32>(), any::<i32>()).prop_map(|(m, d, s)| {
            format!("interval '{m} mons {d} days {s} s {} us'", s % 999_983)
        }),
        proptest::collection::vec(proptest::option::of(texts()), 0..5).prop_map(|items| {
            let items: Vec<String> = items
                .iter()
                .map(|item| item.as_deref().map_or("NULL".to_owned(), quoted))
                .collect();
            format!("ARRAY[{}]::text[]", items.join(","))
        }),
        (texts(), texts()).prop_map(|(a, b)| format!(
            "ROW(1, {}, 'happy', ARRAY[2, NULL])::spot",
            quoted(&(a + &b))
        )),
        (any::<i32>(), any::<i16>()).prop_map(|(at, n)| {
            let at = i64::from(at);
            format!("int8range({at}, {}, '[]')", at + i64::from(n).abs())
        }),
        any::<u32>().prop_map(|n| format!("('0.0.0.0'::inet + {n})")),
        any::<i64>().prop_map(|n| format!("'{}.{:02}'::money", n / 100, (n % 100).abs())),
        any::<u64>().prop_map(|n| format!("'{:X}/{:X}'::pg_lsn", n >> 32, n & 0xffff_ffff)),
        further_expressions(),
    ]
}

/// Two bounds of a range, each perhaps infinite, and its kind.
fn range_of(function: &str, bound: impl Fn(i32) -> String, (from, to): (i32, i32)) -> String {
    let bound = |at: i32| {
        if at % 7 == 0 {
            "NULL".to_owned()
        } else {
            bound(at)
        }
    };
    let (from, to) = (from.min(to), from.max(to));
    let kind = ["[]", "[)", "(]", "()"][from.rem_euclid(4) as usize];
    format!("{function}({}, {}, '{kind}')", bound(from), bound(to))
}

fn further_expressions() -> impl Strategy<Value = String> {
    let pair = || (-500_000..500_000_i32, -500_000..500_000_i32);
    let date = |days: i32| format!("('2000-01-01'::date + {days})");
    let time = |seconds: i32| format!("('2000-01-01'::timestamp + interval '{seconds}.25 s')");
    let instant =
        |seconds: i32| format!("('2000-01-01 00:00Z'::timestamptz + interval '{seconds}.5 s')");
    prop_oneof![
        any::<bool>().prop_map(|truth| truth.to_string()),
        any::<i32>().prop_map(|n| format!("'{n}'::int4")),
        any::<u32>().prop_map(|n| format!("'{n}'::oid")),
        (0..128_i32).prop_map(|n| format!("({n})::\"char\"")),
        any::<u128>().prop_map(|n| format!("'{n:032x}'::uuid")),
        any::<u64>().prop_map(|n| format!("'{:012x}'::macaddr", n >> 16)),
        any::<u64>().prop_map(|n| format!("'{n:016x}'::macaddr8")),
        (any::<u128>(), 0..129_u32, any::<bool>()).prop_map(|(n, bits, is_network)| {
            let inet = format!("'{}/{bits}'::inet", std::net::Ipv6Addr::from(n));
            if is_network {
                format!("network({inet})")
            } else {
                inet
            }
        }),
        (any::<u32>(), 0..33_u32).prop_map(|(n, bits)| {
            format!("network('{}/{bits}'::inet)", std::net::Ipv4Addr::from(n))
        }),
        (0..86_400_000_000_i64, -57_599..57_600_i32).prop_map(|(micros, offset)| {
            let sign = if offset < 0 { '-' } else { '+' };
            let (time, east) = (micros / 1_000_000, offset.abs());
            format!(
                "'{:02}:{:02}:{:02}.{:06}{sign}{:02}:{:02}:{:02}'::timetz",
                time / 3600,
                time / 60 % 60,
                time % 60,
                micros % 1_000_000,
                east / 3600,
                east / 60 % 60,
                east % 60
            )
        }),
        (any::<i32>(), any::<i32>(), any::<i64>()).prop_map(|(months, days, micros)| {
            format!("make_interval(months => {months}, days => {days}) + interval '{micros} us'")
        }),
        (texts(), any::<i64>()).prop_map(|(text, n)| {
            format!(
                "jsonb_build_object({}::text, jsonb_build_array({n}, NULL))",
                quoted(&text)
            )
        }),
        texts().prop_map(|text| format!("to_json({}::text)", quoted(&text))),
        proptest::collection::vec(any::<bool>(), 0..20).prop_map(|bits| {
            let bits: String = bits
                .iter()
                .map(|bit| if *bit { '1' } else { '0' })
                .collect();
            format!("B'{bits}'::varbit")
        }),
        texts().prop_map(|text| format!("{}::char(15)", quoted(&text))),
        texts().prop_map(|text| format!("{}::varchar(9)", quoted(&text))),
        texts().prop_map(|text| format!("{}::name", quoted(&text))),
        texts().prop_map(|text| format!("{}::citext", quoted(&text))),
        pair().prop_map(|pair| range_of("int4range", |n| n.to_string(), pair)),
        pair().prop_map(|pair| range_of("numrange", |n| format!("{n}.50"), pair)),
        pair().prop_map(move |pair| range_of("daterange", date, pair)),
        pair().prop_map(move |pair| range_of("tsrange", time, pair)),
        pair().prop_map(move |pair| range_of("tstzrange", instant, pair)),
        (pair(), pair()).prop_map(move |(a, b)| {
            let [a, b] = [a, b].map(|pair| range_of("tstzrange", instant, pair));
            format!("tstzmultirange({a}, {b})")
        }),
        (pair(), pair()).prop_map(|(a, b)| {
            let [a, b] = [a, b].map(|pair| range_of("numrange", |n| format!("{n}.5"), pair));
            format!("ARRAY[{a}, NULL, {b}]")
        }),
        proptest::collection::vec(any::<f64>(), 4).prop_map(|n| format!(
            "ARRAY[[{:e}, {:e}], ['NaN', {:e}]]::float8[]",
            n[0], n[1], n[2]
        )),
        proptest::collection::vec(any::<u8>(), 0..9).prop_map(|bytes| {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("ARRAY['\\x{digits}'::bytea, NULL, '']")
        }),
        (texts(), any::<i32>()).prop_map(|(text, n)| {
            let spot = format!("ROW({n}, {}, NULL, ARRAY[{n}])::spot", quoted(&text));
            format!("ARRAY[{spot}, NULL]")
        }),
    ]
}

#[test]
fn random_values_are_those_of_a_pg_connection() {
    let db = TestDb::new();
    let (mut neon, _) = both(&db);
    diesel::connection::SimpleConnection::batch_execute(&mut neon, TYPES).unwrap();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(support::thorough::times(40, 2000))
    };
    proptest!(config, |(expressions in proptest::collection::vec(expressions(), 12))| {
        check(&db, expressions);
    });
}

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
    ("\"char\"", &["a", ""]),
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

/// Settings of the role or the database do not change how values are written.
#[test]
fn settings_of_a_database_change_no_value() {
    use diesel::connection::SimpleConnection;
    let db = TestDb::new();
    let (mut neon, mut pg) = both(&db);
    let name = db.url();
    let name = name
        .split('?')
        .next()
        .unwrap()
        .rsplit_once('/')
        .unwrap()
        .1
        .to_owned();
    for setting in [
        "DateStyle = 'SQL, DMY'",
        "IntervalStyle = 'sql_standard'",
        "bytea_output = 'escape'",
        "extra_float_digits = -15",
        "TimeZone = 'Asia/Kolkata'",
    ] {
        pg.batch_execute(&format!("ALTER DATABASE {name} SET {setting}"))
            .unwrap();
    }
    // What is in sessions of the double's already is not changed, so another one logs in.
    let url = format!("{}&application_name=other", db.url());
    let mut fresh = covara_diesel::remote::NeonHttpConnection::establish(&url).unwrap();
    for expression in [
        "'2024-03-04'::date",
        "'1 mon -2 days +03:00'::interval",
        "'\\x00ff'::bytea",
        "0.1::float8 + 0.2::float8",
        "'2024-03-04 05:06'::timestamptz",
    ] {
        assert_eq!(
            read(&mut fresh, expression).unwrap(),
            read(&mut neon, expression).unwrap(),
            "{expression}"
        );
    }
    for (name, _) in [
        ("DateStyle", ""),
        ("IntervalStyle", ""),
        ("bytea_output", ""),
        ("extra_float_digits", ""),
        ("TimeZone", ""),
    ] {
        let database = db.url();
        let database = database
            .split('?')
            .next()
            .unwrap()
            .rsplit_once('/')
            .unwrap()
            .1
            .to_owned();
        pg.batch_execute(&format!("ALTER DATABASE {database} RESET {name}"))
            .unwrap();
    }
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

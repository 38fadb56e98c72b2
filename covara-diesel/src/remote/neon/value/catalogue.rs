//! The types that a connection knows by their OIDs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Kind;

/// A type.
#[derive(Debug, Clone)]
struct Type {
    /// With its schema, quoted where needed.
    name: String,
    kind: Kind,
}

/// The types of a database: the built-in ones, and those that have been looked up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalogue {
    found: HashMap<u32, Type>,
    /// `true` if a value did not have the form of its type, which may have been altered.
    is_stale: Arc<AtomicBool>,
}

/// The name of a type in a cast. Those that SQL has a keyword for are the shortest, and no other
/// type can have their names.
macro_rules! name {
    ("bool") => {
        "boolean"
    };
    ("int2") => {
        "smallint"
    };
    ("int4") => {
        "int"
    };
    ("int8") => {
        "bigint"
    };
    ("float4") => {
        "real"
    };
    ("float8") => {
        "float"
    };
    // As a number, because texts of it are not the same in all versions of PostgreSQL.
    ("char") => {
        "int::pg_catalog.\"char\""
    };
    ($name:literal) => {
        concat!("pg_catalog.\"", $name, "\"")
    };
}

macro_rules! built_in {
    ($($oid:literal $array:literal $name:tt $kind:expr,)*) => {
        /// The types of `pg_type.dat`, <https://github.com/postgres/postgres>, whose values are
        /// converted.
        fn built_in(oid: u32) -> Option<(&'static str, Kind)> {
            Some(match oid {
                $(
                    $oid => (name!($name), $kind),
                    $array => (concat!("pg_catalog.\"_", $name, "\""), Kind::Array($oid)),
                )*
                _ => return None,
            })
        }
    };
}

built_in! {
    16 1000 "bool" Kind::Bool,
    17 1001 "bytea" Kind::Bytea,
    18 1002 "char" Kind::Char,
    19 1003 "name" Kind::Text,
    20 1016 "int8" Kind::Int8,
    21 1005 "int2" Kind::Int2,
    23 1007 "int4" Kind::Int4,
    25 1009 "text" Kind::Text,
    26 1028 "oid" Kind::Oid,
    28 1011 "xid" Kind::Oid,
    29 1012 "cid" Kind::Oid,
    114 199 "json" Kind::Text,
    142 143 "xml" Kind::Text,
    650 651 "cidr" Kind::Cidr,
    700 1021 "float4" Kind::Float4,
    701 1022 "float8" Kind::Float8,
    774 775 "macaddr8" Kind::MacAddr8,
    790 791 "money" Kind::Money,
    829 1040 "macaddr" Kind::MacAddr,
    869 1041 "inet" Kind::Inet,
    1042 1014 "bpchar" Kind::Text,
    1043 1015 "varchar" Kind::Text,
    1082 1182 "date" Kind::Date,
    1083 1183 "time" Kind::Time,
    1114 1115 "timestamp" Kind::Timestamp,
    1184 1185 "timestamptz" Kind::Timestamptz,
    1186 1187 "interval" Kind::Interval,
    1266 1270 "timetz" Kind::Timetz,
    1560 1561 "bit" Kind::Bits,
    1562 1563 "varbit" Kind::Bits,
    1700 1231 "numeric" Kind::Numeric,
    2275 1263 "cstring" Kind::Text,
    2950 2951 "uuid" Kind::Uuid,
    3220 3221 "pg_lsn" Kind::PgLsn,
    3802 3807 "jsonb" Kind::Versioned,
    3904 3905 "int4range" Kind::Range(23),
    3906 3907 "numrange" Kind::Range(1700),
    3908 3909 "tsrange" Kind::Range(1114),
    3910 3911 "tstzrange" Kind::Range(1184),
    3912 3913 "daterange" Kind::Range(1082),
    3926 3927 "int8range" Kind::Range(20),
    4072 4073 "jsonpath" Kind::Versioned,
    4451 6150 "int4multirange" Kind::Multirange(3904),
    4532 6151 "nummultirange" Kind::Multirange(3906),
    4533 6152 "tsmultirange" Kind::Multirange(3908),
    4534 6153 "tstzmultirange" Kind::Multirange(3910),
    4535 6155 "datemultirange" Kind::Multirange(3912),
    4536 6157 "int8multirange" Kind::Multirange(3926),
    5069 271 "xid8" Kind::Xid8,
}

/// Types without an array of their own.
fn without_array(oid: u32) -> Option<(&'static str, Kind)> {
    match oid {
        705 => Some((name!("unknown"), Kind::Text)),
        2278 => Some((name!("void"), Kind::Void)),
        _ => None,
    }
}

/// Describes types, given as an array of their OIDs, in the texts that [`Catalogue::add`] takes.
pub(crate) const LOOK_UP: &str = "\
SELECT t.oid::text,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname),
       CASE WHEN t.typtype = 'd' THEN 'domain'
            WHEN t.typtype = 'e' THEN 'text'
            WHEN t.typtype = 'c' THEN 'composite'
            WHEN t.typtype = 'r' THEN 'range'
            WHEN t.typtype = 'm' THEN 'multirange'
            WHEN t.oid IN (22::oid, 30::oid) THEN 'unknown' -- int2vector, oidvector
            WHEN t.typelem <> 0::oid AND t.typlen = -1 AND t.typcategory = 'A' THEN 'array'
            WHEN t.typtype = 'b' AND t.typoutput::oid IN (
                SELECT p.oid FROM pg_catalog.pg_proc AS p
                WHERE p.proname IN ('citextout', 'textout')) THEN 'text'
            ELSE 'unknown' END,
       CASE WHEN t.typtype = 'd' THEN t.typbasetype::text
            WHEN t.typtype = 'c' THEN
                (SELECT pg_catalog.string_agg(a.atttypid::text, ',' ORDER BY a.attnum)
                 FROM pg_catalog.pg_attribute AS a
                 WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
            WHEN t.typtype = 'r' THEN
                (SELECT r.rngsubtype::text FROM pg_catalog.pg_range AS r WHERE r.rngtypid = t.oid)
            WHEN t.typtype = 'm' THEN
                (SELECT r.rngtypid::text FROM pg_catalog.pg_range AS r WHERE r.rngmultitypid = t.oid)
            ELSE t.typelem::text END
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
WHERE t.oid = ANY (($1::oid[]))";

impl Catalogue {
    /// Returns the type that a placeholder is cast to in SQL, if it is known.
    pub(crate) fn name(&self, oid: u32) -> Option<&str> {
        let name = match built_in(oid).or_else(|| without_array(oid)) {
            Some((name, _)) => name,
            None => self.found.get(&oid)?.name.as_str(),
        };
        (!name.is_empty()).then_some(name)
    }

    /// Returns the type of an array of columns' values, if each of them becomes a value again.
    pub(crate) fn array_name(&self, oid: u32) -> Option<String> {
        // Of them there are no arrays.
        if without_array(oid).is_some() || !self.kind(oid)?.is_an_element() {
            return None;
        }
        Some(format!("{}[]", self.name(oid)?))
    }

    /// Returns what a type is, or `None` if it has not been looked up.
    pub(crate) fn kind(&self, oid: u32) -> Option<Kind> {
        built_in(oid)
            .or_else(|| without_array(oid))
            .map(|(_, kind)| kind)
            .or_else(|| self.found.get(&oid).map(|found| found.kind.clone()))
    }

    /// Takes note that a type may have been altered since it was looked up.
    pub(crate) fn doubt(&self) {
        self.is_stale.store(true, Ordering::Relaxed);
    }

    /// Returns whether types may have been altered since they were looked up.
    pub(crate) fn is_stale(&self) -> bool {
        self.is_stale.load(Ordering::Relaxed)
    }

    /// Adds a type, as a row of [`LOOK_UP`] describes it; `None` if the row has another form. A
    /// domain is added when its base type is known, and returns `Some(false)` before.
    pub(crate) fn add(&mut self, row: &[Option<String>]) -> Option<bool> {
        let [Some(oid), Some(name), Some(kind), parts] = row else {
            return None;
        };
        let part = || parts.as_deref()?.parse::<u32>().ok();
        let kind = match kind.as_str() {
            "domain" => match self.kind(part()?) {
                Some(kind) => kind,
                None => return Some(false),
            },
            "text" => Kind::Text,
            "array" => Kind::Array(part()?),
            "range" => Kind::Range(part()?),
            "multirange" => Kind::Multirange(part()?),
            "composite" => {
                let columns = parts.as_deref().unwrap_or_default().split(',');
                let columns = columns.filter(|column| !column.is_empty());
                Kind::Composite(columns.map(|oid| oid.parse().ok()).collect::<Option<_>>()?)
            }
            _ => Kind::Unknown,
        };
        let name = name.clone();
        self.found.insert(oid.parse().ok()?, Type { name, kind });
        Some(true)
    }

    /// Returns the types that have to be looked up before values of this type are converted.
    pub(crate) fn missing(&self, oid: u32) -> Vec<u32> {
        let mut missing = Vec::new();
        let mut seen = Vec::new();
        let mut next = vec![oid];
        while let Some(oid) = next.pop() {
            if seen.contains(&oid) {
                continue;
            }
            seen.push(oid);
            match self.kind(oid) {
                None => missing.push(oid),
                Some(Kind::Array(part) | Kind::Range(part) | Kind::Multirange(part)) => {
                    next.push(part);
                }
                Some(Kind::Composite(columns)) => next.extend(columns),
                Some(_) => {}
            }
        }
        missing
    }

    /// Takes note that a type has no description, so that it is not looked up again.
    pub(crate) fn give_up(&mut self, oid: u32) {
        let name = String::new();
        let kind = Kind::Unknown;
        self.found.entry(oid).or_insert(Type { name, kind });
    }
}

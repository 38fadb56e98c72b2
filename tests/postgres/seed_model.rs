//! Kinds of tables that only PostgreSQL has.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::suite::seed_model::{Kind, kinds};

kinds! {
    nulls_not_distinct:
        "CREATE TABLE {t} (id BIGINT UNIQUE, code TEXT UNIQUE NULLS NOT DISTINCT,
             part BIGINT, UNIQUE NULLS NOT DISTINCT (id, part))",
    a_collation_that_ignores_case:
        "CREATE COLLATION IF NOT EXISTS ci
             (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE {t} (id BIGINT UNIQUE, code TEXT COLLATE ci UNIQUE, part BIGINT)",
    an_index_of_a_coarser_collation:
        "CREATE COLLATION IF NOT EXISTS ci
             (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE {t} (id BIGINT, code TEXT, part BIGINT);
         CREATE UNIQUE INDEX ON {t} (code COLLATE ci) INCLUDE (part)",
    an_index_of_a_finer_collation:
        "CREATE COLLATION IF NOT EXISTS ci
             (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE {t} (id BIGINT, code TEXT COLLATE ci, part BIGINT);
         CREATE UNIQUE INDEX ON {t} (code COLLATE \"C\")",
    citext:
        "CREATE EXTENSION IF NOT EXISTS citext;
         CREATE TABLE {t} (id BIGINT UNIQUE, code CITEXT UNIQUE, part BIGINT)",
    domains:
        "CREATE DOMAIN {t}_code AS TEXT CHECK (value <> 'k7');
         CREATE DOMAIN {t}_part AS BIGINT CHECK (value <> 60);
         CREATE TABLE {t} (id BIGINT UNIQUE, code {t}_code UNIQUE, part {t}_part UNIQUE)",
    blank_padded_texts:
        "CREATE TABLE {t} (id BIGINT, code CHAR(6) UNIQUE, part BIGINT)",
    too_short_texts:
        "CREATE TABLE {t} (id BIGINT, code VARCHAR(3) UNIQUE, part BIGINT);
         ALTER TABLE {t} ADD UNIQUE (id)",
    other_types_than_declared:
        "CREATE TABLE {t} (id INT UNIQUE, code VARCHAR(9) UNIQUE, part NUMERIC UNIQUE)",
    other_types_of_the_same_width:
        "CREATE TABLE {t} (id DOUBLE PRECISION UNIQUE, code TEXT UNIQUE, part MONEY)",
    identity:
        "CREATE TABLE {t} (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code TEXT UNIQUE,
             part BIGINT)",
    another_order_of_columns:
        "CREATE TABLE {t} (gone INT, part BIGINT, more TEXT DEFAULT 'more', code TEXT UNIQUE,
             id BIGINT UNIQUE);
         ALTER TABLE {t} DROP COLUMN gone",
    a_unique_index_over_other_columns:
        "CREATE TABLE {t} (id BIGINT, code TEXT, part BIGINT, kind INT DEFAULT 1);
         CREATE UNIQUE INDEX ON {t} (part, kind)",
    an_exclusion_constraint:
        "CREATE TABLE {t} (id BIGINT, code TEXT UNIQUE, part BIGINT,
             EXCLUDE USING gist (int8range(id, id + 3) WITH &&))",
    generated_from_a_unique_column:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT, part BIGINT UNIQUE,
             twice BIGINT GENERATED ALWAYS AS (part * 2) STORED UNIQUE,
             CHECK (twice <> 120))",
    partitioned:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT, part BIGINT) PARTITION BY RANGE (id);
         CREATE TABLE {t}_low PARTITION OF {t} (UNIQUE (code)) FOR VALUES FROM (0) TO (150);
         CREATE TABLE {t}_high (part BIGINT UNIQUE, gone INT, id BIGINT NOT NULL, code TEXT);
         ALTER TABLE {t}_high DROP COLUMN gone;
         ALTER TABLE {t} ATTACH PARTITION {t}_high FOR VALUES FROM (151) TO (1000)",
    partitioned_by_list_and_hash:
        "CREATE TABLE {t} (id BIGINT, code TEXT, part BIGINT, UNIQUE (code, id))
             PARTITION BY LIST (code);
         CREATE TABLE {t}_seven PARTITION OF {t} FOR VALUES IN ('k7', '7', NULL);
         CREATE TABLE {t}_rest PARTITION OF {t} (UNIQUE (part, id)) DEFAULT PARTITION BY HASH (id);
         CREATE TABLE {t}_even PARTITION OF {t}_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE {t}_odd PARTITION OF {t}_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    a_trigger_on_a_partition:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT, part BIGINT) PARTITION BY RANGE (id);
         CREATE TABLE {t}_low PARTITION OF {t} (UNIQUE (code)) FOR VALUES FROM (0) TO (150);
         CREATE TABLE {t}_high PARTITION OF {t} DEFAULT;
         CREATE FUNCTION {t}_change() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN NEW.code := lower(NEW.code); RETURN NEW; END $$;
         CREATE TRIGGER change BEFORE INSERT ON {t}_low
             FOR EACH ROW EXECUTE FUNCTION {t}_change()",
    inherited:
        "CREATE TABLE {t} (id BIGINT UNIQUE, code TEXT UNIQUE, part BIGINT);
         CREATE TABLE {t}_child () INHERITS ({t});
         INSERT INTO {t}_child SELECT i, 'k' || i, i FROM generate_series(0, 300) AS i",
    unlogged:
        "CREATE UNLOGGED TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT)",
    a_trigger_that_changes_values:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT UNIQUE);
         CREATE FUNCTION {t}_change() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN NEW.id := NEW.id / 2; NEW.code := lower(NEW.code); RETURN NEW; END $$;
         CREATE TRIGGER change BEFORE INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION {t}_change()",
    a_trigger_that_reads_the_table:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT);
         CREATE FUNCTION {t}_change() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN NEW.part := (SELECT count(*) FROM {t}); RETURN NEW; END $$;
         CREATE TRIGGER change BEFORE INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION {t}_change()",
    a_trigger_that_leaves_rows_out:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT);
         CREATE FUNCTION {t}_filter() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.part % 3 = 0 THEN RETURN NULL; END IF; RETURN NEW; END $$;
         CREATE TRIGGER filter BEFORE INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION {t}_filter()",
    a_trigger_that_refuses_a_row:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT);
         CREATE FUNCTION {t}_refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.id = 150 THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER refuse AFTER INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION {t}_refuse()",
    triggers_that_write_a_log:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT);
         CREATE TABLE {t}_log (at TEXT, id BIGINT, code TEXT);
         CREATE FUNCTION {t}_write() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO {t}_log VALUES (TG_ARGV[0], NEW.id, NEW.code); RETURN NEW; END $$;
         CREATE TRIGGER after AFTER INSERT ON {t}
             FOR EACH ROW EXECUTE FUNCTION {t}_write('after')",
    a_trigger_that_logs_what_is_tried:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT);
         CREATE TABLE {t}_log (id BIGINT, code TEXT);
         CREATE FUNCTION {t}_write() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO {t}_log VALUES (NEW.id, NEW.code); RETURN NEW; END $$;
         CREATE TRIGGER before BEFORE INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION {t}_write()",
    a_trigger_that_upserts:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT);
         CREATE TABLE {t}_log (part BIGINT PRIMARY KEY, n BIGINT NOT NULL);
         CREATE FUNCTION {t}_count() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO {t}_log AS l VALUES (NEW.part, 1) ON CONFLICT (part) DO UPDATE SET n = l.n + 1;
             RETURN NEW; END $$;
         CREATE TRIGGER counted AFTER INSERT ON {t} FOR EACH ROW WHEN (NEW.part IS NOT NULL)
             EXECUTE FUNCTION {t}_count()",
}

const DEFERRABLE: [&str; 4] = [
    "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE DEFERRABLE, part BIGINT)",
    "CREATE TABLE {t} (id BIGINT UNIQUE DEFERRABLE INITIALLY DEFERRED, code TEXT, part BIGINT)",
    "CREATE TABLE {t} (id BIGINT UNIQUE, code TEXT, part BIGINT,
         EXCLUDE (part WITH =) DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TABLE {t} (id BIGINT UNIQUE, code TEXT, part BIGINT,
         EXCLUDE (part WITH =) DEFERRABLE)",
];

/// The server skips no row by a deferrable constraint: what it cannot skip is an error that
/// leaves nothing behind.
#[test]
fn deferrable_constraints_are_obeyed_or_the_seed_refused() {
    for sql in DEFERRABLE {
        let immediate = sql
            .replace("DEFERRABLE", "")
            .replace("INITIALLY DEFERRED", "");
        let kind = Kind {
            twin: Some(&immediate),
            ..Kind::new(sql)
        };
        kind.check();
    }
}

/// A role of the server that is gone again when the test ends, however it ends.
struct Role(&'static str);

impl Role {
    fn new(name: &'static str) -> Self {
        admin(&format!("CREATE ROLE {name}"));
        Self(name)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        admin(&format!("DROP ROLE {}", self.0));
    }
}

fn admin(sql: &str) {
    let mut conn = PgConnection::establish(&support::postgres::server_url()).unwrap();
    conn.batch_execute(sql).unwrap();
}

#[test]
fn row_level_security_is_obeyed() {
    let role = Role::new("covara_test_model");
    let name = role.0;
    let policies = [
        // A row that may not be written.
        "CREATE POLICY seen ON {t} FOR SELECT USING (true);
         CREATE POLICY written ON {t} FOR INSERT WITH CHECK (id <> 150)",
        // Rows that are there but cannot be seen.
        "CREATE POLICY seen ON {t} FOR SELECT USING (part < 60);
         CREATE POLICY written ON {t} FOR INSERT WITH CHECK (true)",
        "CREATE POLICY written ON {t} FOR INSERT WITH CHECK (true)",
        // The same for the owner.
        "CREATE POLICY own ON {t} USING (part > 0) WITH CHECK (id <> 150);
         ALTER TABLE {t} FORCE ROW LEVEL SECURITY; ALTER TABLE {t} OWNER TO covara_test_model",
    ];
    for policies in policies {
        let sql = format!(
            "CREATE TABLE {{t}} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT);
             GRANT USAGE, CREATE ON SCHEMA public TO {name};
             GRANT SELECT, INSERT ON {{t}} TO {name};
             ALTER TABLE {{t}} ENABLE ROW LEVEL SECURITY;
             {policies}"
        );
        let session = format!("SET ROLE {name}");
        let kind = Kind {
            session: Some(&session),
            ..Kind::new(&sql)
        };
        kind.check();
    }
}

use super::*;

#[test]
fn drivers_are_told_by_scheme_host_and_parameter() {
    use PoolDriver::{D1, Hyperdrive, Libsql, Neon, Pglite, Postgres, Sqlite};
    for (url, driver) in [
        ("app.db", Sqlite),
        ("./a:b@c", Sqlite),
        ("/a:b@c", Sqlite),
        (":memory:", Sqlite),
        ("C:\\app.db", Sqlite),
        ("sqlite:app.db", Sqlite),
        ("sqlite:///app.db", Sqlite),
        ("file:app.db?mode=ro", Sqlite),
        ("libsql://host", Libsql),
        ("http://host?driver=libsql", Libsql),
        ("https://host/path?a=b&driver=libsql#c", Libsql),
        ("d1://a/b", D1),
        ("postgres://h/db", Postgres),
        ("postgresql://", Postgres),
        ("postgres://h/db?driver=pglite", Pglite),
        ("postgres://h/db?driver=neon&driver=hyperdrive", Hyperdrive),
        ("postgres://a:b@EP-x-POOLER.eu.neon.tech:5432/db", Neon),
        ("postgres://h1,ep-pooler.x:2/db", Neon),
        ("postgres://-pooler/db", Postgres),
        ("postgres://a:-pooler.x@h/db", Postgres),
        ("postgres://h/-pooler.x", Postgres),
        ("postgres://h/db?host=ep-pooler.x", Neon),
        ("postgres://x.hyperdrive.local", Hyperdrive),
        ("host=x.hyperdrive.local", Hyperdrive),
        ("dbname=app", Postgres),
        ("user = ada driver=pglite", Pglite),
        ("Host=h password=secret", Postgres),
    ] {
        assert_eq!(PoolDriver::from_url(url), Ok(driver), "{url}");
    }
}

#[test]
fn what_is_no_url_of_a_driver_is_refused_without_its_password() {
    for url in [
        "",
        "mysql://ada:hunter2@h/db",
        "http://ada:hunter2@h",
        "https://h?driver=postgres",
        "postgres:ada:hunter2@h",
        "ada:hunter2@h/db",
        "//ada:hunter2@h/db",
        "sqlite://ada:hunter2@h/db",
        "postgres://ada:hunter2@h/db?driver=sqlite",
        "postgres://ada:hunter2@h/db?driver=hunter2",
        "driver=d1 password=hunter2",
        "hots=h password = hunter2",
        "hots=h PASSWORD='hunter2'",
    ] {
        let error = PoolDriver::from_url(url).unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{url}: {error}"
        );
    }
}

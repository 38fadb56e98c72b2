//! Errors where PostgreSQL is not compiled in.

use crate::suite::command::{covara, succeeds};
use covara_diesel::pool::PoolError;

#[test]
fn a_url_of_the_backend_that_is_off_names_the_feature_to_add() {
    let libsql = (!cfg!(feature = "libsql")).then_some("libsql://localhost?authToken=hunter2");
    let d1 = (!cfg!(feature = "d1")).then_some("d1://account/database?token=hunter2");
    let postgres = [
        "postgres://ada:hunter2@localhost/app",
        "postgresql://ada:hunter2@localhost/app",
        "host=localhost password=hunter2",
    ];
    let urls = postgres.into_iter().map(|url| ("postgres", url));
    let urls = urls.chain(libsql.map(|url| ("libsql", url)));
    for (feature, url) in urls.chain(d1.map(|url| ("d1", url))) {
        for subcommand in ["migrate", "doctor"] {
            let ran = covara(&[subcommand, "--database-url", url]);
            assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.all());
            let feature = format!("--features cli,{feature}");
            assert!(ran.err.contains(&feature), "{}", ran.err);
            assert!(!ran.err.contains("hunter2"), "{}", ran.err);
        }
    }
    let version = succeeds(&["--version"]).out;
    assert!(!version.contains("PostgreSQL"), "{version}");
    // What it cannot open is not offered.
    let ran = covara(&["doctor", "--database-url", "mysql://localhost/app"]);
    assert_eq!(ran.code, Some(2), "{}", ran.all());
    for scheme in ["mysql", "sqlite:"] {
        assert!(ran.err.contains(scheme), "{}", ran.err);
    }
    assert!(!ran.err.contains("postgres"), "{}", ran.err);
}

#[test]
fn a_url_whose_feature_is_off_names_the_feature() {
    for (url, feature, on) in [
        ("postgres://ada:hunter2@localhost/app", "postgres", false),
        (
            "libsql://localhost?authToken=hunter2",
            "libsql",
            cfg!(feature = "libsql"),
        ),
        (
            "d1://account/database?token=hunter2",
            "d1",
            cfg!(feature = "d1"),
        ),
    ] {
        if on {
            continue;
        }
        let error = covara_diesel::open(url).unwrap_err();
        assert!(
            matches!(error, PoolError::FeatureOff { feature: named, .. } if named == feature),
            "{error:?}"
        );
        assert!(error.to_string().contains(feature), "{error}");
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
    }
}

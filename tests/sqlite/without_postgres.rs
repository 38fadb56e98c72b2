//! What is said where PostgreSQL is not compiled in.

use crate::suite::command::{covara, succeeds};
use covara_diesel::pool::PoolError;

#[test]
fn a_url_of_the_backend_that_is_off_names_the_feature_to_add() {
    for url in [
        "postgres://ada:hunter2@localhost/app",
        "postgresql://ada:hunter2@localhost/app",
        "host=localhost password=hunter2",
    ] {
        for subcommand in ["migrate", "doctor"] {
            let ran = covara(&[subcommand, "--database-url", url]);
            assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.all());
            assert!(ran.err.contains("--features cli,postgres"), "{}", ran.err);
            assert!(!ran.err.contains("hunter2"), "{}", ran.err);
        }
    }
    let version = succeeds(&["--version"]).out;
    assert!(version.trim_end().ends_with("(SQLite)"), "{version}");
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

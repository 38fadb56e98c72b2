//! What is said where PostgreSQL is not compiled in.

use crate::suite::command::{covara, succeeds};

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

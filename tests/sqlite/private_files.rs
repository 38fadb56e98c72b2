//! The files of a database are readable by their owner only.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use covara_diesel::{auto_migrate, doctor, open, pool};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_file_is_its_owners_only() {
    let directory = support::temporary::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let beside = |name: &str, suffix: &str| path(&format!("{name}{suffix}"));

    let pool = pool::sqlite(path("a.db")).unwrap();
    auto_migrate(&mut pool.get().unwrap()).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode(&beside("a.db", suffix)), 0o600, "{suffix}");
    }
    let any = open(format!("file:{}", path("b.db").display())).unwrap();
    auto_migrate(&mut any.get().unwrap()).unwrap();
    assert_eq!(mode(&path("b.db")), 0o600);

    let url = path("c.db").display().to_string();
    let program = env!("CARGO_BIN_EXE_covara-command");
    let ran = std::process::Command::new(program)
        .args(["migrate", "--database-url", &url])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(mode(&path("c.db")), 0o600);

    // Through a link that leads nowhere yet.
    std::os::unix::fs::symlink("real.db", path("link.db")).unwrap();
    pool::sqlite(path("link.db")).unwrap();
    assert_eq!(mode(&path("real.db")), 0o600);
}

#[test]
fn an_existing_file_keeps_its_mode_and_the_doctor_warns() {
    let directory = support::temporary::tempdir().unwrap();
    let path = directory.path().join("app.db");
    auto_migrate(&mut pool::sqlite(&path).unwrap().get().unwrap()).unwrap();
    let warned = || {
        let findings = doctor::sqlite(&path).unwrap().findings;
        findings
            .iter()
            .any(|finding| finding.text.contains("chmod 600"))
    };
    assert!(!warned());
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    auto_migrate(&mut pool::sqlite(&path).unwrap().get().unwrap()).unwrap();
    assert_eq!(mode(&path), 0o644);
    assert!(warned());
}

#[test]
fn opening_without_creating_makes_no_file() {
    let directory = support::temporary::tempdir().unwrap();
    let path = directory.path().join("app.db");
    for parameters in ["mode=ro", "mode=rw"] {
        let url = format!("file:{}?{parameters}", path.display());
        pool::sqlite(&url).unwrap_err();
        assert!(!path.exists(), "{url}");
    }
}

//! Client and server on one core.

use std::process::{Command, Stdio};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer};

/// Puts this program, its children and all of the server's connections on one core: with a
/// core each, how long a call takes is a matter of how the system wakes them.
pub fn share(conn: &mut PgConnection) {
    let mut processes: Vec<i32> = diesel::select(sql::<Array<Integer>>(
        "ARRAY(SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend')",
    ))
    .get_result(conn)
    .expect("the test server");
    let own = std::process::id();
    processes.push(i32::try_from(own).expect("a small number"));
    let children = std::fs::read_to_string(format!("/proc/self/task/{own}/children"));
    let children = children.unwrap_or_default();
    processes.extend(children.split_whitespace().flat_map(str::parse::<i32>));
    for process in processes {
        let set = Command::new("taskset")
            .args(["--all-tasks", "--cpu-list", "--pid", "0"])
            .arg(process.to_string())
            .stdout(Stdio::null())
            .status();
        if !set.is_ok_and(|status| status.success()) {
            println!("\nProcess {process} could not be put on one core with the others");
        }
    }
}

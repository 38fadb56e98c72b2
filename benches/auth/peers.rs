//! What users pick today, in processes of their own: tower-sessions-rusqlite-store and
//! tower-sessions-sqlx-store each link another version of SQLite's library.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A program of `benches/peers`, running.
pub struct Peer {
    pub name: &'static str,
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    /// Builds and starts a peer on a database; `None`, with the reason printed, if its crates
    /// do not build here.
    pub fn start(name: &'static str, folder: &str, database: &str) -> Option<Self> {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = project.join("target/peers").join(folder);
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--quiet"])
            .current_dir(project.join("benches/peers").join(folder))
            .env("CARGO_TARGET_DIR", &target)
            .status();
        if !built.is_ok_and(|status| status.success()) {
            println!("\n{name}: not measured, it does not build here");
            return None;
        }
        let mut child = Command::new(target.join("release").join(format!("peer-{folder}")))
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built");
        let orders = child.stdin.take().expect("a pipe");
        let answers = child.stdout.take().expect("a pipe");
        let mut answers = BufReader::new(answers).lines();
        let ready = answers.next().and_then(Result::ok);
        assert_eq!(ready.as_deref(), Some("ready"), "{name} does not start");
        Some(Self {
            name,
            child,
            orders,
            answers,
        })
    }

    /// How long the peer takes for so many calls.
    pub fn time(&mut self, what: &str, calls: usize) -> Duration {
        writeln!(self.orders, "{what} {calls}").expect("it listens");
        let answer = self.answers.next().expect("an answer").expect("text");
        Duration::from_nanos(answer.parse().expect("nanoseconds"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

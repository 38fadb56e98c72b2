//! PGlite, PostgreSQL in WebAssembly, behind its socket server: one for each test.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::temporary::TempDir;

use crate::server::{Server, free_port, installed};

/// An empty database on a server of its own, ready in less than two seconds; both are gone
/// when dropped.
pub struct TestDb {
    server: Option<Server>,
    port: u16,
    max_connections: usize,
    /// None for a database in memory.
    directory: Option<TempDir>,
}

impl TestDb {
    /// One that serves one client at a time, as PGlite does unless told.
    #[expect(clippy::new_without_default, reason = "it does work")]
    pub fn new() -> Self {
        Self::with_max_connections(1)
    }

    /// One that lets so many clients be connected, which then take turns.
    pub fn with_max_connections(max_connections: usize) -> Self {
        let directory = crate::temporary::tempdir().expect("a temporary directory");
        copy(&installed("pglite"), directory.path());
        Self::start(max_connections, Some(directory))
    }

    /// One in memory (`--db=memory://`), which takes ten seconds to make.
    pub fn in_memory() -> Self {
        Self::start(1, None)
    }

    fn start(max_connections: usize, directory: Option<TempDir>) -> Self {
        for _ in 0..5 {
            let port = free_port();
            let server = run(port, max_connections, directory.as_ref());
            if server.is_some() {
                return Self {
                    server,
                    port,
                    max_connections,
                    directory,
                };
            }
        }
        panic!("PGlite does not start");
    }

    pub fn url(&self) -> String {
        let port = self.port;
        format!("postgres://postgres:postgres@127.0.0.1:{port}/postgres?sslmode=disable")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops the server, until [`thaw`](Self::thaw).
    pub fn freeze(&self) {
        self.server.as_ref().expect("a running server").freeze();
    }

    /// Lets the server go on.
    pub fn thaw(&self) {
        self.server.as_ref().expect("a running server").thaw();
    }

    /// Ends the server at once, as a crash would.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Starts the server again, at the same address; the database is there again unless it
    /// was in memory.
    pub fn restart(&mut self) {
        self.server = None;
        self.server = run(self.port, self.max_connections, self.directory.as_ref());
        assert!(self.server.is_some(), "PGlite does not start again");
    }
}

fn run(port: u16, max_connections: usize, directory: Option<&TempDir>) -> Option<Server> {
    let script = "node_modules/@electric-sql/pglite-socket/dist/scripts/server.js";
    let database = directory.map_or("memory://".to_owned(), |directory| {
        directory.path().display().to_string()
    });
    let mut command = Command::new("node");
    command
        .arg(installed(script))
        .arg(format!("--db={database}"))
        .arg(format!("--port={port}"))
        .arg("--host=127.0.0.1")
        .arg(format!("--max-connections={max_connections}"));
    let mut server = Server::start(command);
    let mut stdout = BufReader::new(server.stdout());
    let mut stderr = server.stderr();
    thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    // To connect and see would take the place of the one client.
    let mut line = String::new();
    while stdout.read_line(&mut line).is_ok_and(|length| length > 0) {
        if line.contains("listening") {
            thread::spawn(move || drain(stdout));
            return Some(server);
        }
        line.clear();
    }
    None
}

fn drain(mut stdout: impl Read) {
    let _ = std::io::copy(&mut stdout, &mut std::io::sink());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a temporary directory");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("a folder's entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file's type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

//! Servers that are scripts of Node.js.

use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdin, Command};
use std::thread;

use crate::server::Server;

/// A server that prints its address once it answers, and ends when its standard input does, or with
/// this.
pub struct NodeServer {
    origin: String,
    stdin: Option<ChildStdin>,
    server: Server,
}

impl NodeServer {
    /// Starts a script of `tests/servers`. `prepare` adds its arguments.
    pub fn start(script: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers");
        let mut command = Command::new("node");
        command.arg(format!("{folder}/{script}"));
        prepare(&mut command);
        let mut server = Server::start_reading(command);
        let stdin = Some(server.stdin());
        let mut origin = String::new();
        let mut stdout = BufReader::new(server.stdout());
        let mut stderr = server.stderr();
        stdout.read_line(&mut origin).expect("a line");
        if !origin.starts_with("http://") {
            let mut message = String::new();
            let _ = stderr.read_to_string(&mut message);
            panic!("{script} does not start: {message}");
        }
        // Whatever it says later must not fill a pipe.
        thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Self {
            origin: origin.trim().to_owned(),
            stdin,
            server,
        }
    }

    /// Without a slash at its end.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Stops the server, until [`thaw`](Self::thaw).
    pub fn freeze(&self) {
        self.server.freeze();
    }

    /// Lets the server go on.
    pub fn thaw(&self) {
        self.server.thaw();
    }
}

impl Drop for NodeServer {
    fn drop(&mut self) {
        self.server.thaw();
        self.stdin = None;
        self.server.wait_for_end();
    }
}

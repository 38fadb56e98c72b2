//! sqld, the server of libSQL: one for each test, as it starts within a tenth of a second.

use std::io::{Read, Write};
use std::process::Command;

use crate::server::{Server, free_port, installed, try_connect};
use crate::temporary::TempDir;

/// An empty database on a server of its own; both are gone when dropped.
pub struct TestDb {
    server: Option<Server>,
    port: u16,
    public_key: Option<&'static str>,
    directory: TempDir,
}

impl TestDb {
    /// One that asks for no token.
    #[expect(clippy::new_without_default, reason = "it does work")]
    pub fn new() -> Self {
        Self::start(None)
    }

    /// One that lets in who has a token of [`tokens`].
    pub fn with_tokens() -> Self {
        Self::start(Some(tokens::PUBLIC_KEY))
    }

    fn start(public_key: Option<&'static str>) -> Self {
        let directory = crate::temporary::tempdir().expect("a temporary directory");
        for _ in 0..5 {
            let port = free_port();
            let server = run(port, public_key, &directory);
            if server.is_some() {
                return Self {
                    server,
                    port,
                    public_key,
                    directory,
                };
            }
        }
        panic!("sqld does not start");
    }

    /// Without a token.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
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

    /// Ends the server at once, as a crash would; the database stays.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Starts the server again, at the same address.
    pub fn restart(&mut self) {
        self.server = None;
        self.server = run(self.port, self.public_key, &self.directory);
        assert!(self.server.is_some(), "sqld does not start again");
    }
}

fn run(port: u16, public_key: Option<&str>, directory: &TempDir) -> Option<Server> {
    let mut command = Command::new(installed("sqld"));
    command
        .args(["--no-welcome", "--http-listen-addr"])
        .arg(format!("127.0.0.1:{port}"))
        .arg("--db-path")
        .arg(directory.path())
        .env("RUST_LOG", "off");
    if let Some(key) = public_key {
        command.env("SQLD_AUTH_JWT_KEY", key);
    }
    let mut server = Server::start(command);
    server.wait_until(|| is_healthy(port)).then_some(server)
}

fn is_healthy(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = try_connect(port)?;
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// JSON Web Tokens signed with a key that exists nowhere else and was thrown away.
pub mod tokens {
    /// Ed25519.
    pub const PUBLIC_KEY: &str = "M2b01rZxvcAQgEn6_9CTQg69uxBrPOdPhhfH6mlpXwc";
    pub const FULL: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJhIjoicncifQ.qRiqJQsjCb6RqeRJx3Tmcke4Y0bvYQ7dI15sKECDjVHS6m0JiyU5PXAXN8YkKll5en-Qgj691UrckRfY4azTBg";
    /// Writing with it is answered with 403.
    pub const READ_ONLY: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJhIjoicm8ifQ.ZuqAn_6gKByu1ZBEu3etSKAOn9uwYzIegpOCy-rQ4oK83I43xE-MhsbSearGup5noFxxsr0tXze52-m9Fv0wDw";
    /// Answered with 401.
    pub const EXPIRED: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJhIjoicnciLCJleHAiOjEwMDAwMDAwMDB9.3BR8TZtZhnSPPUY-9DA5CA_pu7Cm5u4q45KGcOYiR-DynlBjZZVk_j7HSTniD2amsiRvCey5v7RMwGf2FsyOBw";
    /// Signed with another key; answered with 401.
    pub const FOREIGN: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJhIjoicncifQ.3Y6srO7L0hdmDV83bExQWmvp5vDQsrYfQoze3G-R_yjz-w8s1JVvPIszsBfJfUs5sNktOQVkGapfjbPwWpTwCg";
}

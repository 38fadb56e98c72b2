//! HTTPS in front of a server, with certificates of a test's own authority.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::server::Server;

/// An authority that nobody knows but who is given its certificate.
pub struct Authority {
    directory: TempDir,
}

impl Authority {
    #[expect(clippy::new_without_default, reason = "it does work")]
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        openssl(
            directory.path(),
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
             -subj /CN=authority -keyout authority.key -out authority.pem",
        );
        Self { directory }
    }

    /// Its own certificate, in PEM.
    pub fn certificate(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    /// Ends TLS in front of what listens on `port`, by a certificate for `names`, such as
    /// `DNS:localhost,IP:127.0.0.1`.
    pub fn serve(&self, port: u16, names: &str) -> Https {
        let path = self.directory.path();
        openssl(
            path,
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server \
             -keyout server.key -out server.csr",
        );
        let extensions = format!("subjectAltName={names}\nbasicConstraints=CA:FALSE\n");
        std::fs::write(path.join("extensions"), extensions).expect("a temporary directory");
        openssl(
            path,
            "x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial \
             -days 2 -extfile extensions -out server.pem",
        );
        let mut command = Command::new("node");
        command
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/servers/tls.mjs"
            ))
            .arg(port.to_string())
            .args(["server.key", "server.pem"].map(|name| path.join(name)));
        let mut server = Server::start(command);
        let mut own = String::new();
        BufReader::new(server.stdout())
            .read_line(&mut own)
            .expect("a line");
        Https {
            port: own.trim().parse().expect("a port"),
            _stdin: server.stdin(),
            _server: server,
        }
    }
}

/// Ends when dropped.
pub struct Https {
    pub port: u16,
    _stdin: std::process::ChildStdin,
    _server: Server,
}

fn openssl(directory: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .output()
        .expect("openssl; tests/prepare installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

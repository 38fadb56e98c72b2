//! HTTPS in front of a server, with certificates of a test's own authority.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::temporary::TempDir;

use crate::server::Server;

/// An authority that nobody knows but who is given its certificate.
pub struct Authority {
    directory: TempDir,
}

impl Authority {
    #[expect(clippy::new_without_default, reason = "it does work")]
    pub fn new() -> Self {
        let directory = crate::temporary::tempdir().expect("a temporary directory");
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
            server,
        }
    }
}

/// Ends when dropped.
pub struct Https {
    pub port: u16,
    _stdin: std::process::ChildStdin,
    server: Server,
}

impl Https {
    /// Stops it, until [`thaw`](Self::thaw).
    pub fn freeze(&self) {
        self.server.freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.server.thaw();
    }
}

/// What becomes of encrypted bytes on their way back.
#[derive(Debug, Clone, Copy)]
pub enum Spoilt {
    /// They are not what was encrypted.
    Flipped,
    /// They are no encryption at all.
    Garbage,
}

/// Stands between a client and an end of TLS; ends with the process.
pub struct Spoiler {
    pub port: u16,
    next: Arc<Mutex<Option<Spoilt>>>,
}

impl Spoiler {
    /// Passes on to what listens on `port`.
    pub fn new(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let own = listener.local_addr().expect("bound").port();
        let next = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&next);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let next = Arc::clone(&shared);
                // A side that goes away is none of this one's business.
                thread::spawn(move || pass(client, port, &next));
            }
        });
        Self { port: own, next }
    }

    /// Does this to what the server says next.
    pub fn spoil_next(&self, how: Spoilt) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
    }
}

fn pass(mut client: TcpStream, port: u16, next: &Mutex<Option<Spoilt>>) -> io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        // As above.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut buffer = [0; 65_536];
    loop {
        let length = server.read(&mut buffer)?;
        if length == 0 {
            return client.shutdown(Shutdown::Both);
        }
        let said = &mut buffer[..length];
        let spoilt = next.lock().unwrap_or_else(PoisonError::into_inner).take();
        match spoilt {
            None => {}
            // The last byte is of the seal.
            Some(Spoilt::Flipped) => said[length - 1] ^= 1,
            Some(Spoilt::Garbage) => said.fill(b'x'),
        }
        client.write_all(said)?;
    }
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

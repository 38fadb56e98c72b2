//! Checks whether a PostgreSQL server is alive.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// The request for encryption, which every server and pooler answers before authentication:
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// The other end of a connection.
#[derive(Debug, Clone)]
pub(super) enum Peer {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Returns whether a server reacts within `patience` in any way, even by rejecting the connection.
pub(super) fn answers(peer: &Peer, patience: Duration) -> bool {
    let asked = match peer {
        Peer::Tcp(address) => ask_tcp(address, patience),
        Peer::Unix(path) => ask_unix(path.clone(), patience),
    };
    match asked {
        Ok(()) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock),
    }
}

fn ask_tcp(address: &SocketAddr, patience: Duration) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    ask(&mut stream)
}

/// Asks over a Unix socket. Connecting to one may block without limit if many others are
/// connecting.
fn ask_unix(path: PathBuf, patience: Duration) -> io::Result<()> {
    let (answer, answered) = channel();
    thread::Builder::new().spawn(move || {
        let asked = UnixStream::connect(path).and_then(|mut stream| {
            stream.set_read_timeout(Some(patience))?;
            ask(&mut stream)
        });
        // The receiver may be gone.
        let _ = answer.send(asked);
    })?;
    let late = |_| io::Error::from(ErrorKind::TimedOut);
    answered.recv_timeout(patience).map_err(late)?
}

fn ask(stream: &mut (impl Read + Write)) -> io::Result<()> {
    stream.write_all(&SSL_REQUEST)?;
    stream.read(&mut [0]).map(drop)
}

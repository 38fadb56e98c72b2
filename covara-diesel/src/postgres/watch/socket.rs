//! Finds the socket of a connection among those of the process, because Diesel does not expose it.
//!
//! Each filter here surely passes the connection's own socket. So if one socket is left, it is the
//! right one. If several are left, the server is asked to wait for a moment, and the kernel shows
//! for which of them the thread that asks does so. If that fails, the connection is closed, and the
//! pool tries again, because one that is not watched could wait without bound, or keep a
//! transaction open.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use rustix::net::sockopt::{socket_type, tcp_user_timeout};
use rustix::net::{Shutdown, SocketAddrUnix, SocketType, getpeername, shutdown};

use super::Ambiguous;
use super::alive::Peer;
use super::threads::{Thread, Wait};

/// The names in the kernel of sockets that belong to other connections.
static KNOWN: Mutex<Vec<Weak<PathBuf>>> = Mutex::new(Vec::new());

/// Seconds for which the server is asked to wait, until the thread that asks is seen waiting.
const WAITS: [&str; 4] = ["0.01", "0.05", "0.25", "1"];
/// The longest time until the answer.
const ANSWER: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_micros(500);

/// A duplicate of a connection's socket.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    name: Arc<PathBuf>,
    peer: Option<Peer>,
}

impl Socket {
    /// Ends the connection for both sides, so that waiting calls return.
    pub(super) fn shut_down(&self) {
        // Fails only if the connection has ended already.
        let _ = shutdown(&self.fd, Shutdown::Both);
    }

    pub(super) fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.peer {
            Some(Peer::Tcp(address)) => address.fmt(f),
            Some(Peer::Unix(path)) => path.display().fmt(f),
            None => f.write_str("a socket without a name"),
        }
    }
}

/// Finds the socket of a connection that runs no statement; `None` if the system does not show it.
pub(super) fn find(
    conn: &mut PgConnection,
    tcp_user_timeout: Option<u32>,
) -> Result<Option<Socket>, Ambiguous> {
    let Some(found) = candidates(tcp_user_timeout) else {
        return Ok(None);
    };
    let socket = match <[Socket; 1]>::try_from(found) {
        Ok([one]) => one,
        Err(_) if !Thread::this().is_shown() => return Ok(None),
        Err(_) => by_waiting(conn, tcp_user_timeout)?,
    };
    let mut known = known();
    known.retain(|name| name.strong_count() > 0);
    known.push(Arc::downgrade(&socket.name));
    drop(known);
    Ok(Some(socket))
}

/// Lets a thread wait for an answer of the server, and looks which socket it waits for.
fn by_waiting(conn: &mut PgConnection, tcp_user_timeout: Option<u32>) -> Result<Socket, Ambiguous> {
    for seconds in WAITS {
        let conn = &mut *conn;
        let found = thread::scope(|scope| {
            let (sender, thread) = channel();
            let asking = thread::Builder::new()
                .spawn_scoped(scope, move || {
                    // The receiver waits for it.
                    let _ = sender.send(Thread::this());
                    conn.batch_execute(&format!("SELECT pg_catalog.pg_sleep({seconds})"))
                })
                .map_err(|_| Ambiguous)?;
            let thread = thread.recv().map_err(|_| Ambiguous)?;
            let begun = Instant::now();
            let mut found = None;
            while !asking.is_finished() {
                if found.is_none() {
                    let wait = thread.wait();
                    found = wait.and_then(|wait| waited_for(&thread, &wait, tcp_user_timeout));
                }
                if let Some(socket) = &found
                    && begun.elapsed() > ANSWER
                {
                    socket.shut_down();
                }
                thread::sleep(PAUSE);
            }
            match asking.join() {
                Ok(Ok(())) => Ok(found),
                _ => Err(Ambiguous),
            }
        })?;
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(Ambiguous)
}

/// Returns the socket of a server for which a thread waits, if it still is in that wait.
pub(super) fn waited_for(
    thread: &Thread,
    wait: &Wait,
    tcp_user_timeout: Option<u32>,
) -> Option<Socket> {
    let socket = candidate(polled(wait)?, tcp_user_timeout, &[]).ok()??;
    // As long as the thread waits for it, the number refers to nothing else.
    (thread.wait().as_ref() == Some(wait)).then_some(socket)
}

/// Reads the number of the descriptor that a thread waits for. It is the right one if the thread
/// still is in that wait afterwards.
fn polled(wait: &Wait) -> Option<RawFd> {
    // The first field of the `struct pollfd`.
    let mut number = [0; 4];
    let memory = File::open("/proc/self/mem").ok()?;
    memory.read_exact_at(&mut number, wait.address).ok()?;
    Some(RawFd::from_ne_bytes(number))
}

fn known() -> MutexGuard<'static, Vec<Weak<PathBuf>>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the sockets that may belong to a new connection, each once, or `None` if the system does
/// not show them all, such as when the process has too many open files. Other threads may hold
/// duplicates of them, too.
fn candidates(tcp_user_timeout: Option<u32>) -> Option<Vec<Socket>> {
    // Two threads that look at the same time would duplicate each other's duplicates.
    let known = known();
    let entries = fs::read_dir("/proc/self/fd").ok()?.flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<Socket> = Vec::new();
    for number in numbers {
        if let Some(new) = candidate(number, tcp_user_timeout, &known).ok()?
            && found.iter().all(|one| one.name != new.name)
        {
            found.push(new);
        }
    }
    (!found.is_empty()).then_some(found)
}

fn candidate(
    number: RawFd,
    timeout: Option<u32>,
    known: &[Weak<PathBuf>],
) -> io::Result<Option<Socket>> {
    let Some((fd, name)) = duplicate_socket(number)? else {
        return Ok(None);
    };
    let is_known = known
        .iter()
        .any(|known| known.upgrade().is_some_and(|known| *known == name));
    if is_known || !is_like_libpqs(fd.as_fd(), timeout) {
        return Ok(None);
    }
    let peer = peer(fd.as_fd());
    Ok(Some(Socket {
        fd,
        name: Arc::new(name),
        peer,
    }))
}

/// Duplicates the descriptor of that number if it is a socket, and returns the socket's name.
fn duplicate_socket(number: RawFd) -> io::Result<Option<(OwnedFd, PathBuf)>> {
    let is_socket = |name: &PathBuf| name.as_os_str().as_bytes().starts_with(b"socket:");
    let Some(name) = name(number).filter(is_socket) else {
        return Ok(None);
    };
    let Some(fd) = duplicate(number)? else {
        return Ok(None);
    };
    // The number may refer to another file meanwhile.
    let now = self::name(fd.as_raw_fd());
    if now.as_ref() == Some(&name) {
        return Ok(Some((fd, name)));
    }
    if !now.as_ref().is_some_and(is_socket) {
        // Closing a duplicate would release the locks that the process holds on a file.
        std::mem::forget(fd);
    }
    Ok(None)
}

/// Returns the kernel's name of the file behind a descriptor, such as `socket:[1234]`.
fn name(number: RawFd) -> Option<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{number}")).ok()
}

/// Duplicates the descriptor of that number, if there is one.
#[expect(
    unsafe_code,
    reason = "the descriptor is owned by libpq, which does not lend it"
)]
fn duplicate(number: RawFd) -> io::Result<Option<OwnedFd>> {
    // SAFETY: the call accepts any number, returns an error for one that is not a descriptor, and
    // touches no memory of the process. Whatever the number refers to, its owner's descriptor is
    // not changed.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0) };
    if copy < 0 {
        // Closed meanwhile, or the process has too many open files.
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::EBADF) => Ok(None),
            _ => Err(error),
        };
    }
    // SAFETY: the descriptor has just been created, and nothing else knows of it.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(copy) }))
}

/// Returns whether a socket is connected as libpq connects one.
fn is_like_libpqs(fd: BorrowedFd<'_>, timeout: Option<u32>) -> bool {
    if socket_type(fd) != Ok(SocketType::STREAM) {
        return false;
    }
    match getpeername(fd) {
        Ok(Some(address)) => match SocketAddrUnix::try_from(address) {
            // libpq connects to no other names.
            Ok(address) => address.path().is_none_or(|path| {
                let file = path.to_bytes().rsplit(|byte| *byte == b'/').next();
                file.is_some_and(|file| file.starts_with(b".s.PGSQL."))
            }),
            Err(_) => timeout.is_none_or(|timeout| tcp_user_timeout(fd) == Ok(timeout)),
        },
        _ => false,
    }
}

fn peer(fd: BorrowedFd<'_>) -> Option<Peer> {
    let address = getpeername(fd).ok()??;
    if let Ok(address) = address.clone().try_into() {
        return Some(Peer::Tcp(address));
    }
    let address = SocketAddrUnix::try_from(address).ok()?;
    let path = std::ffi::OsStr::from_bytes(address.path()?.to_bytes()).into();
    Some(Peer::Unix(path))
}

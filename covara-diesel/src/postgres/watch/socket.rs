//! Finds the socket of a connection among those of the process, because Diesel does not expose it.
//!
//! Each filter here surely passes the connection's own socket. So if one socket is left, it is the
//! right one, and if several are left, none is taken: the connection is closed, and the pool tries
//! again, because one that is not watched could wait without bound, or keep a transaction open.

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::Integer;
use rustix::io::ioctl_fionread;
use rustix::net::sockopt::{socket_type, tcp_user_timeout};
use rustix::net::{Shutdown, SocketAddrUnix, SocketType, getpeername, shutdown};

use super::Ambiguous;
use super::alive::Peer;

/// Sockets known to belong to other connections, by their names in the kernel.
static KNOWN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

static TURN: Mutex<()> = Mutex::new(());
/// Number of turns so far.
static TURNS: AtomicUsize = AtomicUsize::new(0);

/// A query whose rows do not fit into libpq's buffers: most of them wait in the socket for a while.
const MANY_ROWS: &str = "SELECT n FROM pg_catalog.generate_series(1, 12000) AS n";
const ROUNDS: usize = 2;
/// Bytes that then wait in the socket, and in that of no other connection being made.
const WAITING: u64 = 32 * 1024;
/// The longest time that the rows may take to arrive, even on a busy machine.
const ARRIVAL: Duration = Duration::from_secs(5);
/// The wait for rows of this connection once those of any have arrived.
const SETTLING: Duration = Duration::from_millis(5);
/// The longest time that one other connection may take to find its own socket.
const PATIENCE: Duration = Duration::from_secs(6);

/// A duplicate of a connection's socket.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    name: PathBuf,
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

impl Drop for Socket {
    fn drop(&mut self) {
        known().retain(|name| *name != self.name);
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

/// Finds the socket of a connection that runs no statement; `None` if the system does not show all
/// sockets of the process.
pub(super) fn find(
    conn: &mut PgConnection,
    tcp_user_timeout: Option<u32>,
) -> Result<Option<Socket>, Ambiguous> {
    let Some(mut found) = candidates(tcp_user_timeout) else {
        return Ok(None);
    };
    // Searching by rows waits for a server, and behind a pooler for a session.
    if found.len() > 1 {
        // Two threads that search at the same time would see each other's rows. If another one
        // does not get on, no rows of its server arrive, and two rounds would have to meet its own.
        let _turn = turn();
        let Some(now) = candidates(tcp_user_timeout) else {
            return Ok(None);
        };
        found = now;
        for _ in 0..ROUNDS {
            found = with_rows(conn, found).ok_or(Ambiguous)?;
        }
    }
    let [one] = <[Candidate; 1]>::try_from(found).map_err(|_| Ambiguous)?;
    known().push(one.name.clone());
    Ok(Some(Socket {
        fd: one.fd,
        name: one.name,
        peer: one.peer,
    }))
}

fn known() -> MutexGuard<'static, Vec<PathBuf>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for the others that search for their sockets, but not for one whose server has just
/// stopped. As long as others succeed, waiting goes on, because a busy machine may need any time.
fn turn() -> Option<MutexGuard<'static, ()>> {
    let mut seen = TURNS.load(Ordering::Relaxed);
    let mut end = Instant::now() + PATIENCE;
    loop {
        let turn = match TURN.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let turns = TURNS.load(Ordering::Relaxed);
                if turns != seen {
                    seen = turns;
                    end = Instant::now() + PATIENCE;
                }
                if Instant::now() >= end {
                    return None;
                }
                thread::sleep(Duration::from_millis(1));
                continue;
            }
        };
        TURNS.fetch_add(1, Ordering::Relaxed);
        return Some(turn);
    }
}

struct Candidate {
    fd: OwnedFd,
    name: PathBuf,
    peer: Option<Peer>,
}

/// Returns the sockets that may belong to a new connection, each once, or `None` if the system does
/// not show them all, such as when the process has too many open files. Other threads may hold
/// duplicates of them, too.
fn candidates(tcp_user_timeout: Option<u32>) -> Option<Vec<Candidate>> {
    // Two threads that look at the same time would duplicate each other's duplicates.
    let known = known();
    let entries = fs::read_dir("/proc/self/fd").ok()?.flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<Candidate> = Vec::new();
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
    known: &[PathBuf],
) -> io::Result<Option<Candidate>> {
    let Some(name) = name(number) else {
        return Ok(None);
    };
    if !name.as_os_str().as_bytes().starts_with(b"socket:") || known.contains(&name) {
        return Ok(None);
    }
    let Some(fd) = duplicate(number)? else {
        return Ok(None);
    };
    // The number may refer to another file meanwhile.
    let now = self::name(fd.as_raw_fd());
    if now.as_ref() != Some(&name) {
        if !now.is_some_and(|now| now.as_os_str().as_bytes().starts_with(b"socket:")) {
            // Closing a duplicate would release the locks that the process holds on a file.
            std::mem::forget(fd);
        }
        return Ok(None);
    }
    if !is_like_libpqs(fd.as_fd(), timeout) {
        return Ok(None);
    }
    let peer = peer(fd.as_fd());
    Ok(Some(Candidate { fd, name, peer }))
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

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = Integer)]
    #[expect(dead_code, reason = "only that there are many counts")]
    n: i32,
}

/// Returns those of the sockets in which rows wait while a query's result is unread, and in which
/// none wait afterwards.
fn with_rows(conn: &mut PgConnection, of: Vec<Candidate>) -> Option<Vec<Candidate>> {
    let waiting = |one: &Candidate| ioctl_fionread(&one.fd).unwrap_or(0);
    let mut rows = diesel::sql_query(MANY_ROWS)
        .load_iter::<Number, PgRowByRowLoadingMode>(conn)
        .ok()?;
    rows.next()?.ok()?;
    let end = Instant::now() + ARRIVAL;
    while !of.iter().any(|one| waiting(one) >= WAITING) && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
    // Those of another connection may have come first.
    thread::sleep(SETTLING);
    let mut of = of;
    of.retain(|one| waiting(one) >= WAITING);
    for row in rows {
        row.ok()?;
    }
    of.retain(|one| waiting(one) == 0);
    Some(of)
}

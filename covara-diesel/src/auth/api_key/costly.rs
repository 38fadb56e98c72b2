//! Hashes that cost time and memory to compare with, as those that Covara (TypeScript) makes.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::hash::Scrypt;
use crate::auth::error::AuthError;

/// The most work that a hash may cost, in bytes as [`Parameters::work`] counts them: what the
/// strongest parameters that OWASP recommends cost (N=2^17, r=8, p=1),
/// <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt>.
/// Covara's hashes cost 16 MiB.
///
/// [`Parameters::work`]: super::hash::Parameters::work
pub(super) const LIMIT: u64 = 128 << 20;

/// Up to here a hash is cheap: some 50 µs.
const CHEAP: u64 = 16 << 10;

/// How much work is done at once in this process, which bounds the memory for it.
const WORK_AT_ONCE: u64 = LIMIT;

/// How many hashes are computed at once in this process.
const HASHES_AT_ONCE: u32 = 4;

/// How long a check waits for its turn: as long as for a lock of SQLite's.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many keys are remembered, 32 bytes each.
const REMEMBERED: usize = 4096;

/// Whether comparing with the hash takes a turn.
pub(super) fn is_costly(hash: &Scrypt) -> bool {
    hash.parameters.work().is_none_or(|work| work > CHEAP)
}

/// Pairs of hash and key that belong together, as their SHA-256.
static KNOWN: Mutex<BTreeSet<[u8; 32]>> = Mutex::new(BTreeSet::new());

/// Compares a key with a hash: at once when this process has done so before, else when it is
/// its turn.
///
/// `text` is the hash as it is stored. Another hash in its place, or none, and what was
/// remembered of the key is of no use.
pub(super) fn matches(text: &str, hash: &Scrypt, key: &str) -> Result<bool, AuthError> {
    let pair: [u8; 32] = Sha256::new()
        .chain_update(text)
        .chain_update([0])
        .chain_update(key)
        .finalize()
        .into();
    if locked(&KNOWN).contains(&pair) {
        return Ok(true);
    }
    let turn = Turn::wait(hash.parameters.work().unwrap_or(LIMIT))?;
    let matches = hash.matches(key);
    drop(turn);
    if matches {
        let mut known = locked(&KNOWN);
        if known.len() >= REMEMBERED {
            // Any of them: digests are in no order that means anything.
            known.pop_first();
        }
        known.insert(pair);
    }
    Ok(matches)
}

/// What is being computed.
struct Running {
    hashes: u32,
    work: u64,
}

static RUNNING: Mutex<Running> = Mutex::new(Running { hashes: 0, work: 0 });
static ENDED: Condvar = Condvar::new();

/// The right to compute a hash that costs so much work, until dropped.
struct Turn(u64);

impl Turn {
    fn wait(work: u64) -> Result<Self, AuthError> {
        let is_full = |running: &mut Running| {
            running.hashes >= HASHES_AT_ONCE || running.work + work > WORK_AT_ONCE
        };
        let (mut running, waited) = ENDED
            .wait_timeout_while(locked(&RUNNING), PATIENCE, is_full)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err(AuthError::Busy);
        }
        running.hashes += 1;
        running.work += work;
        Ok(Self(work))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut running = locked(&RUNNING);
        running.hashes -= 1;
        running.work -= self.0;
        drop(running);
        ENDED.notify_all();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

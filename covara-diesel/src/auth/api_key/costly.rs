//! Hashes that cost much time and memory to check, such as those made by Covara (TypeScript).

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::hash::Scrypt;
use crate::auth::error::AuthError;

/// The most work that checking a hash may cost, in bytes as [`Parameters::work`] counts them. This
/// is the cost of the strongest parameters that OWASP recommends (N=2^17, r=8, p=1),
/// <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt>.
/// Covara's hashes cost 16 MiB.
///
/// [`Parameters::work`]: super::hash::Parameters::work
pub(super) const LIMIT: u64 = 128 << 20;

/// The work up to which a hash is cheap: about 50 µs.
const CHEAP: u64 = 16 << 10;

/// The most work done at once in this process, which bounds the memory for it.
const WORK_AT_ONCE: u64 = LIMIT;

/// The most hashes computed at once in this process.
const HASHES_AT_ONCE: u32 = 4;

/// The longest time a check waits for its turn, the same as the wait for a lock of SQLite's.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most keys remembered, at 32 bytes each.
const REMEMBERED: usize = 4096;

/// Returns whether a check of the hash has to wait for its turn.
pub(super) fn is_costly(hash: &Scrypt) -> bool {
    hash.parameters.work().is_none_or(|work| work > CHEAP)
}

/// Matching pairs of hash and key, as their SHA-256.
static KNOWN: Mutex<BTreeSet<[u8; 32]>> = Mutex::new(BTreeSet::new());

/// Returns whether a key matches a hash: at once if this process has matched them before, otherwise
/// when its turn comes.
///
/// `text` is the hash as it is stored. When the stored hash is replaced or removed, the remembered
/// pair no longer applies.
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
            // Digests are in random order, so this evicts an arbitrary pair.
            known.pop_first();
        }
        known.insert(pair);
    }
    Ok(matches)
}

/// The hashes being computed and the work they cost.
struct Running {
    hashes: u32,
    work: u64,
}

static RUNNING: Mutex<Running> = Mutex::new(Running { hashes: 0, work: 0 });
static ENDED: Condvar = Condvar::new();

/// A permit to compute a hash that costs this much work, held until dropped.
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

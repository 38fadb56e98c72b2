//! Addresses of servers, cached for a while.
//!
//! The client asks for a host's addresses before every request, even on an open connection, and
//! starts a thread for that if time is limited. This module and `connector` use ureq's APIs named
//! `unversioned`, so the manifest pins its minor version.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::connector::Watched;

/// As short as the shortest lifetimes of DNS records in practice.
const REMEMBERED: Duration = Duration::from_secs(30);

/// A resolver with a cache, which its clones share.
#[derive(Debug, Clone, Default)]
pub(super) struct Remembering {
    known: Arc<Mutex<Vec<Known>>>,
    connections: Watched,
}

#[derive(Debug)]
struct Known {
    /// Scheme, host and port.
    of: String,
    addresses: Vec<SocketAddr>,
    since: Instant,
}

impl Remembering {
    /// Creates a resolver that reports an address look-up as a part of opening `connections`.
    pub(super) fn new(connections: Watched) -> Self {
        Self {
            connections,
            ..Self::default()
        }
    }

    /// Forgets all addresses, because one of them did not answer.
    pub(super) fn forget(&self) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl Resolver for Remembering {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let of = format!("{scheme}://{authority}");
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known| known.since.elapsed() < REMEMBERED);
        if let Some(known) = known.iter().find(|known| known.of == of) {
            let mut addresses = self.empty();
            known.addresses.iter().for_each(|one| addresses.push(*one));
            return Ok(addresses);
        }
        let resolver = DefaultResolver::default();
        let addresses = self
            .connections
            .watch(|| resolver.resolve(uri, config, timeout))?;
        known.push(Known {
            of,
            addresses: addresses.to_vec(),
            since: Instant::now(),
        });
        Ok(addresses)
    }
}

//! Functions that give tokens to the connections of a pool.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

type Ask = dyn Fn() -> Result<String, Box<dyn StdError + Send + Sync>> + Send + Sync;

/// A function that returns the token of the next request to a database over HTTP.
///
/// Clones share the function. `Debug` does not show tokens.
///
/// ```
/// use covara_diesel::pool::Tokens;
///
/// let tokens = Tokens::new(|| Ok(std::env::var("APP_JWT")?));
/// ```
#[derive(Clone)]
pub struct Tokens(Arc<Ask>);

impl Tokens {
    /// Makes a function give the tokens. It is asked before each request, by any thread.
    pub fn new(
        ask: impl Fn() -> Result<String, Box<dyn StdError + Send + Sync>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(ask))
    }

    /// Returns the function for one connection.
    #[cfg(feature = "_remote-http")]
    pub(crate) fn source(
        &self,
    ) -> Box<dyn FnMut() -> Result<String, Box<dyn StdError + Send + Sync>> + Send> {
        let ask = Arc::clone(&self.0);
        Box::new(move || ask())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

/// Two are equal if they are the same function.
impl PartialEq for Tokens {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Tokens {}

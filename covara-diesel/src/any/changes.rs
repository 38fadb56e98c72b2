use std::time::Duration;

use super::{AnyPool, AnyPooledConnection};
use crate::changes::{ChangeError, ChangePool};

impl ChangePool for AnyPool {
    type Connection = AnyPooledConnection;

    fn connection(&self, most: Duration) -> Result<AnyPooledConnection, ChangeError> {
        self.get_within(most)
            .map_err(|error| ChangeError::Pool(error.into()))
    }
}

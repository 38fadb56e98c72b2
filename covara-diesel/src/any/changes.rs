use super::{AnyPool, AnyPooledConnection};
use crate::changes::{ChangeError, ChangePool};

impl ChangePool for AnyPool {
    type Connection = AnyPooledConnection;

    fn connection(&self) -> Result<AnyPooledConnection, ChangeError> {
        self.get().map_err(|error| ChangeError::Pool(error.into()))
    }
}

//! How often what requests are served by was written.

use rotator_core::store::StoreError;

use crate::{
    connection::Session,
    rows::{self, count},
};

/// The number of writes so far.
pub(crate) async fn get(tx: &mut Session) -> Result<u64, StoreError> {
    let row = tx.row("SELECT number FROM revision", ()).await?;
    Ok(count(rows::only(row.as_ref())?))
}

/// Counts a write, at its end: from here on others wait until it is committed, so that numbers come in that order.
pub(crate) async fn advance(tx: &mut Session) -> Result<(), StoreError> {
    tx.execute("UPDATE revision SET number = number + 1", ()).await?;
    Ok(())
}

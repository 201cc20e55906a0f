//! What every cache must do, done by this one.

use crate::support::Own;

contract_tests::cache_contract!(fresh);

async fn fresh() -> Own {
    Own::new().await
}

//! What every cache must do, done by this one.

use cache_memory::MemoryCache;

contract_tests::cache_contract!(fresh);

async fn fresh() -> Box<MemoryCache> {
    Box::default()
}

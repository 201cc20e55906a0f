//! The suite that every store passes.

use crate::support::fresh;

contract_tests::store_contract!(fresh);

mod transfer {
    use super::fresh;

    contract_tests::transfer_contract!(fresh);
}

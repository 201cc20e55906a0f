//! The suite that every store passes.

use crate::support::fresh;

contract_tests::store_contract!(fresh);

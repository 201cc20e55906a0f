use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use rotator_core::notifications::{Courier, Letter, Receipt};

/// Takes letters nowhere, and remembers them. An address with `broken` in it answers 500.
#[derive(Default)]
pub(crate) struct FakeCourier(pub(crate) Mutex<Vec<Letter>>);

#[async_trait]
impl Courier for FakeCourier {
    async fn deliver(&self, letter: Letter) -> Receipt {
        let status = if letter.to.expose().contains("broken") { 500 } else { 200 };
        self.0.lock().unwrap().push(letter);
        Receipt { status: Some(status), latency: Duration::from_millis(7), message: "what it said".into() }
    }
}

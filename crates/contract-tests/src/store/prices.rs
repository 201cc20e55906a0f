//! What an admin says that tokens cost.

use rotator_core::{
    prices::{Money, Price, PriceRow},
    store::Store,
};

use super::samples::change;

/// The price of a model, with every bucket at an amount of its own.
fn row(model: &str, nanos: u64) -> PriceRow {
    let [input, cached_read, cache_write, output, reasoning] =
        [0, 1, 2, 3, 4].map(|more| Money::from_nanos(nanos + more));
    PriceRow {
        model: model.parse().unwrap(),
        price: Price {
            input,
            cached_read: Some(cached_read),
            cache_write: Some(cache_write),
            output,
            reasoning: Some(reasoning),
        },
    }
}

pub async fn prices_read_back_as_they_were_written(store: &dyn Store) {
    let free = PriceRow { model: "*".parse().unwrap(), price: Price::flat(Money::default()) };
    let rows = [row("z-model", 1_250_000_001), row("a';\"model\"é*", 999_999_999_999_990), free];
    assert_eq!(store.prices().await.unwrap(), []);

    store.replace_prices(&rows, &change()).await.unwrap();

    assert_eq!(store.prices().await.unwrap(), rows);
}

pub async fn prices_are_replaced_as_a_whole(store: &dyn Store) {
    store.replace_prices(&[row("a", 1), row("b", 2)], &change()).await.unwrap();
    store.replace_prices(&[row("b", 3)], &change()).await.unwrap();
    assert_eq!(store.prices().await.unwrap(), [row("b", 3)]);

    store.replace_prices(&[], &change()).await.unwrap();
    assert_eq!(store.prices().await.unwrap(), []);
}

//! What tokens cost: prices by model, the seed of them that every build carries, and money.
//!
//! A request costs what its tokens do at the price of the model that the API was asked for. The prices of its config come
//! first, then the installation's own, then the seed; the first of them that knows the model decides. What nobody knows
//! the price of has no cost, which is not a cost of zero.

mod money;
mod row;
mod seed;
mod table;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use arc_swap::ArcSwap;

pub use self::{
    money::Money,
    row::{ModelPattern, Price, PriceRow, check_rows},
    seed::{ProviderPrices, Seed, seed},
    table::PriceTable,
};
use crate::record::Tokens;

/// The installation's own prices, replaced as a whole when an admin writes them.
pub type SharedPrices = Arc<ArcSwap<PriceTable>>;

/// The prices of a service.
#[derive(Debug)]
pub struct Prices {
    own: PriceTable,
    shared: SharedPrices,
}

/// What all requests of a service cost since the start.
#[derive(Debug, Default)]
pub struct Spending(AtomicU64);

impl Prices {
    /// The prices of a config with these, in an installation with those.
    pub fn new(own: &[PriceRow], shared: SharedPrices) -> Self {
        Self { own: PriceTable::new(own), shared }
    }

    /// What these tokens of a model cost; `None` where nobody knows its price.
    pub fn cost(&self, model: &str, tokens: Tokens) -> Option<Money> {
        let cost = |prices: &PriceTable| prices.find(model).map(|price| price.cost(tokens));
        cost(&self.own).or_else(|| cost(&self.shared.load())).or_else(|| cost(&seed().table))
    }
}

impl Spending {
    /// Counts what a request cost.
    pub fn add(&self, cost: Money) {
        self.0.fetch_add(cost.nanos(), Relaxed);
    }

    /// What has been counted.
    pub fn get(&self) -> Money {
        Money::from_nanos(self.0.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(model: &str, dollars: &str) -> Vec<PriceRow> {
        let price = dollars.parse().unwrap();
        vec![PriceRow { model: model.parse().unwrap(), price: Price::flat(price) }]
    }

    #[test]
    fn a_configs_prices_win_over_the_installations_and_those_over_the_seeds() {
        let million = Tokens { output: 1_000_000, ..Tokens::default() };
        let shared = SharedPrices::default();
        let prices = Prices::new(&rows("gpt-4o", "1"), Arc::clone(&shared));
        let without = Prices::new(&[], Arc::clone(&shared));
        let cost = |prices: &Prices, model| prices.cost(model, million).map(|cost| cost.to_string());

        assert_eq!(cost(&without, "gpt-4o").as_deref(), Some("10"));
        shared.store(Arc::new(PriceTable::new(&rows("gpt-*", "2"))));
        assert_eq!(cost(&without, "gpt-4o").as_deref(), Some("2"));
        assert_eq!(cost(&prices, "gpt-4o").as_deref(), Some("1"));
        assert_eq!(cost(&prices, "gpt-4.1").as_deref(), Some("2"));
        assert_eq!(cost(&prices, "nobody-knows"), None);
    }
}

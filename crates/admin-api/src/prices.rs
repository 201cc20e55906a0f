//! What tokens cost in all services.

use axum::{Json, extract::State};
use rotator_core::{
    prices::{PriceRow, ProviderPrices, check_rows, seed},
    store::Change,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    admin::Admin,
    body::{Body, Form},
    error::ApiError,
    state::{AdminState, Renewed},
};

/// Most prices that an admin may write.
const MAX_PRICES: usize = 400;

/// Prices that an admin writes. They replace those that were written before.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PricesForm {
    /// At most 400, each of another model.
    #[schema(required, nullable = false, value_type = Vec<PriceSchema>)]
    prices: Option<Vec<PriceRow>>,
}

/// What tokens cost in all services.
#[derive(Serialize, ToSchema)]
#[schema(as = Prices)]
pub(crate) struct PricesView {
    /// What an admin wrote. A price here wins over those of the seed; one in a service's config over both.
    #[schema(value_type = Vec<PriceSchema>)]
    prices: Vec<PriceRow>,
    /// What this program brings along.
    seed: SeedView,
}

/// The prices that this program brings along: as they were once known.
#[derive(Serialize, ToSchema)]
#[schema(as = PriceSeed)]
struct SeedView {
    /// What these prices are, and what they are not.
    note: &'static str,
    /// By who takes them.
    #[schema(value_type = Vec<ProviderSchema>)]
    providers: &'static [ProviderPrices],
}

/// How the document shows [`ProviderPrices`].
#[derive(ToSchema)]
#[schema(as = ProviderPrices)]
#[expect(dead_code, reason = "its shape is what matters")]
struct ProviderSchema {
    /// Its name.
    #[schema(example = "openai")]
    name: String,
    /// Where it tells its prices.
    prices_at: String,
    /// The month in which they were known to be these.
    #[schema(example = "2026-10")]
    as_of: String,
    /// By model.
    prices: Vec<PriceSchema>,
}

/// The price of a model: US dollars per million tokens, each a number or its digits as text, with up to nine decimals.
#[derive(ToSchema)]
#[schema(as = Price)]
#[expect(dead_code, reason = "its shape is what matters")]
pub(crate) struct PriceSchema {
    /// A model's name, or with a `*` at its end the beginning of several. Found in either case, also behind a provider's
    /// name or `models/`, and for every dated version of it.
    #[schema(example = "gpt-5*")]
    model: String,
    /// Of the prompt.
    #[schema(example = 1.25)]
    input: f64,
    /// Of the prompt, read from the provider's cache; like `input` by default.
    cached_read: Option<f64>,
    /// Of the prompt, written to the provider's cache; like `input` by default.
    cache_write: Option<f64>,
    /// Of the answer.
    #[schema(example = 10)]
    output: f64,
    /// Of the reasoning before the answer; like `output` by default.
    reasoning: Option<f64>,
}

impl Form for PricesForm {
    const READ_ONLY: &[&str] = &["seed"];
}

impl PricesView {
    fn of(prices: Vec<PriceRow>) -> Self {
        let seed = seed();
        Self { prices, seed: SeedView { note: &seed.note, providers: &seed.providers } }
    }
}

/// Show what tokens cost
///
/// In all services: the config of a service may have prices of its own.
#[utoipa::path(
    get,
    path = "/prices",
    operation_id = "showPrices",
    tag = "prices",
    responses((status = 200, description = "The prices", body = PricesView))
)]
pub(crate) async fn show(_: Admin, State(state): State<AdminState>) -> Result<Json<PricesView>, ApiError> {
    Ok(Json(PricesView::of(state.store().prices().await?)))
}

/// Say what tokens cost
///
/// For all requests that end from now on. What earlier ones cost stays as it was counted.
#[utoipa::path(
    put,
    path = "/prices",
    operation_id = "replacePrices",
    tag = "prices",
    request_body = PricesForm,
    responses((status = 200, description = "The prices", body = PricesView))
)]
pub(crate) async fn replace(
    admin: Admin,
    State(state): State<AdminState>,
    Body(form): Body<PricesForm>,
) -> Result<Json<PricesView>, ApiError> {
    let missing = || ApiError::field("prices", "is required: a list, empty for none");
    let rows = form.prices.ok_or_else(missing)?;
    check_rows(&rows, MAX_PRICES).map_err(|reason| ApiError::field("prices", reason))?;
    let by: Change = admin.change();
    let store = state.store();
    state
        .change_all(Renewed::Prices, async move { store.replace_prices(&rows, &by).await.map(|()| rows) })
        .await
        .map(|rows| Json(PricesView::of(rows)))
}

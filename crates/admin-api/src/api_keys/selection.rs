//! Which of a config's keys are meant, and those keys piece by piece: all at once would be too many to hold.

use rotator_core::{
    model::{ApiKey, ConfigId, KeyId},
    store::{KeyFilter, KeyQuery, KeySet, PageRequest, StoreError},
};

use super::standings;
use crate::{error::ApiError, state::AdminState};

/// The ids of a config's keys, all or those in a state, of a quota group, or both.
pub(crate) async fn select(
    state: &AdminState,
    config: ConfigId,
    name: Option<&str>,
    group: Option<&str>,
) -> Result<Vec<KeyId>, ApiError> {
    let filter = standings(state, config).filter(name, group)?;
    Ok(state.store().key_ids(config, filter).await?)
}

/// The keys with these ids, as far as they are there still.
pub(crate) async fn keys_of(
    state: &AdminState,
    config: ConfigId,
    ids: &[KeyId],
) -> Result<Vec<ApiKey>, StoreError> {
    let page = PageRequest { limit: u32::try_from(ids.len()).unwrap_or(u32::MAX), after: None };
    let filter = KeyFilter { set: Some(KeySet::Among(ids.to_vec())), ..KeyFilter::default() };
    let query = KeyQuery { filter, page, ..KeyQuery::default() };
    Ok(state.store().keys(config, &query).await?.items)
}

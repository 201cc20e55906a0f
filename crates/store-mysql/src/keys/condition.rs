use mysql_async::Value;
use rotator_core::{
    model::{ConfigId, KeyId, KeyState},
    store::{KeyFilter, KeySet},
};

/// A condition for the keys of a config that a filter means, and the values in it.
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) values: Vec<(&'static str, Value)>,
}

impl Condition {
    pub(super) fn of(config: ConfigId, filter: &KeyFilter) -> Self {
        let mut sql = format!("proxy_config_id = :config AND {}", within(filter.set.as_ref()));
        let mut values = vec![("config", config.0.into())];
        match filter.state {
            None => {}
            Some(KeyState::Active) => sql.push_str(" AND is_active = 1"),
            Some(KeyState::Disabled) => sql.push_str(" AND is_active = 0"),
        }
        if let Some(group) = &filter.quota_group {
            sql.push_str(" AND quota_group = :quota_group");
            values.push(("quota_group", group.as_str().into()));
        }
        Self { sql, values }
    }
}

/// A condition for the keys of a set.
fn within(set: Option<&KeySet>) -> String {
    let (ids, otherwise, operator) = match set {
        None => return "true".into(),
        Some(KeySet::Among(ids)) => (ids, "false", "IN"),
        Some(KeySet::Except(ids)) => (ids, "true", "NOT IN"),
    };
    if ids.is_empty() {
        return otherwise.into();
    }
    format!("id {operator} ({})", list_of(ids))
}

/// Ids as a list in SQL.
pub(crate) fn list_of(ids: &[KeyId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

use std::collections::BTreeMap;

/// Longest name, in bytes.
const MAX_NAME: usize = 200;
/// Most aliases.
const MAX_ALIASES: usize = 200;
/// Stands for every name that has no alias of its own.
const ANY: &str = "*";

/// What an API calls the models that clients ask for by other names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelAliases(BTreeMap<String, String>);

impl ModelAliases {
    /// The API's names by the clients'; `*` stands for every other.
    ///
    /// # Errors
    /// A clause that says what is wrong.
    pub fn new(names: BTreeMap<String, String>) -> Result<Self, String> {
        if names.len() > MAX_ALIASES {
            return Err(format!("must not be more than {MAX_ALIASES}"));
        }
        let is_name =
            |name: &String| (1..=MAX_NAME).contains(&name.len()) && !name.contains(char::is_control);
        if !names.iter().all(|(client, api)| is_name(client) && is_name(api)) {
            return Err(format!("must have names of 1 to {MAX_NAME} bytes without control characters"));
        }
        if names.values().any(|api| api == ANY) {
            return Err("must name a model of the API for each name, not '*'".into());
        }
        Ok(Self(names))
    }

    /// The API's name for a model, if it has another.
    pub fn get(&self, model: &str) -> Option<&str> {
        self.0.get(model).or_else(|| self.0.get(ANY)).map(String::as_str)
    }

    /// The names as they were written.
    pub fn names(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases(names: &[(&str, &str)]) -> Result<ModelAliases, String> {
        ModelAliases::new(names.iter().map(|(client, api)| ((*client).into(), (*api).into())).collect())
    }

    #[test]
    fn a_model_has_its_own_alias_or_everybodys() {
        let aliases = aliases(&[("opus", "pro"), ("*", "flash")]).unwrap();

        assert_eq!((aliases.get("opus"), aliases.get("haiku")), (Some("pro"), Some("flash")));
        assert_eq!(ModelAliases::default().get("opus"), None);
    }

    #[test]
    fn a_name_that_no_model_has_is_refused() {
        for names in [("", "a"), ("a", ""), ("a", "*"), ("a\n", "b")] {
            assert!(aliases(&[names]).is_err(), "{names:?}");
        }
    }
}

//! Where settings come from: defaults < generated secrets < `--config` file < `.env` < environment < flags.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Format as _, Toml},
    value::{Dict, Map, Value},
};

use super::{
    ConfigError,
    variables::{ALL, Unset, Variable, Visibility},
};

/// What follows the name of a secret whose value is in a file: a container engine's secret, a credential of systemd.
const IN_FILE: &str = "_FILE";

/// What a process is given to configure itself with.
#[derive(Debug, Default, Clone)]
pub struct Inputs {
    /// A TOML file.
    pub config_file: Option<PathBuf>,
    /// A file in place of `.env`; unlike that one it must be there.
    pub env_file: Option<PathBuf>,
    /// The process's environment.
    pub environment: Vec<(OsString, OsString)>,
    /// What flags set, by variable name.
    pub flags: Vec<(&'static str, String)>,
}

/// The settings of one source.
pub struct Layer {
    source: String,
    values: BTreeMap<&'static str, String>,
}

/// Every source, the stronger ones over the weaker ones.
#[derive(Default)]
pub struct Values {
    settings: Figment,
    /// A secret that is missing is not made.
    makes_none: bool,
}

/// One value and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The value as it was written.
    pub text: String,
    /// Where, in words that follow "from".
    pub source: String,
}

impl Inputs {
    /// Reads every source there is.
    pub fn read(&self) -> Result<Values, ConfigError> {
        let mut values = Figment::from(defaults());
        if let Some(path) = &self.config_file {
            values = values.merge(toml_file(path)?);
        }
        values = values.merge(self.dotenv()?);
        values = values.merge(environment(&self.environment)?);
        values = values.merge(Layer::new("the command line", self.flags.iter().cloned()));
        Ok(Values { settings: values, makes_none: false })
    }

    fn dotenv(&self) -> Result<Layer, ConfigError> {
        let default = Path::new(".env");
        let path = self.env_file.as_deref().unwrap_or(default);
        match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.env_file.is_none() => {
                Ok(Layer::new::<&str>(".env", []))
            }
            Err(error) => Err(unreadable(path, &error)),
            Ok(text) => Layer::dotenv(path, &text),
        }
    }
}

impl Values {
    /// What is set, or its default.
    pub fn get(&self, variable: &Variable) -> Option<Setting> {
        let value = self.settings.find_value(variable.name).ok()?;
        let source = self.settings.get_metadata(value.tag()).map_or_else(String::new, |m| m.name.to_string());
        Some(Setting { text: value.into_string()?, source })
    }

    /// Adds a source that counts only where no other says anything.
    #[must_use]
    pub fn with_weakest(self, layer: Layer) -> Self {
        Self { settings: self.settings.join(layer), ..self }
    }

    /// The same where no secret is made in place of one that is missing.
    #[must_use]
    pub fn as_they_are(self) -> Self {
        Self { makes_none: true, ..self }
    }

    /// Whether a value is made where none is set.
    pub fn makes(&self, variable: &Variable) -> bool {
        variable.unset == Unset::Generated && !self.makes_none
    }
}

impl Layer {
    /// The variables among these pairs. An alias counts where the name itself is absent, and an empty value only
    /// where it means something else than no value.
    pub fn new<N: AsRef<str>>(
        source: impl Into<String>,
        pairs: impl IntoIterator<Item = (N, String)>,
    ) -> Self {
        let given: BTreeMap<String, String> =
            pairs.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value)).collect();
        let mut values = BTreeMap::new();
        for variable in ALL {
            let found =
                std::iter::once(&variable.name).chain(variable.aliases).find_map(|name| given.get(*name));
            if let Some(text) =
                found.filter(|text| !text.trim().is_empty() || variable.unset == Unset::Generated)
            {
                values.insert(variable.name, text.clone());
            }
        }
        Self { source: source.into(), values }
    }

    /// The variables of a dotenv file.
    pub fn dotenv(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut pairs = Vec::new();
        for (place, item) in
            dotenvy::from_read_iter(text.trim_start_matches('\u{feff}').as_bytes()).enumerate()
        {
            // The error itself repeats the line, which may hold a secret.
            pairs.push(item.map_err(|_| ConfigError::File {
                path: path.into(),
                problem: format!(
                    "has a line that is not NAME=value (entry {}); put values with spaces, quotes, $ or # in single quotes",
                    place + 1
                ),
            })?);
        }
        Ok(Self::new(path.display().to_string(), with_files(pairs)?))
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let values = self.values.iter().map(|(name, text)| ((*name).to_owned(), Value::from(text.as_str())));
        Ok(Profile::Default.collect(values.collect()))
    }
}

fn defaults() -> Layer {
    let defaults = ALL.iter().filter_map(|variable| match variable.unset {
        Unset::Default(text) => Some((variable.name, text.to_owned())),
        Unset::Nothing(_) | Unset::Generated => None,
    });
    Layer::new("default", defaults)
}

fn environment(pairs: &[(OsString, OsString)]) -> Result<Layer, ConfigError> {
    let mut texts = Vec::new();
    for (name, value) in pairs {
        let Some(name) = name.to_str().filter(|name| is_known(name)) else { continue };
        let text = value.to_str().ok_or_else(|| ConfigError::Environment { name: name.to_owned() })?;
        texts.push((name.to_owned(), text.to_owned()));
    }
    Ok(Layer::new("the environment", with_files(texts)?))
}

fn is_known(name: &str) -> bool {
    let is_called = |variable: &&Variable| variable.name == name || variable.aliases.contains(&name);
    ALL.iter().any(is_called) || in_file(name).is_some()
}

/// The secret that `NAME_FILE` is about.
fn in_file(name: &str) -> Option<&'static Variable> {
    let secret = name.strip_suffix(IN_FILE)?;
    let found = ALL.iter().find(|variable| variable.name == secret);
    found.copied().filter(|variable| variable.visibility == Visibility::Secret)
}

/// The pairs, and after them what is in the file that each `NAME_FILE` names.
fn with_files(mut pairs: Vec<(String, String)>) -> Result<Vec<(String, String)>, ConfigError> {
    let mut read = Vec::new();
    for (name, path) in &pairs {
        let Some(variable) = in_file(name).filter(|_| !path.trim().is_empty()) else { continue };
        let is_set = |(other, value): &(String, String)| {
            (other == variable.name || variable.aliases.contains(&other.as_str())) && !value.is_empty()
        };
        if pairs.iter().any(is_set) {
            let problem = format!("and {name} must not both be set; keep one of them");
            return Err(ConfigError::variable(variable, problem));
        }
        let file = Path::new(path.trim());
        let text = fs::read_to_string(file).map_err(|error| ConfigError::File {
            path: file.into(),
            problem: format!("must be a file that can be read, since {name} names it ({error})"),
        })?;
        // Editors and `echo` end a file with a line break that nobody means.
        let text = text.strip_suffix('\n').unwrap_or(&text);
        read.push((variable.name.to_owned(), text.strip_suffix('\r').unwrap_or(text).to_owned()));
    }
    pairs.extend(read);
    Ok(pairs)
}

fn toml_file(path: &Path) -> Result<Layer, ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let wrong = |problem: String| ConfigError::File { path: path.into(), problem };
    // The error's full text repeats the line, which may hold a secret.
    let table: Dict =
        Toml::from_str(&text).map_err(|error| wrong(format!("is not TOML: {}", error.message())))?;
    let mut pairs = Vec::new();
    for (key, value) in table {
        let name = key.to_ascii_uppercase();
        if !is_known(&name) {
            return Err(wrong(format!(
                "sets {key}, which does not exist; `api-key-rotator check-config` lists what does"
            )));
        }
        let text = toml_text(value).ok_or_else(|| {
            wrong(format!("gives {key} a table; write a text, a number, true, false or a list"))
        })?;
        pairs.push((name, text));
    }
    Ok(Layer::new(path.display().to_string(), with_files(pairs)?))
}

/// A TOML value as the environment would spell it.
fn toml_text(value: Value) -> Option<String> {
    Some(match value {
        Value::String(_, text) => text,
        Value::Char(_, letter) => letter.into(),
        Value::Bool(_, on) => on.to_string(),
        Value::Num(_, number) => match number.to_i128() {
            Some(whole) => whole.to_string(),
            None => number.to_f64()?.to_string(),
        },
        Value::Array(_, items) => items.into_iter().map(toml_text).collect::<Option<Vec<_>>>()?.join(","),
        Value::Empty(..) | Value::Dict(..) => return None,
    })
}

fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    ConfigError::File { path: path.into(), problem: format!("cannot be read: {error}") }
}

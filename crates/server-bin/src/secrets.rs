//! The secrets that nobody had to think up: made at the first start, kept in the data folder, readable by us only.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use aws_lc_rs::rand;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::config::{
    ConfigError, Layer, Values,
    variables::{self as var, ALL, Unset, Variable},
};

/// Settings without a gap: what nobody set was read from the data folder, or made.
pub struct Completed {
    /// The settings.
    pub values: Values,
    /// Where the generated secrets are kept.
    pub file: PathBuf,
    /// The secrets that were made just now, which are kept only after [`Completed::save`].
    new: Vec<(&'static Variable, String)>,
    /// What the file held.
    before: Option<String>,
}

const FILE_NAME: &str = "secrets.env";
const HEADER: &str = "\
# Made by api-key-rotator at its first start. What the environment sets instead wins.
# Keep a copy in a safe place: without ENCRYPTION_KEY the stored API keys cannot be read.
";
/// Others may neither read nor write.
const OURS_ONLY: u32 = 0o600;
const NOT_OURS: u32 = 0o077;

/// Reads the generated secrets, and makes those that are neither set nor kept. Writes nothing.
pub fn complete(values: Values) -> anyhow::Result<Completed> {
    let file = values.data_folder()?.join(FILE_NAME);
    let before = read(&file)?;
    let values = match &before {
        Some(text) => values.with_weakest(Layer::dotenv(&file, text)?),
        None => values,
    };
    let mut new = Vec::new();
    for variable in ALL.iter().filter(|v| v.unset == Unset::Generated && values.get(v).is_none()) {
        new.push((*variable, generate(variable)?));
    }
    let made = new.iter().map(|(variable, text)| (variable.name, text.clone()));
    let values = values.with_weakest(Layer::new("a new random value", made));
    Ok(Completed { values, file, new, before })
}

impl Completed {
    /// The value of a secret that was made just now.
    pub fn made(&self, variable: &Variable) -> Option<&str> {
        self.new.iter().find(|(made, _)| made.name == variable.name).map(|(_, text)| text.as_str())
    }

    /// Makes the data folder, and keeps what was made in it.
    pub fn save(&self) -> Result<(), ConfigError> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let explain = |error| {
            let problem =
                format!("must be in a folder that can be written to, not {} ({error})", folder.display());
            ConfigError::variable(&var::DATABASE_PATH, problem)
        };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(explain)?;
        if self.new.is_empty() {
            return Ok(());
        }
        let mut text = self.before.clone().unwrap_or_else(|| HEADER.to_owned());
        if !text.ends_with('\n') {
            text.push('\n');
        }
        for (variable, value) in &self.new {
            text.push_str(&line(variable, value));
        }
        replace(&self.file, &text, self.before.is_some()).map_err(explain)
    }

    /// Puts a new `ENCRYPTION_KEY` beside the old one, so that whatever happens next one of the two opens the database.
    pub fn rotate_encryption_key(&self) -> anyhow::Result<()> {
        let kept =
            self.values.get(&var::ENCRYPTION_KEY).filter(|s| s.source == self.file.display().to_string());
        let (Some(old), Some(text)) = (kept, &self.before) else {
            let problem = "must be set to the key in use, and ENCRYPTION_KEY to the new one: \
                           the key in use was not generated, so no new one is";
            return Err(ConfigError::variable(&var::ENCRYPTION_KEY_PREVIOUS, problem).into());
        };
        let mut text = without(&without(text, &var::ENCRYPTION_KEY), &var::ENCRYPTION_KEY_PREVIOUS);
        text.push_str(&line(&var::ENCRYPTION_KEY_PREVIOUS, &old.text));
        text.push_str(&line(&var::ENCRYPTION_KEY, &generate(&var::ENCRYPTION_KEY)?));
        replace(&self.file, &text, true).with_context(|| format!("{} cannot be written", self.file.display()))
    }

    /// Forgets the old `ENCRYPTION_KEY`, if it was kept.
    pub fn forget_previous_key(&self) -> anyhow::Result<()> {
        let Some(text) = &self.before else { return Ok(()) };
        let rest = without(text, &var::ENCRYPTION_KEY_PREVIOUS);
        if rest == *text {
            return Ok(());
        }
        replace(&self.file, &rest, true).with_context(|| format!("{} cannot be written", self.file.display()))
    }
}

fn line(variable: &Variable, value: &str) -> String {
    format!("{}={value}\n", variable.name)
}

/// The text without the lines that set this variable.
fn without(text: &str, variable: &Variable) -> String {
    let sets = |line: &str| line.split_once('=').is_some_and(|(name, _)| name.trim() == variable.name);
    text.split_inclusive('\n').filter(|line| !sets(line)).collect()
}

/// The file's text, once it is certain that nobody else can read it.
fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    let wrong = |problem: String| ConfigError::File { path: path.into(), problem };
    match keep_to_ourselves(path) {
        Ok(true) => {
            fs::read_to_string(path).map(Some).map_err(|error| wrong(format!("cannot be read: {error}")))
        }
        Ok(false) => Err(wrong(
            "holds secrets and can be read by others; make its mode 0600, \
                                or set the secrets in the environment and delete it"
                .into(),
        )),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(wrong(format!("cannot be read: {error}"))),
    }
}

/// Takes the file's permissions from everybody else; some file systems do not know any, and answer false.
fn keep_to_ourselves(path: &Path) -> io::Result<bool> {
    let mode = || fs::metadata(path).map(|file| file.permissions().mode());
    if mode()? & NOT_OURS != 0 {
        fs::set_permissions(path, Permissions::from_mode(OURS_ONLY))?;
    }
    Ok(mode()? & NOT_OURS == 0)
}

/// Writes a file that is either there as a whole or not at all. A new one never takes the place of another process's.
fn replace(path: &Path, text: &str, may_exist: bool) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OURS_ONLY).open(&draft)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| if may_exist { fs::rename(&draft, path) } else { fs::hard_link(&draft, path) });
    if !may_exist || written.is_err() {
        fs::remove_file(&draft)?;
    }
    written
}

fn generate(variable: &Variable) -> anyhow::Result<String> {
    let (prefix, bytes) = match variable.name {
        name if name == var::ADMIN_PASSWORD.name => ("", 15),
        name if name == var::GLOBAL_PROXY_KEYS.name => ("pk-", 32),
        _ => ("", 32),
    };
    random_text(prefix, bytes)
}

/// Random bytes as text that needs quotes neither in a shell nor in a dotenv file.
fn random_text(prefix: &str, bytes: usize) -> anyhow::Result<String> {
    let mut random = vec![0; bytes];
    rand::fill(&mut random).context("the system gives no random bytes")?;
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random)))
}

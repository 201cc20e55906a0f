//! The secrets that nobody had to think up: made at the first start, kept in the data folder, readable by us only.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use rotator_core::access::random_text;
use rustix::fs::Access;

use crate::{
    config::{
        ConfigError, Database, DatabaseKind, Layer, Values,
        variables::{self as var, ALL, Unset, Variable},
    },
    data_folder,
};

/// Settings without a gap: what nobody set was read from the data folder, or made.
pub struct Completed {
    /// The settings.
    pub values: Values,
    /// Where the generated secrets are kept; nowhere if none are made.
    pub file: Option<PathBuf>,
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
pub fn complete(values: Values, database: &Database) -> anyhow::Result<Completed> {
    if let DatabaseKind::MySql(..) = database.kind {
        require_all(&values)?;
        return Ok(Completed { values: values.as_they_are(), file: None, new: Vec::new(), before: None });
    }
    let file = database.folder().join(FILE_NAME);
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
    Ok(Completed { values, file: Some(file), new, before })
}

/// Several instances share a server's database, and every secret: one that made its own would be at odds with the others.
fn require_all(values: &Values) -> Result<(), ConfigError> {
    // There is something to stand in for the one for stored keys.
    let needed = |v: &&&Variable| v.unset == Unset::Generated && v.name != var::ENCRYPTION_KEY.name;
    match ALL.iter().filter(needed).find(|variable| values.get(variable).is_none()) {
        Some(variable) => {
            let problem = "must be set: with MySQL, where several instances share it, none is generated";
            Err(ConfigError::variable(variable, problem))
        }
        None => Ok(()),
    }
}

/// The settings that the secrets of a data folder alone make up.
pub fn kept_in(folder: &Path) -> Result<Values, ConfigError> {
    let file = folder.join(FILE_NAME);
    let kept = read(&file)?.map(|text| Layer::dotenv(&file, &text)).transpose()?;
    Ok(kept.map_or_else(Values::default, |layer| Values::default().with_weakest(layer)))
}

impl Completed {
    /// The value of a secret that was made just now.
    pub fn made(&self, variable: &Variable) -> Option<&str> {
        self.new.iter().find(|(made, _)| made.name == variable.name).map(|(_, text)| text.as_str())
    }

    /// The same, of which only this secret will be kept, if it was made: the others are made by whoever needs them.
    #[must_use]
    pub fn only(mut self, variable: &Variable) -> Self {
        self.new.retain(|(made, _)| made.name == variable.name);
        self
    }

    /// Makes the data folder, and keeps what was made in it.
    pub fn save(&self) -> Result<(), ConfigError> {
        let Some(file) = &self.file else { return Ok(()) };
        let folder = file.parent().unwrap_or(Path::new("."));
        let explain = |error: io::Error| {
            let (path, advice) = (folder.display(), data_folder::advice(folder));
            let problem = format!("must be in a folder that can be written to, not {path} ({error}){advice}");
            ConfigError::variable(&var::DATABASE_PATH, problem)
        };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(explain)?;
        rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|error| explain(error.into()))?;
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
        replace(file, &text, self.before.is_some()).map_err(explain)
    }

    /// Puts a new `ENCRYPTION_KEY` beside the old one, so that whatever happens next one of the two opens the database.
    pub fn rotate_encryption_key(&self) -> anyhow::Result<()> {
        let source = self.file.as_ref().map(|file| file.display().to_string());
        let kept = self.values.get(&var::ENCRYPTION_KEY).filter(|s| source.as_ref() == Some(&s.source));
        let (Some(old), Some(text), Some(file)) = (kept, &self.before, &self.file) else {
            let problem = "must be set to the key in use, and ENCRYPTION_KEY to the new one: \
                           the key in use was not generated, so no new one is";
            return Err(ConfigError::variable(&var::ENCRYPTION_KEY_PREVIOUS, problem).into());
        };
        let mut text = without(&without(text, &var::ENCRYPTION_KEY), &var::ENCRYPTION_KEY_PREVIOUS);
        text.push_str(&line(&var::ENCRYPTION_KEY_PREVIOUS, &old.text));
        text.push_str(&line(&var::ENCRYPTION_KEY, &generate(&var::ENCRYPTION_KEY)?));
        replace(file, &text, true).with_context(|| format!("{} cannot be written", file.display()))
    }

    /// Forgets the old `ENCRYPTION_KEY`, if it was kept.
    pub fn forget_previous_key(&self) -> anyhow::Result<()> {
        let (Some(text), Some(file)) = (&self.before, &self.file) else { return Ok(()) };
        let rest = without(text, &var::ENCRYPTION_KEY_PREVIOUS);
        if rest == *text {
            return Ok(());
        }
        replace(file, &rest, true).with_context(|| format!("{} cannot be written", file.display()))
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
pub fn read(path: &Path) -> Result<Option<String>, ConfigError> {
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
pub fn replace(path: &Path, text: &str, may_exist: bool) -> io::Result<()> {
    // A name of its own: a process that was killed over its draft leaves it behind, and in a container the next one has
    // the same process id.
    let suffix = random_text(".", 8).ok_or_else(|| io::Error::other("the system gives no random bytes"))?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(suffix.as_str());
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
    let text = random_text(prefix, bytes).context("the system gives no random bytes")?;
    Ok(text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_start_left_of_its_draft_stops_no_later_one() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join(FILE_NAME);
        // In a container every process has the same id.
        fs::write(folder.path().join(format!("{FILE_NAME}.{}", std::process::id())), "half").unwrap();

        replace(&file, "whole", false).unwrap();

        assert_eq!(fs::read_to_string(&file).unwrap(), "whole");
        let taken = replace(&file, "another", false).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no draft of its own is left");
    }
}

use std::fmt;

/// What an opening found and did. `Display` gives one line for the start-up log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReport {
    /// What the database was.
    pub found: Found,
    /// Whether every table was dropped because `RESET_DB_TABLES` asked for it.
    pub reset: bool,
    /// Whether a previous key opened the data key, which the primary one protects now.
    pub rewrapped: bool,
}

/// What a database was before it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing: it was made.
    Nothing,
    /// One of the current version.
    Current,
    /// One of an older version, which was migrated.
    Older {
        /// Its version.
        from: i64,
        /// The current version.
        to: i64,
    },
    /// One of the old project, which was adopted.
    OldProject(Adoption),
}

impl fmt::Display for OpenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reset {
            f.write_str("dropped every table; ")?;
        }
        match &self.found {
            Found::Nothing => f.write_str("created"),
            Found::Current => f.write_str("opened"),
            Found::Older { from, to } => write!(f, "migrated from schema version {from} to {to}"),
            Found::OldProject(adoption) => adoption.fmt(f),
        }?;
        if self.rewrapped {
            f.write_str("; the data key is protected by the new ENCRYPTION_KEY now")?;
        }
        Ok(())
    }
}

/// What was taken over from the old project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adoption {
    /// How many configs.
    pub configs: u64,
    /// How many keys, every one sealed now.
    pub keys: u64,
    /// How many keys their config had twice; of those, one is left.
    pub duplicates: u64,
    /// A sentence for every row that was not taken over as it was.
    pub notes: Vec<String>,
}

impl fmt::Display for Adoption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { configs, keys, duplicates, .. } = self;
        write!(
            f,
            "adopted {configs} configs and {keys} keys of the old project ({duplicates} duplicate keys merged)"
        )
    }
}

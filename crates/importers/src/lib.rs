//! What other gateways keep, read as services with keys: rows and texts in, checked services out. No I/O.
//!
//! | module | idea |
//! |---|---|
//! | [`gpt_load`] | groups and their keys: database rows, or an export file; keys may be encrypted |
//! | [`channels`] | the channels of one-api and new-api; [`channel_types`] has what their numbers mean |
//! | [`litellm`] | the `model_list` of a `config.yaml`; [`providers`] has what its prefixes mean |
//! | [`pg_dump`] | the rows of a plain `pg_dump` |
//! | [`draft`] | from what was found to a service that can be stored |
//!
//! A key that cannot be one, a protocol that is not ours, a setting that has no like here: nothing is passed over in
//! silence. What cannot be carried at all is in [`Findings::left_behind`], the rest in [`Service::remarks`]; neither
//! ever holds a key.

pub mod channel_types;
pub mod channels;
pub mod draft;
pub mod gpt_load;
pub mod litellm;
pub mod pg_dump;
pub mod providers;

use std::collections::BTreeMap;

use rotator_core::{model::ConfigSpec, store::NewKey};

/// A row of a foreign table: its columns as text, those that are null left out.
pub type Record = BTreeMap<String, String>;
/// Foreign tables by their names; those that are not there are left out.
pub type Tables = BTreeMap<String, Vec<Record>>;

/// What was found.
#[derive(Default)]
pub struct Findings {
    /// What can be carried over, in the order in which it was found. Two may have the same slug.
    pub services: Vec<Service>,
    /// What cannot, by its name, and why: a clause that follows the name.
    pub left_behind: Vec<(String, String)>,
    /// What else is to be known, as sentences.
    pub remarks: Vec<String>,
}

/// A service that can be stored.
pub struct Service {
    /// As an admin would write it. Where its slug is taken, it needs [another](draft::slugs).
    pub spec: ConfigSpec,
    /// Its keys, none of them twice.
    pub keys: Vec<NewKey>,
    /// How many keys were there more than once.
    pub repeated: usize,
    /// How many texts can be no key.
    pub unusable: usize,
    /// What of it is another here, or not carried over: clauses.
    pub remarks: Vec<String>,
}

/// Why a source cannot be read at all: a clause that follows its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is something else.
    #[error("is not {expected}")]
    NotThat {
        /// What it should be.
        expected: &'static str,
    },
    /// It is broken at some place.
    #[error("is not {language}: line {line}, column {column}")]
    Syntax {
        /// JSON or YAML.
        language: &'static str,
        /// Counted from 1.
        line: u64,
        /// Counted from 1.
        column: u64,
    },
    /// A dump ends within a table.
    #[error("ends in the middle of the table {table}; the dump is not complete")]
    CutShort {
        /// Which.
        table: String,
    },
    /// Its keys are encrypted, and no key for them was given.
    #[error(
        "has encrypted keys: put the ENCRYPTION_KEY of gpt-load into a file, and name it by --from-encryption-key-file"
    )]
    Encrypted,
    /// Its keys are encrypted, and with another key.
    #[error(
        "has keys that do not open with the ENCRYPTION_KEY that was given; it must be the one that gpt-load used"
    )]
    WrongKey,
    /// The cryptographic library failed.
    #[error("cannot be decrypted here: the cryptographic library failed")]
    Crypto,
    /// A database of gpt-load 2.
    #[error(
        "is a database of gpt-load 2, whose credentials only gpt-load itself can read; export the keys of each group \
         there and import them in the panel"
    )]
    GptLoad2,
}

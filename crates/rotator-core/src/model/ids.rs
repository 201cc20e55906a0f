use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// Identifies a proxy config for as long as the installation lives; never used twice.
    ConfigId
}
id! {
    /// Identifies an API key for as long as the installation lives; never used twice.
    KeyId
}
id! {
    /// Identifies a proxy key that an admin made, for as long as the installation lives; never used twice.
    ProxyKeyId
}

impl ProxyKeyId {
    /// Ids begin above the numbers of the keys that an operator set.
    pub const LAST_OF_OPERATOR: u32 = 1000;

    /// The number under which records have it; `None` for one that no store gives.
    pub fn number(self) -> Option<u32> {
        u32::try_from(self.0).ok().filter(|number| *number > Self::LAST_OF_OPERATOR)
    }
}

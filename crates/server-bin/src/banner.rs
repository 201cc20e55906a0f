//! What a person sees when the server has started.

use std::{fmt::Write as _, path::Path};

/// What a person wants to know when the server has started.
pub struct Banner<'a> {
    /// Where clients connect, without a final slash.
    pub base_url: &'a str,
    /// The kind of the database.
    pub database_type: &'a str,
    /// Where it is.
    pub database: &'a str,
    /// Where shared, expiring data is.
    pub cache: &'a str,
    /// Where generated secrets are kept, if any are.
    pub secrets: Option<&'a Path>,
    /// The admin's name.
    pub username: &'a str,
    /// A password that was made just now.
    pub new_password: Option<&'a str>,
    /// A proxy key that was made just now.
    pub new_proxy_key: Option<&'a str>,
}

impl Banner<'_> {
    /// Whether it says something that is said only once.
    pub fn is_needed(&self) -> bool {
        self.new_password.is_some() || self.new_proxy_key.is_some()
    }

    /// The text.
    pub fn text(&self, version: &str) -> String {
        let Self { base_url, .. } = self;
        let mut text = format!("\n  API Key Rotator {version}\n\n");
        let mut row = |name: &str, value: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", format!("  {name:<15} {value}").trim_end());
        };
        row("Database Type:", &format!("{} ({})", self.database_type, self.database));
        row("Cache Type:", self.cache);
        row("Panel:", base_url);
        row("LLM clients:", &format!("{base_url}/llm/{{slug}}"));
        row("Other clients:", &format!("{base_url}/proxy/{{slug}}"));
        row("Admin API:", &format!("{base_url}/api/admin"));
        if let Some(file) = self.secrets {
            row("Secrets:", &format!("{} (readable by this user only)", file.display()));
        }
        if self.is_needed() {
            row("", "");
            row("Made just now, and shown only this once:", "");
            if let Some(password) = self.new_password {
                row("  Admin:", self.username);
                row("  Password:", password);
            }
            if let Some(key) = self.new_proxy_key {
                row("  Proxy key:", key);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_shown_only_when_they_are_new() {
        let old = Banner {
            base_url: "http://localhost:8000",
            database_type: "sqlite",
            database: "data/rotator.db",
            cache: "memory",
            secrets: Some(Path::new("data/secrets.env")),
            username: "admin",
            new_password: None,
            new_proxy_key: None,
        };
        let new = Banner { new_password: Some("open sesame"), ..old };

        assert!(!old.text("1.0").contains("shown only this once"));
        assert!(old.text("1.0").contains("http://localhost:8000/llm/{slug}"));
        assert!(new.text("1.0").contains("open sesame"));
        assert!(!new.text("1.0").contains("Proxy key"));
    }
}

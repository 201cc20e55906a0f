//! Secrets that everybody knows: defaults and samples that people copy from documentation.

/// Samples of this project and of the one it replaces, and what is guessed first. In lower case.
const KNOWN: &[&str] = &[
    "123456",
    "12345678",
    "123456789",
    "1234567890",
    "a-long-random-text",
    "admin",
    "admin123",
    "admin1234",
    "administrator",
    "api-key-rotator",
    "key1",
    "key2",
    "key3",
    "letmein",
    "password",
    "password1",
    "password123",
    "qwertyuiop",
    "root",
    "secret",
    "the-value-before-the-change",
];

/// How samples begin. In lower case.
const SAMPLE_PREFIXES: &[&str] = &["your_", "your-", "your ", "change_me", "change-me", "changeme", "<your"];

/// Refuses a secret that is no secret.
pub(super) fn refuse_sample(text: &str) -> Result<(), String> {
    let lower = text.trim().to_lowercase();
    if lower.is_empty() {
        return Err("must not be empty".into());
    }
    if KNOWN.contains(&lower.as_str()) || SAMPLE_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
        return Err("must be your own, not a sample from a README or a well-known word".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_the_old_project_are_no_secrets() {
        for sample in [
            "admin123",
            "your-secret-key",
            "your_very_long_jwt_secret",
            "your-global-proxy-key",
            "your_proxy_key",
            "your_admin_password",
            "your_password",
            "YOUR_JWT_SECRET",
            "key1",
            " key3 ",
            "",
        ] {
            assert!(refuse_sample(sample).is_err(), "{sample:?}");
        }
        assert!(refuse_sample("yours truly, the admin").is_ok());
    }
}

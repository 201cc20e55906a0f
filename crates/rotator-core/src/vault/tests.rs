use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::model::{ConfigFields, ConfigOptions, FurtherTarget, Weight};

const ROW: Row = Row { config: ConfigId(7), key: KeyId(41) };
const BASE64_KEY: &str = "+/7/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw=";
const HEX_KEY: &str = "fbfeff000102030405060708090a0B0C0D0e0f101112131415161718191a1b1c";

static VAULT: LazyLock<Vault> = LazyLock::new(|| Vault::create(&kek(BASE64_KEY)).unwrap().0);

fn kek(text: &str) -> KeyEncryptionKey {
    KeyEncryptionKey::parse(text).unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::parse(text).unwrap()
}

#[test]
fn a_sealed_key_opens_after_a_restart() {
    let kek = kek(BASE64_KEY);
    let (vault, wrapped) = Vault::create(&kek).unwrap();

    let sealed = vault.seal(&secret("sk-live-1"), ROW).unwrap();

    let reopened = Vault::unlock(&kek, &wrapped).unwrap();
    assert!(sealed.starts_with("v1.") && !sealed.contains("sk-live"));
    assert_eq!(reopened.open(&sealed, ROW).unwrap().expose(), "sk-live-1");
}

#[test]
fn the_same_key_sealed_twice_differs() {
    let once = VAULT.seal(&secret("sk-live-1"), ROW).unwrap();
    let again = VAULT.seal(&secret("sk-live-1"), ROW).unwrap();

    assert_ne!(once, again);
}

#[test]
fn a_sealed_key_opens_in_no_other_row() {
    let sealed = VAULT.seal(&secret("sk-live-1"), ROW).unwrap();

    for other in [
        Row { key: KeyId(42), ..ROW },
        Row { config: ConfigId(8), ..ROW },
        Row { config: ConfigId(74), key: KeyId(1) },
    ] {
        assert!(matches!(VAULT.open(&sealed, other), Err(VaultError::Damaged)), "{other:?}");
    }
}

#[test]
fn a_changed_seal_does_not_open() {
    let sealed = VAULT.seal(&secret("sk-live-1"), ROW).unwrap();

    for place in 0..sealed.len() {
        for bit in 0..7 {
            let mut changed = sealed.clone().into_bytes();
            changed[place] ^= 1 << bit;
            let changed = String::from_utf8(changed).unwrap();
            assert!(matches!(VAULT.open(&changed, ROW), Err(VaultError::Damaged)), "{changed}");
        }
        assert!(VAULT.open(&sealed[..place], ROW).is_err());
    }
}

#[test]
fn a_changed_wrapped_data_key_does_not_open() {
    let kek = kek(BASE64_KEY);
    let (_, wrapped) = Vault::create(&kek).unwrap();

    for place in 0..wrapped.len() {
        let mut changed = wrapped.clone().into_bytes();
        changed[place] ^= 1;
        assert!(Vault::unlock(&kek, &String::from_utf8(changed).unwrap()).is_err(), "byte {place}");
    }
}

#[test]
fn another_encryption_key_is_told_apart() {
    let (_, by_bytes) = Vault::create(&kek(BASE64_KEY)).unwrap();
    let (_, by_passphrase) = Vault::create(&kek("correct horse battery")).unwrap();

    for (kek, wrapped) in [
        (kek(&HEX_KEY.replace("fb", "fa")), &by_bytes),
        (kek("correct horse battery"), &by_bytes),
        (kek("correct horse batterY"), &by_passphrase),
        (kek(BASE64_KEY), &by_passphrase),
    ] {
        assert!(matches!(Vault::unlock(&kek, wrapped), Err(VaultError::WrongKey)), "{wrapped}");
    }
}

#[test]
fn a_vault_wrapped_anew_opens_what_it_sealed_before() {
    let (old, new) = (kek(BASE64_KEY), kek("correct horse battery"));
    let (vault, _) = Vault::create(&old).unwrap();
    let sealed = vault.seal(&secret("sk-live-1"), ROW).unwrap();

    let wrapped = vault.wrap(&new).unwrap();

    let reopened = Vault::unlock(&new, &wrapped).unwrap();
    assert_eq!(reopened.open(&sealed, ROW).unwrap().expose(), "sk-live-1");
    assert!(matches!(Vault::unlock(&old, &wrapped), Err(VaultError::WrongKey)));
}

#[test]
fn one_encryption_key_may_be_written_in_hex_or_any_base64() {
    let (_, wrapped) = Vault::create(&kek(BASE64_KEY)).unwrap();
    let url_safe = BASE64_KEY.replace('+', "-").replace('/', "_");

    for same in [
        HEX_KEY,
        &url_safe,
        url_safe.trim_end_matches('='),
        BASE64_KEY.trim_end_matches('='),
        &format!(" {BASE64_KEY}\n"),
    ] {
        assert!(Vault::unlock(&kek(same), &wrapped).is_ok(), "{same}");
    }
}

#[test]
fn a_short_passphrase_is_refused_with_advice() {
    for short in ["", "hunter2", "fifteen letters", "               x"] {
        let advice = KeyEncryptionKey::parse(short).unwrap_err();
        assert!(advice.contains("openssl rand -base64 32") && advice.contains("16 characters"), "{advice}");
    }
    assert!(KeyEncryptionKey::parse("sixteen letters!").is_ok());
}

#[test]
fn a_fingerprint_is_bound_to_key_config_and_vault() {
    let (other_vault, _) = Vault::create(&kek(BASE64_KEY)).unwrap();
    let one = VAULT.fingerprint(&secret("sk-live-1"), ConfigId(7));

    assert_eq!(VAULT.fingerprint(&secret("sk-live-1"), ConfigId(7)), one);
    assert_ne!(VAULT.fingerprint(&secret("sk-live-2"), ConfigId(7)), one);
    assert_ne!(VAULT.fingerprint(&secret("sk-live-1"), ConfigId(8)), one);
    assert_ne!(other_vault.fingerprint(&secret("sk-live-1"), ConfigId(7)), one);
}

#[test]
fn neither_key_nor_vault_shows_itself() {
    assert_eq!(
        format!("{:?} {:?}", kek("correct horse battery"), *VAULT),
        "KeyEncryptionKey(***) Vault(***)"
    );
}

proptest! {
    #[test]
    fn opening_any_text_fails_without_a_panic(text in any::<String>(), blob in "[A-Za-z0-9_-]{0,80}") {
        for text in [text.clone(), format!("v1.{text}"), format!("v1.{blob}")] {
            prop_assert!(VAULT.open(&text, ROW).is_err());
        }
        for text in [text.clone(), format!("v1.hkdf-sha256.{text}"), format!("v1.hkdf-sha256.AAAAAAAAAAAAAAAAAAAAAA.{blob}")] {
            prop_assert!(Vault::unlock(&kek(BASE64_KEY), &text).is_err());
        }
    }

    #[test]
    fn every_secret_comes_back_as_it_was(text in "[!-~]{1,64}") {
        let sealed = VAULT.seal(&secret(&text), ROW).unwrap();

        prop_assert_eq!(VAULT.open(&sealed, ROW).unwrap(), secret(&text));
    }
}

#[test]
fn a_destination_is_vouched_for_with_its_config_and_under_its_data_key() {
    let spec = |url: &str, accept_invalid_certs| {
        let fields = ConfigFields {
            name: "n".into(),
            slug: "n".into(),
            config_type: "LLM".into(),
            target_base_url: Some(url.into()),
            options: ConfigOptions { accept_invalid_certs, ..ConfigOptions::default() },
            ..ConfigFields::default()
        };
        ConfigSpec::try_from(&fields).unwrap()
    };
    let own = spec("https://a.example/v1", false);
    let digest = VAULT.vouch(ConfigId(7), &own);

    assert!(VAULT.vouches(ConfigId(7), &own, &digest));
    assert!(VAULT.vouches(ConfigId(7), &spec("https://a.example/v2", false), &digest));
    for other in [
        spec("http://a.example/v1", false),
        spec("https://a.example:8443/v1", false),
        spec("https://b.example/v1", false),
        spec("https://a.example/v1", true),
    ] {
        assert!(!VAULT.vouches(ConfigId(7), &other, &digest), "{other:?}");
    }
    assert!(!VAULT.vouches(ConfigId(71), &own, &digest));
    assert!(!VAULT.vouches(ConfigId(7), &own, &digest[..31]) && !VAULT.vouches(ConfigId(7), &own, &[]));
    let mut more = own.clone();
    let url = "https://b.example".parse().unwrap();
    more.more_targets.push(FurtherTarget { url, weight: Weight::ONE, priority: 1 });
    assert!(!VAULT.vouches(ConfigId(7), &more, &digest));
    assert!(VAULT.vouches(ConfigId(7), &more, &VAULT.vouch(ConfigId(7), &more)));
    let (another, _) = Vault::create(&kek(BASE64_KEY)).unwrap();
    assert!(!another.vouches(ConfigId(7), &own, &digest));
}

//! Settings of the enterprise build.

use crate::{
    mysql::{ENCRYPTION_KEY, SECRETS},
    support::Folder,
};

const MYSQL: (&str, &str) = ("DATABASE_URL", "mysql://user:canary@tcp(localhost:3306)/db?parseTime=True");

#[test]
fn secrets_that_instances_share_must_be_set() {
    for (name, _) in &SECRETS {
        let mut variables = vec![MYSQL, ("ENCRYPTION_KEY", ENCRYPTION_KEY)];
        variables.extend(SECRETS.iter().filter(|(other, _)| other != name));
        let folder = Folder::new();
        let ended = folder.run(&["check-config"], &variables);

        assert!(ended.is_refusal_about(name), "{name}: {ended:?}");
        assert!(ended.err.contains("MySQL") && !ended.err.contains("canary"), "{}", ended.err);
        assert!(!folder.path("data").exists());
    }
}

#[test]
fn nobody_is_told_to_unset_a_secret_that_is_not_generated() {
    let mut variables: Vec<_> = SECRETS.iter().filter(|(name, _)| *name != "JWT_SECRET").copied().collect();
    variables.extend([MYSQL, ("ENCRYPTION_KEY", ENCRYPTION_KEY), ("JWT_SECRET", "short")]);
    let ended = Folder::new().run(&["check-config"], &variables);

    assert!(ended.is_refusal_about("JWT_SECRET") && !ended.err.contains("unset"), "{}", ended.err);
}

#[test]
fn a_missing_encryption_key_is_warned_of() {
    let mut variables = SECRETS.to_vec();
    variables.push(MYSQL);
    let ended = Folder::new().run(&["check-config"], &variables);

    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.contains("warning: ENCRYPTION_KEY is not set"), "{}", ended.out);
    assert!(!ended.out.contains("canary"), "{}", ended.out);
}

#[test]
fn a_host_needs_a_user() {
    let mut variables = SECRETS.to_vec();
    variables.push(("DB_HOST", "localhost"));

    assert!(Folder::new().run(&["check-config"], &variables).is_refusal_about("DB_USER"));
    variables.push(("DB_USER", "appdb"));
    assert_eq!(Folder::new().run(&["check-config"], &variables).code, Some(0));
}

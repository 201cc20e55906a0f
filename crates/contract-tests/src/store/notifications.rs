//! Where operators are told of what happens.

use std::collections::BTreeSet;

use rotator_core::{
    notifications::{EventKind, Format, Language, Notifications, Webhook},
    store::Store,
};

use super::samples::change;

/// A webhook with a secret, and one without.
pub(super) fn notifications() -> Notifications {
    let webhook = |id, secret: Option<&str>, format| Webhook {
        id,
        url: format!("https://hooks.example.com/{id}/%22%C3%A9?canary='").parse().unwrap(),
        secret: secret.map(|secret| secret.parse().unwrap()),
        format,
        language: Language::Zh,
        events: BTreeSet::from(EventKind::ALL),
    };
    let webhooks =
        vec![webhook(3, Some("a canary of a secret"), Format::Json), webhook(8, None, Format::Dingtalk)];
    Notifications { low_keys: 7, webhooks, last_id: 9 }
}

pub async fn notifications_read_back_as_they_were_written(store: &dyn Store) {
    assert_eq!(store.notifications().await.unwrap(), Notifications::default());

    store.replace_notifications(&notifications(), &change()).await.unwrap();
    assert_eq!(store.notifications().await.unwrap(), notifications());

    let none = Notifications { webhooks: Vec::new(), ..notifications() };
    store.replace_notifications(&none, &change()).await.unwrap();
    assert_eq!(store.notifications().await.unwrap(), none);
}

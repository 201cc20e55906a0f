//! API keys.

use rotator_core::{
    model::{ConfigId, KeyCounts, KeyId, KeyState, QuotaGroup, Weight},
    store::{ConfigQuery, KeyFilter, KeyPatch, KeyQuery, KeySet, NewKey, Store},
};

use super::samples::{
    add, add_one, assert_not_found, at, change, change_at, disabled, insert, key, keys, page, secret, text,
};

async fn texts(store: &dyn Store, config: ConfigId, query: KeyQuery) -> Vec<String> {
    let page = store.keys(config, &query).await.unwrap();
    assert_eq!(page.total, page.items.len() as u64);
    page.items.iter().map(|key| text(key).to_owned()).collect()
}

fn search(text: &str) -> KeyQuery {
    KeyQuery { search: Some(text.into()), ..KeyQuery::default() }
}

fn state(state: KeyState) -> KeyFilter {
    KeyFilter { state: Some(state), ..KeyFilter::default() }
}

fn in_state(only: KeyState) -> KeyQuery {
    KeyQuery { filter: state(only), ..KeyQuery::default() }
}

fn group(name: &str) -> QuotaGroup {
    name.parse().unwrap()
}

pub async fn keys_read_back_as_they_were_added(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    let note = "'; DROP TABLE api_keys; -- 鍵".to_owned();
    let given = NewKey {
        secret: secret("sk-'\"%\\{}"),
        is_active: false,
        weight: Weight::new(1000).unwrap(),
        quota_group: group("Acme; 鍵"),
        note,
    };

    let id = store.add_keys(config, vec![given.clone()], &change_at(77)).await.unwrap().ids[0];
    let read = store.key(id).await.unwrap().unwrap();

    assert_eq!((read.id, read.config_id, text(&read)), (id, config, given.secret.expose()));
    assert_eq!((read.is_active, read.weight, &read.note), (false, given.weight, &given.note));
    assert_eq!(read.quota_group, given.quota_group);
    assert_eq!((read.success_count, read.failure_count, read.last_used_at), (0, 0, None));
    assert_eq!(read.created_at, change_at(77).at);
}

pub async fn an_unknown_key_is_none(store: &dyn Store) {
    assert!(store.key(KeyId(4711)).await.unwrap().is_none());
}

pub async fn keys_of_an_unknown_config_are_not_found(store: &dyn Store) {
    let unknown = ConfigId(4711);

    assert_not_found(store.keys(unknown, &KeyQuery::default()).await);
    assert_not_found(store.key_ids(unknown, KeyFilter::default()).await);
    assert_not_found(store.add_keys(unknown, keys(1), &change()).await);
    assert_not_found(store.count_known_keys(unknown, vec![secret("sk-a")]).await);
    assert_not_found(store.set_keys_active(unknown, &[KeyId(1)], true, &change()).await);
    assert_not_found(store.delete_keys(unknown, KeyFilter::default(), &change()).await);
}

pub async fn keys_are_listed_in_pages_in_the_order_they_were_added(store: &dyn Store) {
    let (config, other) = (insert(store, "c").await.id, insert(store, "other").await.id);
    let mut added = add(store, config, keys(4)).await.ids;
    add(store, other, keys(3)).await;
    added.push(add_one(store, config, "sk-last").await);

    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let query = KeyQuery { page: page(2, after), ..KeyQuery::default() };
        let piece = store.keys(config, &query).await.unwrap();
        assert!(piece.total == 5 && piece.items.len() <= 2);
        listed.extend(piece.items.iter().map(|key| key.id));
        after = piece.next;
        if after.is_none() {
            break;
        }
    }

    assert_eq!(listed, added);
}

pub async fn keys_are_listed_by_state(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    add(store, config, vec![key("sk-on"), disabled("sk-off"), key("sk-on-too")]).await;

    assert_eq!(texts(store, config, in_state(KeyState::Active)).await, ["sk-on", "sk-on-too"]);
    assert_eq!(texts(store, config, in_state(KeyState::Disabled)).await, ["sk-off"]);
    let first = KeyQuery { page: page(1, None), ..in_state(KeyState::Active) };
    let first = store.keys(config, &first).await.unwrap();
    assert_eq!((first.total, first.items.len(), first.next), (2, 1, Some(first.items[0].id.0)));
}

pub async fn keys_are_found_by_note_or_by_the_whole_key(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    let noted = |text: &str, note: &str| NewKey { note: note.into(), ..key(text) };
    let given = [("sk-alpha", "Team БЛЮ"), ("sk-beta", "50%_off"), ("sk-gamma", "")];
    add(store, config, given.iter().map(|(text, note)| noted(text, note)).collect()).await;

    assert_eq!(texts(store, config, search("team")).await, ["sk-alpha"]);
    assert_eq!(texts(store, config, search("блю")).await, ["sk-alpha"]);
    assert_eq!(texts(store, config, search("%_")).await, ["sk-beta"]);
    assert_eq!(texts(store, config, search("sk-gamma")).await, ["sk-gamma"]);
    assert_eq!(texts(store, config, search(" sk-gamma ")).await, ["sk-gamma"]);
    assert_eq!(texts(store, config, search("sk-")).await, [""; 0]);
    assert_eq!(texts(store, config, search("%")).await, ["sk-beta"]);
}

pub async fn a_key_of_another_config_is_not_found_by_search(store: &dyn Store) {
    let (mine, other) = (insert(store, "mine").await.id, insert(store, "other").await.id);
    add_one(store, other, "sk-theirs").await;

    assert_eq!(texts(store, mine, search("sk-theirs")).await, [""; 0]);
}

pub async fn duplicates_in_a_batch_are_counted(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    let batch = ["sk-1", "sk-2", "sk-1", " sk-2 ", "sk-3", "SK-1"].map(key).to_vec();

    let added = add(store, config, batch).await;

    assert_eq!((added.ids.len(), added.duplicates), (4, 2));
    assert_eq!(texts(store, config, KeyQuery::default()).await, ["sk-1", "sk-2", "sk-3", "SK-1"]);
}

pub async fn keys_already_there_are_counted_as_duplicates(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    add(store, config, vec![disabled("sk-1")]).await;

    let added = add(store, config, vec![key("sk-1"), key("sk-2")]).await;

    assert_eq!((added.ids.len(), added.duplicates), (1, 1));
    assert_eq!(texts(store, config, in_state(KeyState::Disabled)).await, ["sk-1"]);
}

pub async fn keys_already_there_are_counted_before_any_is_added(store: &dyn Store) {
    let (config, other) = (insert(store, "c").await.id, insert(store, "other").await.id);
    add(store, config, vec![key("sk-a"), disabled("sk-b")]).await;
    add_one(store, other, "sk-theirs").await;

    let asked = ["sk-a", "sk-b", "sk-new", "sk-theirs", "sk-a"].map(secret).to_vec();
    assert_eq!(store.count_known_keys(config, asked).await.unwrap(), 3);
    let many = (0..450).map(|n| secret(&format!("sk-{n}"))).chain([secret("sk-b")]).collect();
    assert_eq!(store.count_known_keys(config, many).await.unwrap(), 1);
    assert_eq!(store.count_known_keys(config, Vec::new()).await.unwrap(), 0);
    assert_eq!(store.keys(config, &KeyQuery::default()).await.unwrap().total, 2);
}

pub async fn two_configs_may_have_the_same_key(store: &dyn Store) {
    let (one, two) = (insert(store, "one").await.id, insert(store, "two").await.id);

    assert_eq!(add(store, one, vec![key("sk-1")]).await.duplicates, 0);
    assert_eq!(add(store, two, vec![key("sk-1")]).await.duplicates, 0);
}

pub async fn adding_no_keys_adds_none(store: &dyn Store) {
    let config = insert(store, "c").await.id;

    let added = add(store, config, Vec::new()).await;

    assert!(added.ids.is_empty() && added.duplicates == 0);
}

pub async fn a_patch_changes_only_what_it_names(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    let id = add_one(store, config, "sk-1").await;
    let patch = |patch| async move {
        let key = store.update_key(id, patch, &change()).await.unwrap();
        assert_eq!(text(&key), "sk-1");
        let read = store.key(id).await.unwrap().unwrap();
        assert_eq!((read.is_active, read.weight, &read.note), (key.is_active, key.weight, &key.note));
        (key.is_active, key.weight.get(), key.note)
    };

    assert_eq!(patch(KeyPatch::default()).await, (true, 1, String::new()));
    assert_eq!(
        patch(KeyPatch { weight: Weight::new(5), ..KeyPatch::default() }).await,
        (true, 5, String::new())
    );
    assert_eq!(
        patch(KeyPatch { note: Some("n".into()), ..KeyPatch::default() }).await,
        (true, 5, "n".into())
    );
    let grouped = KeyPatch { quota_group: Some(group("acme")), ..KeyPatch::default() };
    assert_eq!(patch(grouped).await, (true, 5, "n".into()));
    assert_eq!(
        patch(KeyPatch { is_active: Some(false), ..KeyPatch::default() }).await,
        (false, 5, "n".into())
    );
    assert_eq!(store.key(id).await.unwrap().unwrap().quota_group, group("acme"));
    assert_eq!(
        patch(KeyPatch { note: Some(String::new()), ..KeyPatch::default() }).await,
        (false, 5, String::new())
    );
}

pub async fn a_deleted_key_is_gone(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    let id = add_one(store, config, "sk-1").await;

    store.delete_key(id, &change()).await.unwrap();

    assert!(store.key(id).await.unwrap().is_none());
    assert_eq!(texts(store, config, KeyQuery::default()).await, [""; 0]);
    assert_eq!(add(store, config, vec![key("sk-1")]).await.duplicates, 0);
}

pub async fn changing_an_unknown_key_is_not_found(store: &dyn Store) {
    assert_not_found(store.update_key(KeyId(4711), KeyPatch::default(), &change()).await);
    assert_not_found(store.delete_key(KeyId(4711), &change()).await);
}

pub async fn keys_are_deleted_by_state(store: &dyn Store) {
    let (config, other) = (insert(store, "c").await.id, insert(store, "other").await.id);
    add(store, config, vec![key("sk-1"), disabled("sk-2"), key("sk-3"), disabled("sk-4")]).await;
    add(store, other, vec![disabled("sk-2")]).await;

    assert_eq!(store.delete_keys(config, state(KeyState::Disabled), &change()).await.unwrap(), 2);
    assert_eq!(texts(store, config, KeyQuery::default()).await, ["sk-1", "sk-3"]);
    assert_eq!(store.delete_keys(config, KeyFilter::default(), &change()).await.unwrap(), 2);
    assert_eq!(store.delete_keys(config, KeyFilter::default(), &change()).await.unwrap(), 0);
    assert_eq!(texts(store, other, KeyQuery::default()).await, ["sk-2"]);
}

pub async fn a_config_counts_its_keys_by_state(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    insert(store, "empty").await;
    add(store, config, vec![key("sk-1"), key("sk-2"), disabled("sk-3")]).await;

    let counts = KeyCounts { active: 2, disabled: 1 };

    assert_eq!(store.config(config).await.unwrap().unwrap().keys, counts);
    let listed = store.configs(&ConfigQuery::default()).await.unwrap().items;
    assert_eq!(listed.iter().map(|item| item.keys).collect::<Vec<_>>(), [KeyCounts::default(), counts]);
}

pub async fn keys_are_listed_and_deleted_by_set(store: &dyn Store) {
    let (config, other) = (insert(store, "c").await.id, insert(store, "d").await.id);
    let (one, two) = (add_one(store, config, "sk-1").await, add_one(store, config, "sk-2").await);
    let (three, foreign) = (add_one(store, config, "sk-3").await, add_one(store, other, "sk-1").await);
    let of = |state, set| KeyFilter { state, set: Some(set), ..KeyFilter::default() };
    let within = |set| KeyQuery { filter: of(None, set), ..KeyQuery::default() };

    for (set, expected) in [
        (KeySet::Among(vec![three, one, foreign, KeyId(999)]), &["sk-1", "sk-3"][..]),
        (KeySet::Among(vec![]), &[]),
        (KeySet::Except(vec![one, foreign]), &["sk-2", "sk-3"]),
        (KeySet::Except(vec![]), &["sk-1", "sk-2", "sk-3"]),
    ] {
        assert_eq!(texts(store, config, within(set.clone())).await, expected, "{set:?}");
        assert_eq!(store.keys(config, &within(set)).await.unwrap().total, expected.len() as u64);
    }
    let among = KeySet::Among(vec![one, two, foreign]);
    let among = of(Some(KeyState::Active), among);
    assert_eq!(store.delete_keys(config, among, &change()).await.unwrap(), 2);
    let but_three = KeySet::Except(vec![three]);
    assert_eq!(store.delete_keys(config, of(None, but_three), &change()).await.unwrap(), 0);
    assert_eq!(texts(store, config, KeyQuery::default()).await, ["sk-3"]);
    assert_eq!(texts(store, other, KeyQuery::default()).await, ["sk-1"]);
}

pub async fn ids_are_listed_by_state_and_set(store: &dyn Store) {
    let (config, other) = (insert(store, "c").await.id, insert(store, "d").await.id);
    let ids = add(store, config, vec![key("sk-1"), disabled("sk-2"), key("sk-3"), key("sk-4")]).await.ids;
    let foreign = add_one(store, other, "sk-1").await;
    let (one, two, three, four) = (ids[0], ids[1], ids[2], ids[3]);

    for (state, set, expected) in [
        (None, None, vec![one, two, three, four]),
        (Some(KeyState::Active), None, vec![one, three, four]),
        (Some(KeyState::Disabled), None, vec![two]),
        (None, Some(KeySet::Among(vec![four, foreign, two, KeyId(999)])), vec![two, four]),
        (Some(KeyState::Active), Some(KeySet::Except(vec![one])), vec![three, four]),
        (None, Some(KeySet::Among(vec![])), vec![]),
    ] {
        let filter = KeyFilter { state, set, ..KeyFilter::default() };
        let listed = store.key_ids(config, filter.clone()).await.unwrap();
        assert_eq!(listed, expected, "{filter:?}");
    }
}

pub async fn keys_are_listed_and_deleted_by_quota_group(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    let of = |text: &str, name: &str| NewKey { quota_group: group(name), ..key(text) };
    let given = vec![of("sk-1", "acme"), of("sk-2", "Acme"), of("sk-3", "acme"), key("sk-4")];
    let ids = add(store, config, given).await.ids;
    let in_group = |name| KeyFilter { quota_group: Some(group(name)), ..KeyFilter::default() };

    for (name, expected) in
        [("acme", &["sk-1", "sk-3"][..]), ("Acme", &["sk-2"]), ("", &["sk-4"]), ("%", &[])]
    {
        let query = KeyQuery { filter: in_group(name), ..KeyQuery::default() };
        assert_eq!(texts(store, config, query).await, expected, "{name}");
    }
    let leave = KeyPatch { quota_group: Some(QuotaGroup::default()), ..KeyPatch::default() };
    store.update_key(ids[0], leave, &change()).await.unwrap();
    assert_eq!(store.key_ids(config, in_group("acme")).await.unwrap(), ids[2..3]);
    assert_eq!(store.delete_keys(config, in_group("acme"), &change()).await.unwrap(), 1);
    assert_eq!(texts(store, config, KeyQuery::default()).await, ["sk-1", "sk-2", "sk-4"]);
}

pub async fn keys_that_are_put_back_are_on_and_it_is_known_since_when(store: &dyn Store) {
    let (config, other) = (insert(store, "c").await.id, insert(store, "d").await.id);
    let ids = add(store, config, vec![key("sk-1"), disabled("sk-2"), key("sk-3")]).await.ids;
    let foreign = add_one(store, other, "sk-1").await;

    let back = store.reset_keys(config, &[ids[1], foreign, ids[0]], &change_at(7)).await.unwrap();
    store.set_keys_active(config, &ids, true, &change_at(8)).await.unwrap();

    assert_eq!(back, ids[..2]);
    let sources = store.route_sources().await.unwrap();
    let keys = sources.iter().flat_map(|source| &source.keys);
    let mut resets: Vec<_> = keys.map(|key| (key.id, key.is_active, key.reset_at)).collect();
    resets.sort_unstable();
    let seventh = Some(at(7));
    let expected =
        [(ids[0], true, seventh), (ids[1], true, seventh), (ids[2], true, None), (foreign, true, None)];
    assert_eq!(resets, expected);
}

pub async fn keys_are_switched_on_and_off_together(store: &dyn Store) {
    let (config, other) = (insert(store, "c").await.id, insert(store, "d").await.id);
    let ids = add(store, config, vec![key("sk-1"), disabled("sk-2"), key("sk-3")]).await.ids;
    let foreign = add_one(store, other, "sk-1").await;
    let wanted = [ids[1], foreign, ids[0], KeyId(999)];

    let off = store.set_keys_active(config, &wanted, false, &change()).await.unwrap();
    assert_eq!(off, ids[..2], "those that are there, whether they were on or off");
    assert_eq!(store.key_ids(config, state(KeyState::Active)).await.unwrap(), ids[2..]);
    assert_eq!(texts(store, other, in_state(KeyState::Active)).await, ["sk-1"]);

    store.set_keys_active(config, &wanted, true, &change()).await.unwrap();
    assert_eq!(store.key_ids(config, state(KeyState::Active)).await.unwrap(), ids);
    assert_eq!(store.set_keys_active(config, &[], false, &change()).await.unwrap(), []);
}

//! Proxy configs.

use rotator_core::{
    model::{ConfigFields, ConfigId, ConfigType},
    store::{ConfigQuery, Store},
};

use super::samples::{
    add, assert_not_found, assert_slug_conflict, change, change_at, fields, insert, keys, llm, page, spec,
    spec_of,
};

/// Strings that mean something to SQL, to `LIKE`, to a shell or to a terminal.
const HOSTILE: [&str; 6] = [
    "'; DROP TABLE proxy_configs; --",
    "\" OR 1=1 --",
    "100%_\\",
    "日本語 Ключ ñ 🗝",
    "${HOME} `id` $(id)",
    "null",
];

/// All slugs of a list.
async fn slugs(store: &dyn Store, query: ConfigQuery) -> Vec<String> {
    let page = store.configs(&query).await.unwrap();
    assert_eq!(page.total, page.items.len() as u64);
    page.items.iter().map(|item| item.config.spec.slug.to_string()).collect()
}

async fn found(store: &dyn Store, search: &str) -> Vec<String> {
    slugs(store, ConfigQuery { search: Some(search.into()), ..ConfigQuery::default() }).await
}

pub async fn a_config_reads_back_as_it_was_written(store: &dyn Store) {
    let mut everything = fields("a.b_c-9");
    everything.api_key_location = Some("query".into());
    everything.api_key_name = Some("appid".into());
    everything.api_key_template = Some("key-{key}".into());
    everything.method = Some("GET".into());
    everything.strategy = Some("weighted".into());
    everything.options.max_attempts = Some(3);
    everything.options.idle_timeout_ms = Some(1500);
    everything.options.set_headers.insert("x-team".into(), "a \"b\"".into());
    everything.options.remove_headers.push("x-internal".into());
    everything.options.allow_encoded_slashes = true;
    everything.options.hedge = true;

    for spec in [spec_of(&everything), llm("claude"), spec("plain")] {
        let written = store.insert_config(spec.clone(), &change()).await.unwrap();
        let read = store.config(written.id).await.unwrap().unwrap();

        assert_eq!(written.spec, spec);
        assert_eq!((written.created_at, written.updated_at), (change().at, change().at));
        assert_eq!(read.config, written);
    }
}

pub async fn an_unknown_config_is_none(store: &dyn Store) {
    assert!(store.config(ConfigId(4711)).await.unwrap().is_none());
    assert!(store.config(ConfigId(-1)).await.unwrap().is_none());
}

pub async fn configs_are_listed_newest_first_in_pages(store: &dyn Store) {
    for slug in ["a", "b", "c", "d", "e"] {
        insert(store, slug).await;
    }

    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let listed =
            store.configs(&ConfigQuery { page: page(2, after), ..ConfigQuery::default() }).await.unwrap();
        assert_eq!(listed.total, 5);
        seen.push(listed.items.iter().map(|item| item.config.spec.slug.to_string()).collect::<String>());
        after = listed.next;
        if after.is_none() {
            break;
        }
    }

    assert_eq!(seen, ["ed", "cb", "a"]);
}

pub async fn the_ids_of_all_configs_are_listed(store: &dyn Store) {
    assert_eq!(store.config_ids().await.unwrap(), []);
    let (a, b, c) = (insert(store, "a").await.id, insert(store, "b").await.id, insert(store, "c").await.id);
    store.set_config_active(a, false, &change()).await.unwrap();
    store.delete_config(b, &change()).await.unwrap();

    assert_eq!(store.config_ids().await.unwrap(), [a, c]);
}

pub async fn configs_are_found_by_part_of_name_or_slug_in_either_case(store: &dyn Store) {
    for (slug, name) in [("open-ai", "First"), ("weather", "Über ОБЛАКО"), ("third", "The OpenAI-like one")]
    {
        let spec = spec_of(&ConfigFields { name: name.into(), ..fields(slug) });
        store.insert_config(spec, &change()).await.unwrap();
    }

    assert_eq!(found(store, "OPENAI").await, ["third"]);
    assert_eq!(found(store, "Open").await, ["third", "open-ai"]);
    assert_eq!(found(store, "über").await, ["weather"]);
    assert_eq!(found(store, "облако").await, ["weather"]);
    assert_eq!(found(store, "nothing").await, [""; 0]);
}

pub async fn config_search_takes_wildcards_and_quotes_as_text(store: &dyn Store) {
    for (slug, name) in
        [("one", "100% of it"), ("two", "snake_case"), ("three", "back\\slash"), ("four", "it's")]
    {
        let spec = spec_of(&ConfigFields { name: name.into(), ..fields(slug) });
        store.insert_config(spec, &change()).await.unwrap();
    }

    assert_eq!(found(store, "%").await, ["one"]);
    assert_eq!(found(store, "_").await, ["two"]);
    assert_eq!(found(store, "\\").await, ["three"]);
    assert_eq!(found(store, "'").await, ["four"]);
    assert_eq!(found(store, "' OR '1'='1").await, [""; 0]);
    assert_eq!(found(store, "").await.len(), 4);
}

pub async fn configs_are_listed_by_type(store: &dyn Store) {
    insert(store, "generic").await;
    store.insert_config(llm("llama"), &change()).await.unwrap();
    let of = |config_type| ConfigQuery { config_type: Some(config_type), ..ConfigQuery::default() };

    assert_eq!(slugs(store, of(ConfigType::Generic)).await, ["generic"]);
    assert_eq!(slugs(store, of(ConfigType::Llm)).await, ["llama"]);
}

pub async fn a_taken_slug_is_a_conflict(store: &dyn Store) {
    insert(store, "taken").await;
    let other = insert(store, "other").await;

    assert_slug_conflict(store.insert_config(spec("taken"), &change()).await);
    assert_slug_conflict(store.replace_config(other.id, spec("taken"), &change()).await);

    assert_eq!(store.config(other.id).await.unwrap().unwrap().config, other);
    assert_eq!(slugs(store, ConfigQuery::default()).await, ["other", "taken"]);
}

pub async fn replacing_a_config_changes_all_but_its_id_and_birth(store: &dyn Store) {
    let before = insert(store, "before").await;

    let after = store.replace_config(before.id, llm("after"), &change_at(5000)).await.unwrap();

    assert_eq!((after.id, after.created_at), (before.id, before.created_at));
    assert_eq!((&after.spec, after.updated_at), (&llm("after"), change_at(5000).at));
    assert_eq!(store.config(before.id).await.unwrap().unwrap().config, after);
}

pub async fn replacing_a_config_with_its_own_slug_is_no_conflict(store: &dyn Store) {
    let config = insert(store, "same").await;

    store.replace_config(config.id, llm("same"), &change()).await.unwrap();
}

pub async fn a_config_is_switched_on_and_off(store: &dyn Store) {
    let id = insert(store, "switched").await.id;

    for (active, at) in [(false, 1), (false, 2), (true, 3)] {
        store.set_config_active(id, active, &change_at(at)).await.unwrap();

        let read = store.config(id).await.unwrap().unwrap().config;
        assert_eq!((read.spec.is_active, read.updated_at), (active, change_at(at).at));
    }
}

pub async fn changing_an_unknown_config_is_not_found(store: &dyn Store) {
    let gone = insert(store, "gone").await.id;
    store.delete_config(gone, &change()).await.unwrap();

    for id in [gone, ConfigId(4711)] {
        assert_not_found(store.replace_config(id, spec("x"), &change()).await);
        assert_not_found(store.set_config_active(id, true, &change()).await);
        assert_not_found(store.delete_config(id, &change()).await);
    }
}

pub async fn deleting_a_config_deletes_its_keys(store: &dyn Store) {
    let (gone, kept) = (insert(store, "gone").await.id, insert(store, "kept").await.id);
    let gone_keys = add(store, gone, keys(3)).await.ids;
    let kept_keys = add(store, kept, keys(3)).await.ids;

    store.delete_config(gone, &change()).await.unwrap();

    assert!(store.config(gone).await.unwrap().is_none());
    for id in gone_keys {
        assert!(store.key(id).await.unwrap().is_none());
    }
    for id in kept_keys {
        assert!(store.key(id).await.unwrap().is_some());
    }
}

pub async fn ids_are_never_used_twice(store: &dyn Store) {
    let first = insert(store, "first").await.id;
    let first_keys = add(store, first, keys(2)).await.ids;
    store.delete_config(first, &change()).await.unwrap();

    let second = insert(store, "second").await.id;
    let second_keys = add(store, second, keys(2)).await.ids;

    assert!(second > first);
    assert!(second_keys.iter().min() > first_keys.iter().max());
}

pub async fn every_field_takes_any_text(store: &dyn Store) {
    for (n, hostile) in HOSTILE.iter().enumerate() {
        let mut fields = ConfigFields { name: (*hostile).into(), ..fields(&format!("slug-{n}")) };
        fields.api_key_location = Some("query".into());
        fields.api_key_name = Some((*hostile).into());
        let spec = spec_of(&fields);

        let written = store.insert_config(spec.clone(), &change()).await.unwrap();

        assert_eq!(store.config(written.id).await.unwrap().unwrap().config.spec, spec);
        assert_eq!(found(store, hostile).await, [format!("slug-{n}")]);
    }
}

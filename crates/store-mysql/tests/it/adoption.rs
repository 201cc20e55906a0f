//! Databases of the old project.

use contract_tests::fixtures::{add, insert, text};
use rotator_core::{
    model::{ConfigId, KeyId, ProxyConfig},
    store::{Adoption, ConfigQuery, Found, Store},
};
use store_mysql::{MySqlStore, OpenOptions};

use crate::support::{Scratch, open_with};

/// The tables as GORM makes them.
const SCHEMA: &str = "
    CREATE TABLE `proxy_configs` (`id` bigint unsigned AUTO_INCREMENT, `name` longtext NOT NULL,
        `slug` varchar(191) NOT NULL, `config_type` varchar(191) NOT NULL, `api_key_location` longtext,
        `api_key_name` longtext, `is_active` tinyint(1) DEFAULT true, `created_at` datetime(3) NULL,
        `updated_at` datetime(3) NULL, `method` longtext, `target_url` longtext, `target_base_url` longtext,
        `api_format` varchar(191) DEFAULT 'openai_compatible', `output_format` varchar(191) DEFAULT 'none',
        PRIMARY KEY (`id`), UNIQUE INDEX `idx_proxy_configs_slug` (`slug`),
        INDEX `idx_proxy_configs_config_type` (`config_type`)) DEFAULT CHARSET = utf8mb4;
    CREATE TABLE `api_keys` (`id` bigint unsigned AUTO_INCREMENT, `key_value` longtext NOT NULL,
        `is_active` tinyint(1) DEFAULT true, `proxy_config_id` bigint unsigned, PRIMARY KEY (`id`),
        CONSTRAINT `fk_proxy_configs_api_keys` FOREIGN KEY (`proxy_config_id`) REFERENCES `proxy_configs` (`id`)
        ON DELETE CASCADE) DEFAULT CHARSET = utf8mb4;";

/// Two services as the old project's panel writes them.
const ROWS: &str = "
    INSERT INTO proxy_configs VALUES
        (3, 'Weather 天气', 'weather', 'generic', 'query', 'appid', 1, '2024-05-01 12:00:00.123', '2024-06-01 00:00:00',
         'GET', 'https://api.weather.example/data/2.5', NULL, NULL, NULL),
        (5, 'Claude', 'claude', 'LLM', 'header', 'Authorization', 0, NULL, NULL,
         NULL, NULL, 'https://api.anthropic.com', 'anthropic_native', 'openai');
    INSERT INTO api_keys VALUES
        (10, 'sk-plain-weather-1', 1, 3), (11, 'sk-plain-weather-2', 0, 3),
        (12, 'sk-plain-claude-1', 1, 5), (13, 'sk-plain-weather-1', 0, 3);";

pub(crate) async fn old_database(rows: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.execute(&format!("{SCHEMA}{rows}")).await;
    scratch
}

async fn adopt(scratch: &Scratch) -> (MySqlStore, Adoption) {
    let (store, report) = open_with(scratch.options()).await.unwrap();
    let Found::OldProject(adoption) = report.found else { panic!("{report:?}") };
    (store, adoption)
}

async fn config(store: &MySqlStore, id: i64) -> ProxyConfig {
    store.config(ConfigId(id)).await.unwrap().unwrap().config
}

async fn tables_left(scratch: &Scratch) -> Option<String> {
    let sql = "SELECT count(*) FROM information_schema.tables WHERE table_schema = database() AND table_name LIKE 'old%'";
    scratch.value(sql).await
}

#[tokio::test]
async fn every_config_and_key_is_there_under_its_old_id() {
    let scratch = old_database(ROWS).await;

    let (store, adoption) = adopt(&scratch).await;

    let counts = (adoption.configs, adoption.keys, adoption.duplicates);
    assert_eq!((counts, &adoption.notes[..]), ((2, 3, 1), &[][..]));
    let weather = config(&store, 3).await;
    assert_eq!((weather.spec.name.as_str(), weather.spec.is_active), ("Weather 天气", true));
    assert_eq!(weather.spec.target.url().as_str(), "https://api.weather.example/data/2.5");
    assert_eq!(weather.created_at.to_string(), "2024-05-01T12:00:00.123Z");
    assert_eq!(weather.updated_at.to_string(), "2024-06-01T00:00:00Z");
    assert!(!config(&store, 5).await.spec.is_active);
    assert_eq!(text(&store, KeyId(10)).await.as_deref(), Some("sk-plain-weather-1"));
    assert_eq!(text(&store, KeyId(12)).await.as_deref(), Some("sk-plain-claude-1"));
    assert!(!store.key(KeyId(11)).await.unwrap().unwrap().is_active);
    assert!(store.key(KeyId(13)).await.unwrap().is_none());
    assert_eq!(tables_left(&scratch).await.as_deref(), Some("0"), "where the keys were plain");
}

#[tokio::test]
async fn the_second_start_changes_nothing() {
    let scratch = old_database(ROWS).await;
    adopt(&scratch).await.0.close().await;

    let (store, report) = open_with(scratch.options()).await.unwrap();

    assert_eq!(report.found, Found::Current);
    assert_eq!(store.configs(&ConfigQuery::default()).await.unwrap().total, 2);
    assert_eq!(text(&store, KeyId(10)).await.as_deref(), Some("sk-plain-weather-1"));
}

#[tokio::test]
async fn ids_go_on_where_the_old_project_stopped() {
    let rows = "INSERT INTO api_keys VALUES (900, 'sk-gone', 1, 3); DELETE FROM api_keys WHERE id = 900;
                INSERT INTO proxy_configs (id, name, slug, config_type) VALUES (90, 'x', 'x', 'llm');
                DELETE FROM proxy_configs WHERE id = 90;";
    let scratch = old_database(&format!("{ROWS}{rows}")).await;

    let (store, _) = adopt(&scratch).await;

    let config = insert(&store, "new").await;
    assert_eq!(config, ConfigId(91));
    assert_eq!(add(&store, config, &["sk-new"]).await, [KeyId(901)]);
}

#[tokio::test]
async fn keys_without_a_config_are_kept_apart_and_out_of_rotation() {
    let scratch =
        old_database(&format!("{ROWS}INSERT INTO api_keys VALUES (20, 'sk-nowhere', 1, NULL)")).await;

    let (store, adoption) = adopt(&scratch).await;

    let orphan = store.key(KeyId(20)).await.unwrap().unwrap();
    assert_eq!((orphan.config_id, orphan.is_active), (ConfigId(6), false));
    assert_eq!(config(&store, 6).await.spec.slug.as_str(), "recovered-keys");
    assert!(adoption.notes[0].contains("key 20 belonged to no config"), "{:?}", adoption.notes);
}

#[tokio::test]
async fn a_start_that_was_killed_after_the_old_tables_were_set_aside_is_made_up_for() {
    let scratch = old_database(ROWS).await;
    scratch.execute("RENAME TABLE proxy_configs TO old_proxy_configs, api_keys TO old_api_keys").await;

    let (store, adoption) = adopt(&scratch).await;

    assert_eq!((adoption.configs, adoption.keys), (2, 3));
    assert_eq!(text(&store, KeyId(10)).await.as_deref(), Some("sk-plain-weather-1"));
    assert_eq!(tables_left(&scratch).await.as_deref(), Some("0"));
}

#[tokio::test]
async fn a_start_that_was_killed_before_the_old_tables_were_dropped_is_made_up_for() {
    let scratch = old_database(ROWS).await;
    adopt(&scratch).await.0.close().await;
    scratch
        .execute(
            "INSERT INTO settings VALUES ('adopted', '1'); CREATE TABLE old_proxy_configs (id bigint);
             CREATE TABLE old_api_keys (id bigint, key_value longtext); INSERT INTO old_api_keys VALUES (1, 'sk-plain')",
        )
        .await;

    let (store, report) = open_with(scratch.options()).await.unwrap();

    assert_eq!(report.found, Found::Current);
    assert_eq!(text(&store, KeyId(10)).await.as_deref(), Some("sk-plain-weather-1"));
    assert_eq!(tables_left(&scratch).await.as_deref(), Some("0"));
    assert_eq!(scratch.value("SELECT name FROM settings WHERE name = 'adopted'").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_starts_at_once_one_adopts() {
    let scratch = old_database(ROWS).await;
    let starts: Vec<_> = (0..6).map(|_| tokio::spawn(open_with(scratch.options()))).collect();

    let mut adopted = 0;
    for start in starts {
        let (_, report) = start.await.unwrap().unwrap();
        adopted += usize::from(matches!(report.found, Found::OldProject(_)));
    }

    assert_eq!(adopted, 1);
}

#[tokio::test]
async fn an_old_database_may_be_reset_instead() {
    let scratch = old_database(ROWS).await;

    let (store, report) = open_with(OpenOptions { reset_tables: true, ..scratch.options() }).await.unwrap();

    assert_eq!(report.found, Found::Nothing);
    assert_eq!(store.configs(&ConfigQuery::default()).await.unwrap().total, 0);
    assert_eq!(tables_left(&scratch).await.as_deref(), Some("0"));
}

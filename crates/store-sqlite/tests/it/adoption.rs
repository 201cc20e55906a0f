//! Databases of the old project.

use contract_tests::fixtures::{add, insert, text};
use std::path::Path;

use rotator_core::{
    model::{ApiFormat, ConfigId, ConfigType, KeyId, OutputFormat, ProxyConfig, Target},
    store::{Adoption, ConfigQuery, Found, KeyQuery, Store},
};
use store_sqlite::{OpenOptions, SqliteStore};

use crate::support::{connect, files_with, folder, open, open_with, options};

/// The tables as GORM makes them.
const SCHEMA: &str = "
    CREATE TABLE `proxy_configs` (`id` integer PRIMARY KEY AUTOINCREMENT, `name` text NOT NULL, `slug` text NOT NULL,
        `config_type` text NOT NULL, `api_key_location` text, `api_key_name` text, `is_active` numeric DEFAULT true,
        `created_at` datetime, `updated_at` datetime, `method` text, `target_url` text, `target_base_url` text,
        `api_format` text DEFAULT 'openai_compatible', `output_format` text DEFAULT 'none');
    CREATE UNIQUE INDEX `idx_proxy_configs_slug` ON `proxy_configs`(`slug`);
    CREATE INDEX `idx_proxy_configs_config_type` ON `proxy_configs`(`config_type`);
    CREATE TABLE `api_keys` (`id` integer PRIMARY KEY AUTOINCREMENT, `key_value` text NOT NULL,
        `is_active` numeric DEFAULT true, `proxy_config_id` integer, CONSTRAINT `fk_proxy_configs_api_keys`
        FOREIGN KEY (`proxy_config_id`) REFERENCES `proxy_configs`(`id`) ON DELETE CASCADE);";

/// Two services as the old project's panel writes them.
const ROWS: &str = "
    INSERT INTO proxy_configs VALUES
        (3, 'Weather', 'weather', 'generic', 'query', 'appid', 1, '2024-05-01 12:00:00.123456+08:00',
         '2024-06-01 00:00:00Z', 'GET', 'https://api.weather.example/data/2.5', NULL, NULL, NULL),
        (5, 'Claude', 'claude', 'LLM', 'header', 'Authorization', 0, '2024-05-01 12:00:00', NULL,
         NULL, NULL, 'https://api.anthropic.com', 'anthropic_native', 'openai');
    INSERT INTO api_keys VALUES
        (10, 'sk-plain-weather-1', 1, 3), (11, 'sk-plain-weather-2', 0, 3),
        (12, 'sk-plain-claude-1', 1, 5), (13, 'sk-plain-weather-1', 0, 3);";

/// Writes an old database with these rows.
pub(crate) fn old_database(folder: &Path, rows: &str) {
    let conn = connect(folder);
    conn.execute_batch("PRAGMA foreign_keys = off").unwrap();
    conn.execute_batch(SCHEMA).unwrap();
    conn.execute_batch(rows).unwrap();
}

async fn adopt_with(options: OpenOptions) -> (SqliteStore, Adoption) {
    let (store, report) = open_with(options).await.unwrap();
    let Found::OldProject(adoption) = report.found else { panic!("{report:?}") };
    (store, adoption)
}

async fn adopt(folder: &Path, rows: &str) -> (SqliteStore, Adoption) {
    old_database(folder, rows);
    adopt_with(options(folder)).await
}

async fn config(store: &SqliteStore, id: i64) -> ProxyConfig {
    store.config(ConfigId(id)).await.unwrap().unwrap().config
}

#[tokio::test]
async fn every_config_and_key_is_there_under_its_old_id() {
    let folder = folder();

    let (store, adoption) = adopt(folder.path(), ROWS).await;

    let counts = (adoption.configs, adoption.keys, adoption.duplicates);
    assert_eq!((counts, &adoption.notes[..]), ((2, 3, 1), &[][..]));
    let weather = config(&store, 3).await;
    assert_eq!((weather.spec.slug.as_str(), weather.spec.is_active), ("weather", true));
    assert_eq!(weather.spec.target.url().as_str(), "https://api.weather.example/data/2.5");
    assert_eq!(weather.created_at.to_string(), "2024-05-01T04:00:00.123Z");
    assert_eq!(weather.updated_at.to_string(), "2024-06-01T00:00:00Z");
    assert_eq!(text(&store, KeyId(10)).await.as_deref(), Some("sk-plain-weather-1"));
    assert_eq!(text(&store, KeyId(12)).await.as_deref(), Some("sk-plain-claude-1"));
    assert!(!store.key(KeyId(11)).await.unwrap().unwrap().is_active);
    assert!(store.key(KeyId(13)).await.unwrap().is_none());
}

#[tokio::test]
async fn an_llm_config_puts_its_key_where_its_format_says() {
    let folder = folder();

    let (store, _) = adopt(folder.path(), ROWS).await;

    let claude = config(&store, 5).await;
    assert_eq!(claude.spec.target.config_type(), ConfigType::Llm);
    assert!(!claude.spec.is_active);
    match claude.spec.target {
        Target::Llm { api_format, output_format, credential, .. } => {
            assert_eq!((api_format, output_format), (ApiFormat::AnthropicNative, OutputFormat::OpenAi));
            assert_eq!(credential, None);
        }
        Target::Generic { .. } => panic!("{claude:?}"),
    }
}

#[tokio::test]
async fn no_file_holds_a_plain_key_afterwards() {
    let folder = folder();
    old_database(folder.path(), ROWS);
    // Deleted rows leave their text in free space.
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                INSERT INTO api_keys (key_value, is_active, proxy_config_id) SELECT 'sk-plain-' || i, 1, 3 FROM n;
                DELETE FROM api_keys WHERE id % 2 = 0;";
    connect(folder.path()).execute_batch(many).unwrap();
    assert_eq!(files_with(folder.path(), "sk-plain-"), ["rotator.db"]);

    let (store, _) = adopt_with(options(folder.path())).await;

    assert_eq!(files_with(folder.path(), "sk-plain-"), [""; 0]);
    store.close().await;
    assert_eq!(files_with(folder.path(), "sk-plain-"), [""; 0]);
}

#[tokio::test]
async fn an_old_database_in_wal_mode_leaves_no_plain_key_either() {
    let folder = folder();
    let old = connect(folder.path());
    old.execute_batch("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;").unwrap();
    old_database(folder.path(), ROWS);
    assert!(!files_with(folder.path(), "sk-plain-").is_empty());
    drop(old);

    let (_store, _) = adopt_with(options(folder.path())).await;

    assert_eq!(files_with(folder.path(), "sk-plain-"), [""; 0]);
}

#[tokio::test]
async fn the_second_start_changes_nothing() {
    let folder = folder();
    adopt(folder.path(), ROWS).await.0.close().await;

    let (store, report) = open_with(options(folder.path())).await.unwrap();

    assert_eq!(report.found, Found::Current);
    assert_eq!(store.configs(&ConfigQuery::default()).await.unwrap().total, 2);
    assert_eq!(text(&store, KeyId(10)).await.as_deref(), Some("sk-plain-weather-1"));
}

#[tokio::test]
async fn a_duplicate_is_in_rotation_if_any_of_its_rows_was() {
    let folder = folder();
    let rows = "INSERT INTO api_keys VALUES (20, 'sk-1', 0, 3), (21, ' sk-1', 1, 3), (22, 'sk-1', 0, 3)";

    let (store, adoption) = adopt(folder.path(), &format!("{ROWS}{rows}")).await;

    assert_eq!(adoption.duplicates, 3);
    assert!(store.key(KeyId(20)).await.unwrap().unwrap().is_active);
}

#[tokio::test]
async fn a_key_that_no_header_may_carry_is_kept_out_of_rotation() {
    let folder = folder();
    let rows = "INSERT INTO api_keys VALUES
        (20, 'sk-' || char(10) || 'broken', 1, 3), (21, 'ключ-canary', 1, 3), (22, 'sk-tail' || char(10), 1, 3),
        (23, '', 1, 3)";

    let (store, adoption) = adopt(folder.path(), &format!("{ROWS}{rows}")).await;

    let broken = store.key(KeyId(20)).await.unwrap().unwrap();
    assert_eq!((broken.is_active, text(&store, broken.id).await.as_deref()), (false, Some("sk-\\nbroken")));
    assert!(broken.note.contains("line break"), "{}", broken.note);
    assert!(!store.key(KeyId(21)).await.unwrap().unwrap().is_active);
    let tail = store.key(KeyId(22)).await.unwrap().unwrap();
    assert_eq!((tail.is_active, text(&store, tail.id).await.as_deref()), (true, Some("sk-tail")));
    assert_eq!(adoption.notes.len(), 3, "{:?}", adoption.notes);
    assert!(adoption.notes.iter().all(|note| !note.contains("canary") && !note.contains("sk-")));
    assert_eq!(files_with(folder.path(), "canary"), [""; 0]);
}

#[tokio::test]
async fn keys_whose_config_is_gone_are_kept_apart_and_out_of_rotation() {
    let folder = folder();
    let rows = "INSERT INTO api_keys VALUES (20, 'sk-orphan', 1, 4), (21, 'sk-nowhere', 1, NULL)";

    let (store, adoption) = adopt(folder.path(), &format!("{ROWS}{rows}")).await;

    let orphan = store.key(KeyId(20)).await.unwrap().unwrap();
    let apart = config(&store, orphan.config_id.0).await;
    assert!(orphan.config_id > ConfigId(5) && !orphan.is_active && !apart.spec.is_active);
    assert_eq!(apart.spec.slug.as_str(), "recovered-keys");
    assert_eq!(store.keys(apart.id, &KeyQuery::default()).await.unwrap().total, 2);
    assert_eq!(adoption.configs, 2);
    assert!(adoption.notes[0].contains("key 20 belonged to config 4"), "{:?}", adoption.notes);
}

#[tokio::test]
async fn a_slug_that_is_not_allowed_today_is_changed_and_the_change_told() {
    let folder = folder();
    let rows = "
        INSERT INTO proxy_configs (id, name, slug, config_type, is_active, target_base_url) VALUES
            (6, 'One', 'Open AI', 'llm', 1, 'https://a.example'), (7, 'Two', 'open-ai', 'llm', 1, 'https://b.example'),
            (8, 'Three', 'api', 'llm', 1, 'https://c.example'), (9, 'Four', '日本', 'llm', 1, 'https://d.example');";

    let (store, adoption) = adopt(folder.path(), rows).await;

    let mut slugs = Vec::new();
    for id in 6..10 {
        let config = config(&store, id).await;
        assert!(config.spec.is_active);
        slugs.push(config.spec.slug.to_string());
    }
    assert_eq!(slugs, ["open-ai-2", "open-ai", "api-2", "config-9"]);
    assert_eq!(adoption.notes.len(), 3);
    assert!(adoption.notes[0].contains("open-ai-2") && adoption.notes[0].contains("\"Open AI\""));
}

#[tokio::test]
async fn a_config_that_makes_no_sense_is_kept_switched_off_with_what_does() {
    let folder = folder();
    let rows = "
        INSERT INTO proxy_configs (id, name, slug, config_type, api_key_location, api_key_name, is_active, method,
                                   target_url, target_base_url, api_format) VALUES
            (6, 'No scheme', 'a', 'generic', 'query', 'k', 1, 'POST', 'api.example.com', NULL, NULL),
            (7, 'No place', 'b', 'GENERIC', 'body', '', 1, NULL, 'https://b.example', NULL, NULL),
            (8, 'No format', 'c', 'llm', '', '', 1, NULL, NULL, 'https://c.example', 'cohere'),
            (9, '', 'd', 'what', '', '', 1, NULL, NULL, NULL, NULL);
        INSERT INTO api_keys VALUES (20, 'sk-1', 1, 6);";

    let (store, adoption) = adopt(folder.path(), rows).await;

    assert_eq!((adoption.configs, adoption.notes.len()), (4, 4));
    for id in 6..10 {
        assert!(!config(&store, id).await.spec.is_active);
    }
    assert_eq!(config(&store, 6).await.spec.name, "No scheme");
    assert_eq!(config(&store, 7).await.spec.target.url().as_str(), "https://b.example");
    assert_eq!(config(&store, 8).await.spec.target.url().as_str(), "https://c.example");
    assert_eq!(text(&store, KeyId(20)).await.as_deref(), Some("sk-1"));
    assert!(
        adoption.notes[0].contains("target_url must begin with http:// or https://"),
        "{:?}",
        adoption.notes
    );
    let former =
        store.audit_entries(100).await.unwrap().into_iter().find(|entry| entry.object_id == Some(6)).unwrap();
    assert!(
        former.action == "config.adopt" && former.detail.to_string().contains("api.example.com"),
        "{former:?}"
    );
}

#[tokio::test]
async fn ids_go_on_where_the_old_project_stopped() {
    let folder = folder();
    let rows = "INSERT INTO api_keys VALUES (900, 'sk-gone', 1, 3); DELETE FROM api_keys WHERE id = 900;
                INSERT INTO proxy_configs (id, name, slug, config_type) VALUES (90, 'x', 'x', 'llm');
                DELETE FROM proxy_configs WHERE id = 90;";

    let (store, _) = adopt(folder.path(), &format!("{ROWS}{rows}")).await;

    let config = insert(&store, "new").await;
    assert_eq!(config, ConfigId(91));
    assert_eq!(add(&store, config, &["sk-new"]).await, [KeyId(901)]);
}

#[tokio::test]
async fn a_time_is_read_however_it_was_written() {
    let folder = folder();
    let times = [
        ("2024-05-01 12:00:00.5+08:00", "2024-05-01T04:00:00.5Z"),
        ("2024-05-01 12:00:00.5 +0800 CST m=+1.5", "2024-05-01T04:00:00.5Z"),
        ("2024-05-01 12:00:00 +0000 UTC", "2024-05-01T12:00:00Z"),
        ("2024-05-01 12:00:00", "2024-05-01T12:00:00Z"),
        ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"),
        ("yesterday", "2024-05-01T04:00:00Z"),
    ];
    let rows = times.iter().enumerate().map(|(id, (time, _))| {
        format!(
            "INSERT INTO proxy_configs (id, name, slug, config_type, created_at, target_base_url)
             VALUES ({id}, 'x', 'x{id}', 'llm', '{time}', 'https://a.example');"
        )
    });

    let (store, _) = adopt(folder.path(), &rows.collect::<String>()).await;

    for (id, (_, time)) in (0..).zip(times) {
        assert_eq!(config(&store, id).await.created_at.to_string(), time);
    }
}

#[tokio::test]
async fn an_early_version_without_some_columns_is_adopted_too() {
    let folder = folder();
    connect(folder.path())
        .execute_batch(
            "CREATE TABLE proxy_configs (id integer, name text, slug text, config_type text, is_active numeric,
                 target_base_url text, PRIMARY KEY (id));
             CREATE TABLE api_keys (id integer, key_value text, is_active numeric, proxy_config_id integer,
                 PRIMARY KEY (id));
             INSERT INTO proxy_configs VALUES (1, 'One', 'one', 'llm', 'true', 'https://a.example');
             INSERT INTO api_keys VALUES (1, 'sk-1', 'true', 1);",
        )
        .unwrap();

    let (store, adoption) = adopt_with(options(folder.path())).await;

    assert_eq!((adoption.configs, adoption.keys, adoption.notes.len()), (1, 1, 0));
    assert!(config(&store, 1).await.spec.is_active);
    assert!(store.key(KeyId(1)).await.unwrap().unwrap().is_active);
}

#[tokio::test]
async fn an_empty_old_database_is_adopted() {
    let folder = folder();

    let (store, adoption) = adopt(folder.path(), "").await;

    assert_eq!(adoption, Adoption::default());
    assert_eq!(insert(&store, "c").await, ConfigId(1));
}

#[tokio::test]
async fn a_start_that_was_killed_before_the_file_was_scrubbed_is_made_up_for() {
    let folder = folder();
    let store = adopt(folder.path(), ROWS).await.0;
    store.close().await;
    // What a kill between the commit and the vacuum leaves: the mark, and plain text in free pages.
    connect(folder.path())
        .execute_batch(
            "PRAGMA secure_delete = off;
             CREATE TABLE old_api_keys (key_value text); INSERT INTO old_api_keys VALUES ('sk-plain-left');
             DROP TABLE old_api_keys; INSERT INTO settings VALUES ('scrub', '1');",
        )
        .unwrap();
    assert!(!files_with(folder.path(), "sk-plain-left").is_empty());

    let store = open(folder.path()).await;

    assert_eq!(files_with(folder.path(), "sk-plain-left"), [""; 0]);
    store.close().await;
    let left: i64 = connect(folder.path())
        .query_row("SELECT count(*) FROM settings WHERE name = 'scrub'", (), |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_starts_at_once_one_adopts() {
    let folder = folder();
    old_database(folder.path(), ROWS);
    let starts: Vec<_> = (0..6).map(|_| tokio::spawn(open_with(options(folder.path())))).collect();

    let mut adopted = 0;
    for start in starts {
        let (_, report) = start.await.unwrap().unwrap();
        adopted += usize::from(matches!(report.found, Found::OldProject(_)));
    }

    assert_eq!(adopted, 1);
}

#[tokio::test]
async fn an_old_database_may_be_reset_instead() {
    let folder = folder();
    old_database(folder.path(), ROWS);

    let (store, report) =
        open_with(OpenOptions { reset_tables: true, ..options(folder.path()) }).await.unwrap();

    assert_eq!(report.found, Found::Nothing);
    assert_eq!(store.configs(&ConfigQuery::default()).await.unwrap().total, 0);
    assert_eq!(files_with(folder.path(), "sk-plain-"), [""; 0]);
}

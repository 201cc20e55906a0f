//! `import` from MySQL.

use crate::{
    migrate::sql,
    mysql::{at, shared_port},
    support::Folder,
};

#[test]
fn channels_in_mysql_are_imported_into_mysql() {
    let port = shared_port();
    sql(
        &port,
        "CREATE DATABASE newapi CHARACTER SET utf8mb4; CREATE TABLE newapi.channels (id bigint PRIMARY KEY, type bigint, `key` longtext,
             status bigint, name varchar(191), base_url varchar(191), `group` varchar(64), channel_info json);
         INSERT INTO newapi.channels VALUES (1, 43, 'sk-test-1\nsk-test-2', 1, '深度求索', NULL, 'default',
             '{\"multi_key_status_list\": {\"1\": 2}}')",
    );
    let mysql = at(&port, "imported");
    let source = format!("mysql://root@127.0.0.1:{port}/newapi");

    for added in ["Added 1 services and 2 keys", "Added 0 services and 0 keys"] {
        let done = Folder::new().run(&["import", "--from", "new-api", &source], &mysql);
        assert!(done.code == Some(0) && done.out.contains(added), "{done:?}");
    }

    assert_eq!(
        sql(&port, "SELECT slug, target_base_url FROM imported.proxy_configs"),
        "api.deepseek.com\thttps://api.deepseek.com"
    );
    assert_eq!(sql(&port, "SELECT sum(is_active), count(*) FROM imported.api_keys"), "1\t2");
}

#[test]
fn what_other_gateways_keep_in_mysql_is_tried_first_and_then_imported() {
    let port = shared_port();
    sql(
        &port,
        "CREATE DATABASE gptload; CREATE TABLE gptload.`groups` (id bigint PRIMARY KEY, name varchar(99), display_name text,
             group_type text, channel_type text, upstreams json, config json);
         CREATE TABLE gptload.api_keys (id bigint PRIMARY KEY, group_id bigint, key_value text, status text);
         INSERT INTO gptload.`groups` VALUES (1, 'main', 'Main', 'standard', 'openai',
             '[{\"url\": \"https://api.example.com\", \"weight\": 1}]', '{}');
         INSERT INTO gptload.api_keys VALUES (1, 1, 'sk-test-1', 'active'), (2, 1, 'sk-test-2', 'invalid');
         CREATE DATABASE oneapi; CREATE TABLE oneapi.channels (id bigint PRIMARY KEY, type bigint, `key` text, status bigint,
             name varchar(191), base_url varchar(191), `group` varchar(32));
         INSERT INTO oneapi.channels VALUES (1, 1, 'sk-test-3', 1, 'main', '', 'default')",
    );
    for (gateway, name, keys) in [("gpt-load", "gptload", 2), ("one-api", "oneapi", 1)] {
        let (database, source) = (format!("from_{name}"), format!("mysql://root@127.0.0.1:{port}/{name}"));
        let mysql = at(&port, &database);

        let tried = Folder::new().run(&["import", "--from", gateway, &source, "--dry-run"], &mysql);
        assert!(tried.code == Some(0) && tried.out.contains("Nothing was written"), "{tried:?}");
        assert_eq!(sql(&port, &format!("SHOW DATABASES LIKE '{database}'")), "");
        let done = Folder::new().run(&["import", "--from", gateway, &source], &mysql);

        let told = format!("Added 1 services and {keys} keys");
        assert!(done.code == Some(0) && done.out.contains(&told), "{done:?}");
        assert_eq!(sql(&port, &format!("SELECT count(*) FROM {database}.api_keys")), keys.to_string());
    }
}

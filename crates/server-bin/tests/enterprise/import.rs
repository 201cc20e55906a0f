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

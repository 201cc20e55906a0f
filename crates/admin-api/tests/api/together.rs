//! Admins who change the same thing at the same moment.

use std::future::Future;

use serde_json::{Value, json};

use crate::support::{Api, llm_config};

/// Runs all of them on threads of their own; answers what each answered, in their order.
async fn at_once<T: Send + 'static>(
    calls: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let calls: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

/// A service all of whose fields say who wrote it.
fn written_by(number: usize) -> Value {
    let mut config = llm_config("openai");
    config["name"] = json!(format!("writer {number}"));
    config["target_base_url"] = json!(format!("https://writer-{number}.example.com"));
    config["set_headers"] = json!({ "x-writer": number.to_string() });
    config
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_at_the_same_moment_leave_one_of_them_whole() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let path = format!("/proxy-configs/{}", admin.add_config("openai").await);

    let statuses = at_once((0..16).map(|number| {
        let (admin, path) = (admin.clone(), path.clone());
        async move { admin.put(&path, written_by(number)).await.status.as_u16() }
    }))
    .await;

    assert_eq!(statuses, [200; 16]);
    let left = admin.get(&path).await.body;
    let is_whole = |number: &usize| {
        let written = written_by(*number);
        written.as_object().unwrap().iter().all(|(field, value)| &left[field] == value)
    };
    let writer = (0..16).find(is_whole).unwrap_or_else(|| panic!("a mixture of edits: {left}"));
    // What serves is what is stored.
    let table = api.routes.table().load();
    let live = table.find(rotator_core::model::ConfigType::Llm, "openai").unwrap();
    assert_eq!(live.config.spec.name, format!("writer {writer}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_deleted_while_keys_arrive_leaves_nothing_behind() {
    let api = Api::start().await;
    let admin = api.admin().await;
    for round in 0..8 {
        let id = admin.add_config("openai").await;
        let answers = at_once((0..8).map(|number| {
            let (admin, path) = (admin.clone(), format!("/proxy-configs/{id}"));
            async move {
                if number == 4 {
                    return (admin.delete(&path).await.status.as_u16(), None);
                }
                let key = json!({ "key_value": format!("sk-{round}-{number}") });
                let answer = admin.post(&format!("{path}/keys"), key).await;
                (answer.status.as_u16(), answer.body["id"].as_i64())
            }
        }))
        .await;

        assert!(answers.iter().all(|(status, _)| matches!(status, 201 | 204 | 404)), "{answers:?}");
        for key in answers.iter().filter_map(|(_, id)| *id) {
            assert_eq!(admin.get(&format!("/keys/{key}")).await.code(), "not_found");
        }
        assert!(api.routes.table().load().find(rotator_core::model::ConfigType::Llm, "openai").is_none());
    }
}

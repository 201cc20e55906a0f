//! What may have been done is not done again.

use std::collections::HashMap;

use crate::{
    alone,
    load::{Answer, Clients},
    provider::{Bucket, Provider, Trouble},
    support::{Gateway, PROXY_KEY},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_may_have_been_processed_arrives_exactly_once() {
    const EACH: u32 = 40;
    let _alone = alone().await;
    let keys = ["key-1", "key-2", "key-3", "key-4"];
    let provider = Provider::start(&keys.map(String::from), Bucket::new(1000.0, 1000.0)).await;
    let gateway = Gateway::new()
        .llm("ai", "openai_compatible", &provider.url(), &keys)
        .with(|fields| fields.options.response_timeout_ms = Some(1000))
        .start()
        .await;
    let clients = Clients::of(&gateway);

    for (trouble, status) in [
        (Trouble::Closes, 502),
        (Trouble::Hangs, 504),
        (Trouble::Fails(500), 500),
        (Trouble::Fails(504), 504),
    ] {
        // Leaves connections that are kept, so that the next requests go out on those.
        provider.suffer(None);
        assert!(clients.offer(200.0, 20, |_| PROXY_KEY).await.iter().all(Answer::is_success));
        let before = provider.seen();
        provider.suffer(Some(trouble));

        let answers = clients.offer(200.0, EACH, |_| PROXY_KEY).await;

        assert!(answers.iter().all(|answer| answer.status == Some(status)), "{trouble:?}: {answers:?}");
        let mut arrived = HashMap::<String, u32>::new();
        for entry in provider.log().split_off(before) {
            *arrived.entry(entry.name).or_default() += 1;
        }
        assert_eq!(arrived.len(), EACH as usize, "{trouble:?}");
        assert!(arrived.values().all(|times| *times == 1), "{trouble:?}: {arrived:?}");
    }
}

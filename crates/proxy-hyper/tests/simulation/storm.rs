//! A provider in trouble gets no more requests for it.

use crate::{
    alone,
    load::{Answer, Clients},
    provider::{Bucket, Provider, Trouble},
    support::{Gateway, PROXY_KEY},
};

const PER_SECOND: f64 = 500.0;
const REQUESTS: u32 = 600;

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_answers_everything_with_503_sees_hardly_more_than_the_clients_send() {
    let _alone = alone().await;
    let keys: Vec<String> = (0..10).map(|n| format!("key-{n}")).collect();
    let provider = Provider::start(&keys, Bucket::new(1000.0, 1000.0)).await;
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let gateway = Gateway::new().llm("ai", "openai_compatible", &provider.url(), &keys).start().await;
    let clients = Clients::of(&gateway);

    for trouble in [Trouble::Overloaded, Trouble::Fails(503)] {
        provider.suffer(Some(trouble));
        let before = provider.seen();
        let answers = clients.offer(PER_SECOND, REQUESTS, |_| PROXY_KEY).await;

        let (sent, seen) = (answers.len(), provider.seen() - before);
        println!("{trouble:?}: {sent} requests from clients, {seen} to the provider");
        assert!(seen * 10 <= sent * 12 + 30, "{trouble:?}: {seen} attempts for {sent} requests");
        assert!(answers.iter().all(|answer| answer.status == Some(503)), "{trouble:?}: {answers:?}");
    }

    provider.suffer(None);
    let answers = clients.offer(100.0, 50, |_| PROXY_KEY).await;
    assert!(answers.iter().all(Answer::is_success));
}

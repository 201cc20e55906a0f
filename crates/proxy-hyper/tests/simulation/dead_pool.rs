//! No key of a pool is accepted any more; then they are again.

use std::{sync::Arc, time::Duration};

use rotator_core::pool::RestPolicy;
use tokio::time::Instant;

use crate::{
    alone,
    load::{Answer, Clients},
    provider::{Bucket, Provider},
    support::{Gateway, PROXY_KEY},
};

const TRIAL: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_without_a_valid_key_asks_once_a_second_and_comes_back_by_itself() {
    let _alone = alone().await;
    let names: Vec<String> = (0..8).map(|n| format!("key-{n}")).collect();
    let provider = Provider::start(&names, Bucket::new(1000.0, 1000.0)).await;
    let revoke = |is_revoked| {
        for key in &names {
            provider.change(key, |account| account.is_revoked = is_revoked);
        }
    };
    revoke(true);
    let keys: Vec<&str> = names.iter().map(String::as_str).collect();
    let policy = RestPolicy { first_trial: TRIAL, max_trial: TRIAL, ..RestPolicy::default() };
    let gateway = Gateway::new().rest_policy(policy);
    let gateway = gateway.llm("ai", "openai_compatible", &provider.url(), &keys).start().await;
    let clients = Clients::of(&gateway);

    // Three keys each.
    for number in 0..3 {
        assert_eq!(Arc::clone(&clients).ask(PROXY_KEY.into(), number).await.status, Some(401));
    }
    let (began, before) = (Instant::now(), provider.seen());
    let answers = clients.offer(50.0, 110, |_| PROXY_KEY).await;
    let (trials, passed) = (provider.seen() - before, began.elapsed());

    println!("{trials} trials in {passed:?}");
    let is_told = |answer: &&Answer| answer.status == Some(503) && answer.retry_after.is_some();
    let told = answers.iter().filter(is_told).count();
    // Whose request was a trial gets the provider's own answer.
    let refused = answers.iter().filter(|answer| answer.status == Some(401)).count();
    assert_eq!(told + refused, answers.len(), "{answers:?}");
    assert!(refused <= trials && told > refused);
    assert!(trials as u64 <= passed.as_secs() + 2, "{trials} trials in {passed:?}");

    revoke(false);
    clients.offer(50.0, 110, |_| PROXY_KEY).await;
    let before = provider.seen();
    let answers = clients.offer(50.0, 40, |_| PROXY_KEY).await;

    assert!(answers.iter().all(Answer::is_success), "{answers:?}");
    let log = provider.log().split_off(before);
    assert!(names.iter().all(|key| log.iter().filter(|entry| entry.key == *key).count() == 5), "{log:?}");
}

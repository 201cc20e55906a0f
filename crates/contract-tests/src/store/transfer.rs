//! Moving all that a store holds into another one.
//!
//! `transfer_contract!(fresh)` runs every case with two empty stores.

use http::Method;
use rotator_core::{
    model::{ApiKey, ConfigId, KeyId, QuotaGroup, Weight},
    outcome::Kind,
    pool::{Ailment, Resting},
    prices::{Money, Price, PriceRow},
    record::{ErrorSample, RequestRecord},
    store::{AuditEntry, KeyPatch, KeyUsage, RequestQuery, Store, StoreError},
    transfer::{Difference, Part, Transfer, compare, copy},
};

use super::{
    notifications::notifications,
    proxy_keys::{bounded, insert_proxy_key},
    samples::{add_one, at, change, change_at, insert, key, llm, record, spec},
};

/// A store with both ports.
pub trait Both: Store + Transfer {}

impl<T: Store + Transfer> Both for T {}

/// Runs every case of the suite, each as a test.
#[macro_export]
macro_rules! transfer_contract {
    ($fresh:path) => {
        $crate::transfer_contract! { @each $fresh;
            all_that_a_store_holds_moves
            moving_twice_moves_once
            a_move_that_was_cut_short_is_gone_on_with
            a_store_that_holds_anything_takes_no_other
            half_of_a_store_takes_no_other
            ids_go_on_where_those_of_the_other_store_stopped
            what_differs_is_told
            a_store_is_known_again_and_no_other_is_taken_for_it
        }
    };
    (@each $fresh:path; $($case:ident)*) => {$(
        #[tokio::test]
        async fn $case() {
            let (one, other) = ($fresh().await, $fresh().await);
            $crate::store::transfer::$case(&*one, &*other).await;
        }
    )*};
}

/// Fills a store with some of everything; more keys than one piece has.
async fn fill(store: &dyn Both) -> (ConfigId, ConfigId) {
    let one = insert(store, "weather").await.id;
    let other = store.insert_config(llm("chat"), &change_at(1)).await.unwrap().id;
    let many = (0..1100).map(|n| key(&format!("sk-{n}"))).collect();
    let ids = store.add_keys(one, many, &change_at(2)).await.unwrap().ids;
    let kept = add_one(store, other, "sk-1").await;
    let patch = KeyPatch {
        is_active: Some(false),
        weight: Weight::new(7),
        quota_group: Some("team".parse::<QuotaGroup>().unwrap()),
        note: Some("Bob's, \"second\" 🔑".into()),
    };
    store.update_key(kept, patch, &change_at(3)).await.unwrap();
    store.reset_keys(one, &ids[2..3], &change_at(4)).await.unwrap();
    let used = KeyUsage { key_id: ids[3], successes: 5, failures: 2, last_used_at: at(4) };
    store.add_key_usage(&[used]).await.unwrap();
    let rest = Resting {
        key: ids[4],
        model: Some("gpt".into()),
        ailment: Ailment::Exhausted,
        reason: "used up".into(),
        since: at(5),
        until: at(6),
        strikes: 2,
    };
    store.put_rests(&[ids[4]], &[rest]).await.unwrap();
    let price = PriceRow { model: "gpt*".parse().unwrap(), price: Price::flat(Money::from_nanos(15)) };
    store.replace_prices(&[price], &change_at(7)).await.unwrap();
    store.replace_notifications(&notifications(), &change_at(7)).await.unwrap();
    let gone = insert_proxy_key(store, "pk-gone-of-the-tests").await.id;
    let kept = insert_proxy_key(store, "pk-kept-of-the-tests").await.id;
    store.replace_proxy_key(kept, bounded(), &change_at(7)).await.unwrap();
    store.note_proxy_key_uses(&[(kept, at(8))]).await.unwrap();
    store.delete_proxy_key(gone, &change_at(8)).await.unwrap();
    store.revoke_session("session", at(1000)).await.unwrap();
    store.put_error_samples(vec![sample(one)]).await.unwrap();
    store.append_requests(vec![record(1), RequestRecord { method: Method::PUT, ..record(2) }]).await.unwrap();
    (one, other)
}

fn sample(config_id: ConfigId) -> ErrorSample {
    ErrorSample {
        config_id,
        seen_at: at(8),
        status: 429,
        headers: vec![("retry-after".into(), "7".into())],
        body: "slow down".into(),
        outcome: Kind::RateLimited,
        rule: "too many requests".into(),
    }
}

async fn move_all(from: &dyn Both, to: &dyn Both) {
    copy(from, to, &Part::ALL, |_, _, _| {}).await.unwrap();
}

async fn audit_of(store: &dyn Both) -> Vec<AuditEntry> {
    store.audit_entries(1000).await.unwrap()
}

async fn keys_of(store: &dyn Both, config: ConfigId) -> Vec<String> {
    let tell = |key: &ApiKey| {
        let text = key.secret.as_ref().unwrap().expose().to_owned();
        format!("{text} {:?}", ApiKey { secret: None, ..key.clone() })
    };
    store.route_source(config).await.unwrap().unwrap().keys.iter().map(tell).collect()
}

pub async fn all_that_a_store_holds_moves(from: &dyn Both, to: &dyn Both) {
    let (one, other) = fill(from).await;
    let mut told = Vec::new();

    copy(from, to, &Part::ALL, |part, there, of| told.push((part, there, of))).await.unwrap();

    for config in [one, other] {
        assert_eq!(to.config(config).await.unwrap(), from.config(config).await.unwrap());
        assert_eq!(keys_of(to, config).await, keys_of(from, config).await);
        assert_eq!(to.error_samples(config).await.unwrap(), from.error_samples(config).await.unwrap());
    }
    assert_eq!(to.rests().await.unwrap(), from.rests().await.unwrap());
    assert_eq!(to.proxy_keys().await.unwrap(), from.proxy_keys().await.unwrap());
    assert_eq!(to.proxy_keys().await.unwrap().len(), 1);
    assert_eq!(to.notifications().await.unwrap(), notifications());
    assert_eq!(to.prices().await.unwrap(), from.prices().await.unwrap());
    assert_eq!(to.revoked_sessions(at(999)).await.unwrap(), ["session"]);
    assert_eq!(audit_of(to).await, audit_of(from).await);
    let all = RequestQuery::default();
    assert_eq!(to.requests(&all).await.unwrap().items, from.requests(&all).await.unwrap().items);
    assert!(to.requests(&all).await.unwrap().items.len() == 2);
    assert_eq!(compare(from, to).await.unwrap(), None);
    assert!(told.contains(&(Part::Keys, 500, 1101)) && told.contains(&(Part::Keys, 1101, 1101)), "{told:?}");

    to.end_transfer("from there", &change_at(9)).await.unwrap();
    assert_eq!(to.transfer_under_way().await.unwrap(), None);
    let last = audit_of(to).await.remove(0);
    assert_eq!((&*last.action, &last.detail.0["text"]), ("database.migrate", &"from there".into()));
}

pub async fn moving_twice_moves_once(from: &dyn Both, to: &dyn Both) {
    fill(from).await;

    move_all(from, to).await;
    for part in Part::ALL {
        // From the beginning, as if nothing were there.
        to.import(from.export(part, 0).await.unwrap().piece).await.unwrap();
    }
    move_all(from, to).await;

    assert_eq!(to.holdings().await.unwrap().extents, from.holdings().await.unwrap().extents);
    assert_eq!(compare(from, to).await.unwrap(), None);
}

pub async fn a_move_that_was_cut_short_is_gone_on_with(from: &dyn Both, to: &dyn Both) {
    fill(from).await;
    to.begin_transfer(&from.holdings().await.unwrap().store).await.unwrap();
    for part in [Part::Configs, Part::Keys] {
        to.import(from.export(part, 0).await.unwrap().piece).await.unwrap();
    }
    assert_eq!(to.holdings().await.unwrap().of(Part::Keys).rows, 500);

    move_all(from, to).await;

    assert_eq!(compare(from, to).await.unwrap(), None);
}

pub async fn a_store_that_holds_anything_takes_no_other(from: &dyn Both, to: &dyn Both) {
    fill(from).await;
    to.revoke_session("session", at(1)).await.unwrap();

    let refused = copy(from, to, &Part::ALL, |_, _, _| {}).await;

    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    assert_eq!(to.transfer_under_way().await.unwrap(), None);
}

pub async fn half_of_a_store_takes_no_other(from: &dyn Both, to: &dyn Both) {
    let holdings = from.holdings().await.unwrap();
    to.begin_transfer(&holdings.store).await.unwrap();
    to.begin_transfer(&holdings.store).await.unwrap();

    let own = to.holdings().await.unwrap();
    assert_eq!(to.transfer_under_way().await.unwrap(), Some(holdings.store));
    assert!(matches!(to.begin_transfer(&own.store).await, Err(StoreError::Conflict { .. })));
}

pub async fn ids_go_on_where_those_of_the_other_store_stopped(from: &dyn Both, to: &dyn Both) {
    let kept = insert(from, "kept").await.id;
    // A server may remember for a day which id is next, once it was asked.
    from.holdings().await.unwrap();
    let gone = insert(from, "gone").await.id;
    let first = add_one(from, kept, "sk-1").await;
    let last = add_one(from, kept, "sk-2").await;
    from.delete_key(last, &change()).await.unwrap();
    from.delete_config(gone, &change()).await.unwrap();
    let proxy_key = insert_proxy_key(from, "pk-gone-of-the-tests").await.id;
    from.delete_proxy_key(proxy_key, &change()).await.unwrap();

    move_all(from, to).await;

    assert!(to.insert_config(spec("new"), &change()).await.unwrap().id > gone);
    assert!(add_one(to, kept, "sk-3").await > last);
    assert!(insert_proxy_key(to, "pk-new-of-the-tests").await.id > proxy_key);
    assert!(to.key(first).await.unwrap().is_some());
}

pub async fn what_differs_is_told(from: &dyn Both, to: &dyn Both) {
    let config = insert(from, "weather").await.id;
    let key = add_one(from, config, "sk-1").await;
    move_all(from, to).await;
    let off = |active| KeyPatch { is_active: Some(active), ..KeyPatch::default() };

    from.update_key(key, off(false), &change()).await.unwrap();
    let difference = compare(from, to).await.unwrap();
    assert!(matches!(difference, Some(Difference::Rows(Part::Audit, 3, 2))), "{difference:?}");
    to.update_key(key, off(true), &change()).await.unwrap();
    assert_eq!(compare(from, to).await.unwrap(), Some(Difference::Key(KeyId(key.0))));
    to.update_key(key, off(false), &change()).await.unwrap();
    from.set_config_active(config, false, &change()).await.unwrap();
    assert_eq!(compare(from, to).await.unwrap(), Some(Difference::Config(config)));
}

pub async fn a_store_is_known_again_and_no_other_is_taken_for_it(one: &dyn Both, other: &dyn Both) {
    let id = one.holdings().await.unwrap().store;

    insert(one, "weather").await;

    assert_eq!(one.holdings().await.unwrap().store, id);
    assert_ne!(other.holdings().await.unwrap().store, id);
}

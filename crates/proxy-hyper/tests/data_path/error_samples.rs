//! What failures looked like is kept, without the key.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use rotator_core::{model::ConfigId, outcome::Kind};

use crate::support::{
    Gateway, Upstream,
    upstream::{ok, status},
};

const BAD: &str = "sk-bad-0123456789";

#[tokio::test]
async fn an_answer_that_costs_a_key_its_place_is_sampled_though_no_client_sees_it() {
    let mut told = GzEncoder::new(Vec::new(), Compression::default());
    write!(told, "no such key: {BAD}").unwrap();
    let told = told.finish().unwrap();
    let upstream = Upstream::reply(move |received| {
        if received.headers["x-key"] != BAD {
            return ok("done");
        }
        let mut answer = status(401, told.clone());
        for (name, value) in [("content-encoding", "gzip"), ("retry-after", "7"), ("set-cookie", "a=b")] {
            answer.headers_mut().insert(name, value.parse().unwrap());
        }
        answer
    })
    .await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &[BAD, "good"]).start().await;

    while upstream.received().len() < 2 {
        assert_eq!(gateway.get("/proxy/svc/x").await.text(), "done");
    }

    let [sample] = gateway.samples(1).await.try_into().unwrap();
    assert_eq!((sample.config_id, sample.status), (ConfigId(1), 401));
    assert_eq!(&*sample.body, "no such key: *****************");
    assert_eq!((sample.outcome, &*sample.rule), (Kind::KeyRejected, "who are you"));
    let headers = sample.headers.iter().map(|(name, _)| &**name);
    let headers: Vec<_> = headers.filter(|name| *name != "date").collect();
    assert_eq!(headers, ["retry-after"]);
}

#[tokio::test]
async fn answers_of_another_status_are_sampled_each() {
    let upstream = Upstream::reply(|received| match received.uri.path() {
        "/404" => status(404, "x".repeat(5_000)),
        "/500" => status(500, ""),
        _ => ok("done"),
    })
    .await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["key"]).start().await;

    for path in ["404", "200", "500"] {
        assert_eq!(gateway.get(&format!("/proxy/svc/{path}")).await.status.as_str(), path);
    }

    let mut samples: Vec<_> = gateway.samples(2).await.into_iter().map(|s| (s.status, s.body)).collect();
    samples.sort();
    assert_eq!(samples, [(404, "x".repeat(1 << 10).into()), (500, "".into())]);
}

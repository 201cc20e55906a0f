//! Letters to webhooks of admins.

use rotator_core::notifications::{Courier as _, Letter};
use tokio::io::AsyncWriteExt;

use crate::support::{
    Gateway,
    upstream::{RawUpstream, read_head, until_closed},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_delivered_when_it_is_answered_though_the_answer_never_ends() {
    let webhook = RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nthank").await.unwrap();
        until_closed(&mut socket).await;
    })
    .await;
    let gateway = Gateway::new().start().await;
    let messenger = gateway.proxy.as_ref().unwrap().messenger().unwrap();
    let to = format!("{}/hook", webhook.url()).parse().unwrap();
    let letter = Letter { to, id: "1".into(), timestamp: 0, signature: None, body: "{}".into() };

    let receipt = messenger.deliver(letter).await;

    assert!(receipt.is_delivered() && !receipt.may_pass());
    assert_eq!(receipt.message, "thank");
}

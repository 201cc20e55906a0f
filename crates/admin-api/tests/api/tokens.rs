//! Forged, altered and outdated session tokens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::support::{Api, Client, JWT_SECRET};

/// A good token, taken apart.
struct Token {
    header: Value,
    claims: Value,
    signature: String,
}

impl Token {
    fn of(admin: &Client) -> Self {
        let token = admin.token();
        let parts: Vec<&str> = token.split('.').collect();
        let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        Self { header: json(parts[0]), claims: json(parts[1]), signature: parts[2].into() }
    }

    fn with(&self, claim: &str, value: Value) -> Value {
        let mut claims = self.claims.clone();
        claims[claim] = value;
        claims
    }

    fn without(&self, claim: &str) -> Value {
        let mut claims = self.claims.clone();
        claims.as_object_mut().unwrap().remove(claim);
        claims
    }
}

/// Signs any claims with the server's own secret: whoever leaks it still cannot bend the rules on claims.
fn signed(claims: &Value) -> String {
    signed_with(claims, JWT_SECRET.as_bytes())
}

fn signed_with(claims: &Value, secret: &[u8]) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret)).unwrap()
}

fn put_together(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

async fn assert_refused(api: &Api, what: &str, token: &str) {
    let answer = api.stranger().with_bearer(token).get("/session").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (401, "unauthenticated"), "{what}");
}

#[tokio::test]
async fn what_the_forgeries_are_made_from_is_accepted() {
    let api = Api::start().await;
    let token = Token::of(&api.admin().await);

    for good in [signed(&token.claims), signed(&token.with("nbf", json!(api.now() + 30)))] {
        assert_eq!(api.stranger().with_bearer(&good).get("/session").await.status, 200);
    }
}

#[tokio::test]
async fn a_token_that_is_not_signed_with_our_secret_is_refused() {
    let api = Api::start().await;
    let Token { header, claims, signature } = Token::of(&api.admin().await);
    for alg in ["none", "None", "NONE", "HS384", "HS512", "RS256", "ES256", "hs256", ""] {
        let header = json!({ "typ": "JWT", "alg": alg });
        assert_refused(&api, alg, &put_together(&header, &claims, "")).await;
        assert_refused(&api, alg, &put_together(&header, &claims, &signature)).await;
    }

    let changed = Token { header: header.clone(), claims: claims.clone(), signature: signature.clone() };
    let forged_claims = changed.with("sub", json!("root"));
    assert_refused(&api, "stripped signature", &put_together(&header, &claims, "")).await;
    assert_refused(&api, "no signature at all", put_together(&header, &claims, "").trim_end_matches('.'))
        .await;
    assert_refused(&api, "changed claims", &put_together(&header, &forged_claims, &signature)).await;
    assert_refused(&api, "another secret", &signed_with(&claims, b"another secret, as long as ours is"))
        .await;
    assert_refused(&api, "an empty secret", &signed_with(&claims, b"")).await;
}

#[tokio::test]
async fn another_algorithm_is_refused_even_under_our_secret() {
    let api = Api::start().await;
    let Token { claims, .. } = Token::of(&api.admin().await);
    let key = EncodingKey::from_secret(JWT_SECRET.as_bytes());

    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let token = encode(&Header::new(algorithm), &claims, &key).unwrap();
        assert_refused(&api, &format!("{algorithm:?}"), &token).await;
    }
}

#[tokio::test]
async fn a_header_that_names_a_key_is_refused() {
    let api = Api::start().await;
    let Token { claims, .. } = Token::of(&api.admin().await);
    let key = EncodingKey::from_secret(JWT_SECRET.as_bytes());
    let plain = Header::new(Algorithm::HS256);
    let jwk = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode("mine"), "alg": "HS256" });

    let headers = [
        Header { kid: Some("../../../../dev/null".into()), ..plain.clone() },
        Header { jku: Some("https://evil.example/keys".into()), ..plain.clone() },
        Header { x5u: Some("https://evil.example/cert".into()), ..plain.clone() },
        Header { jwk: Some(serde_json::from_value(jwk).unwrap()), ..plain.clone() },
        Header { typ: Some("at+jwt".into()), ..plain },
    ];

    for header in headers {
        assert_refused(&api, &format!("{header:?}"), &encode(&header, &claims, &key).unwrap()).await;
    }
}

#[tokio::test]
async fn a_claim_that_is_missing_or_of_another_type_is_refused() {
    let api = Api::start().await;
    let token = Token::of(&api.admin().await);

    for claim in ["exp", "iat", "jti", "sub", "iss", "aud", "tv"] {
        assert_refused(&api, claim, &signed(&token.without(claim))).await;
        for odd in [json!(null), json!(true), json!([]), json!({}), json!(1.5)] {
            assert_refused(&api, &format!("{claim}: {odd}"), &signed(&token.with(claim, odd))).await;
        }
    }
    for time in ["exp", "iat", "nbf"] {
        assert_refused(&api, time, &signed(&token.with(time, json!("9999999999")))).await;
    }
}

#[tokio::test]
async fn a_token_out_of_its_time_is_refused() {
    let api = Api::start().await;
    let token = Token::of(&api.admin().await);
    let now = api.now();

    for exp in [now, now - 1, 0, -1, i64::MIN, now + 3600 + 31, i64::MAX] {
        assert_refused(&api, &format!("exp {exp}"), &signed(&token.with("exp", json!(exp)))).await;
    }
    assert_refused(&api, "exp 2^64", &signed(&token.with("exp", json!(18_446_744_073_709_551_615_u64))))
        .await;
    for early in [now + 31, i64::MAX] {
        assert_refused(&api, "iat", &signed(&token.with("iat", json!(early)))).await;
        assert_refused(&api, "nbf", &signed(&token.with("nbf", json!(early)))).await;
    }
}

#[tokio::test]
async fn a_token_for_somebody_or_something_else_is_refused() {
    let api = Api::start().await;
    let token = Token::of(&api.admin().await);

    for (claim, value) in [
        ("iss", json!("somebody-else")),
        ("aud", json!("another-service")),
        ("aud", json!(["api-key-rotator/admin", "another-service"])),
        ("sub", json!("root")),
        ("sub", json!("")),
        ("tv", json!("0")),
    ] {
        assert_refused(&api, &format!("{claim}: {value}"), &signed(&token.with(claim, value))).await;
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let api = Api::start().await;
    let long = "a".repeat(1024 * 1024);

    for junk in ["", " ", ".", "..", "a.b.c", "null", &long, &format!("{long}.{long}.{long}")] {
        assert_refused(&api, "junk", junk).await;
    }
}

#[tokio::test]
async fn only_one_bearer_token_in_the_header_counts() {
    use axum::http::header::AUTHORIZATION;
    let api = Api::start().await;
    let token = api.admin().await.token();

    for value in [&token, &format!("Basic {token}"), "Bearer", &format!("Bearer x {token}")] {
        assert_eq!(api.stranger().with(AUTHORIZATION, value).get("/session").await.status, 401);
    }
    let twice = api.stranger().with_bearer(&token).with_bearer(&token);
    assert_eq!(twice.get("/session").await.status, 401);
    let lower_case = api.stranger().with(AUTHORIZATION, &format!("bearer {token}"));
    assert_eq!(lower_case.get("/session").await.status, 200);
}

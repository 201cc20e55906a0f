//! What hyper lets through and a proxy must not: requests that two servers could read in two ways.

use http::{HeaderMap, HeaderValue, Method, Request, Version, header};
use llm_formats::ErrorKind;

use crate::{connection::Connection, error::ProxyError};

/// The methods that clients commonly use; any other but `CONNECT` and `TRACE` passes as well.
const OFFERED: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// Refuses an ambiguous or tunnelling request. RFC 9112 §3.2, §6.1, §6.3; RFC 9110 §9.3.6, §9.3.8.
pub(crate) fn check<B>(
    request: &Request<B>,
    connection: &Connection,
    max_uri_bytes: usize,
) -> Result<(), ProxyError> {
    let (uri, headers) = (request.uri(), request.headers());
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        let message = "CONNECT and TRACE are not offered";
        let error = ProxyError::new(ErrorKind::MethodNotAllowed, message).closing();
        return Err(ProxyError { allow: Some(OFFERED), ..error });
    }
    let length = uri.path_and_query().map_or(0, |pq| pq.as_str().len());
    if length == 0 {
        return Err(ProxyError::bad_request("the request target must be a path").closing());
    }
    if length > max_uri_bytes {
        return Err(ProxyError::new(
            ErrorKind::UriTooLong,
            format!("the request target is longer than {max_uri_bytes} bytes"),
        )
        .closing());
    }
    if request.version() < Version::HTTP_2 {
        check_host(headers, request.version())?;
        check_transfer_encoding(headers, connection)?;
    }
    Ok(())
}

fn check_host(headers: &HeaderMap, version: Version) -> Result<(), ProxyError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let refuse = |message| Err(ProxyError::bad_request(message).closing());
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => refuse("the request has more than one Host header"),
        (None, _) if version == Version::HTTP_11 => refuse("the request has no Host header"),
        (Some(host), None) if !is_valid_host(host) => refuse("the Host header is not a host name"),
        _ => Ok(()),
    }
}

/// Which bytes a `Host` may have.
const HOST_BYTES: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        allowed[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')')
            || matches!(byte, b'*' | b'+' | b',' | b';' | b'=' | b':' | b'[' | b']');
        byte += 1;
    }
    allowed
};

/// RFC 9110 §7.2, without user information: RFC 3986's `reg-name`, an address, a port.
fn is_valid_host(host: &HeaderValue) -> bool {
    host.as_bytes().iter().all(|b| HOST_BYTES[usize::from(*b)])
}

fn check_transfer_encoding(headers: &HeaderMap, connection: &Connection) -> Result<(), ProxyError> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
    if !chunked {
        return Err(ProxyError::bad_request("Transfer-Encoding must be 'chunked' alone").closing());
    }
    if connection.progress.saw_both_lengths() {
        let message = "the request has both Content-Length and Transfer-Encoding";
        return Err(ProxyError::bad_request(message).closing());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    proptest! {
        #[test]
        fn what_passes_names_one_host_and_frames_its_body_in_one_way(
            lines in vec(
                prop_oneof![
                    (Just(header::HOST), vec(any::<u8>(), 0..3)),
                    (Just(header::HOST), "[a-z.:/@?#]{0,4}".prop_map(String::into_bytes)),
                    (
                        Just(header::TRANSFER_ENCODING),
                        select(&["chunked", "Chunked", "gzip", "gzip, chunked", "", "chunked,", "chunked;q"][..])
                            .prop_map(|coding| coding.as_bytes().to_vec()),
                    ),
                ],
                0..4,
            ),
            version in select(&[Version::HTTP_10, Version::HTTP_11][..]),
        ) {
            let mut request = Request::builder().version(version).uri("/a").body(()).unwrap();
            for (name, value) in lines {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    request.headers_mut().append(name, value);
                }
            }
            let connection = Connection::new(Ipv4Addr::LOCALHOST.into(), false);
            if check(&request, &connection, 10).is_ok() {
                let all = |name| request.headers().get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
                let (hosts, codings) = (all(header::HOST), all(header::TRANSFER_ENCODING));
                prop_assert!(hosts.len() == 1 || (hosts.is_empty() && version == Version::HTTP_10));
                let forbidden = |byte: &u8| b"@/?#\\ ".contains(byte) || !byte.is_ascii_graphic();
                prop_assert!(!hosts.concat().iter().any(forbidden), "{:?}", hosts);
                prop_assert!(codings.is_empty() || codings.concat().eq_ignore_ascii_case(b"chunked"));
            }
        }
    }
}

//! Requests and answers as odd as the protocol allows.

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::select};

type Headers = Vec<(String, Bytes)>;

#[derive(Debug, Clone)]
pub struct Case {
    pub request: Request,
    pub answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Generic,
    Llm,
}

#[derive(Debug, Clone)]
pub struct Request {
    pub service: Service,
    /// Which of the places of a proxy key, counted around.
    pub credential: usize,
    pub method: String,
    pub path: String,
    /// Parameters, without what stands between them.
    pub query: Vec<String>,
    pub headers: Headers,
    pub framing: Framing,
    pub payload: Payload,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub reason: &'static str,
    pub headers: Headers,
    pub framing: Framing,
    pub payload: Payload,
}

#[derive(Debug, Clone)]
pub enum Framing {
    Length,
    /// In pieces of these sizes, over and over.
    Chunked(Vec<usize>),
    /// No body in a request; one up to the end of the connection in an answer.
    Bare,
}

#[derive(Debug, Clone)]
pub struct Payload {
    pub size: usize,
    pub seed: u8,
    /// Begins as gzip does, and says that it is.
    pub looks_packed: bool,
}

impl Payload {
    fn bytes(&self) -> Vec<u8> {
        let mut state = u32::from(self.seed);
        let block: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(8191)
        .collect();
        let mut bytes = block.repeat(self.size / block.len() + 1);
        bytes.truncate(self.size);
        if self.looks_packed {
            bytes.iter_mut().zip(b"\x1f\x8b\x08").for_each(|(byte, magic)| *byte = *magic);
        }
        bytes
    }
}

impl Framing {
    fn header(&self, size: usize) -> Option<(String, Bytes)> {
        match self {
            Self::Length => Some(("Content-Length".into(), size.to_string().into())),
            Self::Chunked(_) => Some(("Transfer-Encoding".into(), "chunked".into())),
            Self::Bare => None,
        }
    }

    fn frame(&self, body: &[u8]) -> Vec<u8> {
        let Self::Chunked(sizes) = self else { return body.to_vec() };
        let (mut framed, mut rest) = (Vec::with_capacity(body.len() * 2), body);
        for size in sizes.iter().cycle() {
            let (piece, tail) = rest.split_at(rest.len().min(*size));
            framed.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            framed.extend_from_slice(piece);
            framed.extend_from_slice(b"\r\n");
            if piece.is_empty() {
                break;
            }
            rest = tail;
        }
        framed
    }
}

impl Request {
    /// The path and the query, after this.
    pub fn target(&self, base: &str) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("{base}{}{mark}{}", self.path, self.query.join("&"))
    }

    /// The headers of the client but for its key and `Host`.
    pub fn own_headers(&self) -> Headers {
        let packed = self.payload.looks_packed.then(|| ("Content-Encoding".into(), "gzip".into()));
        self.headers.iter().cloned().chain(packed).chain(self.framing.header(self.payload.size)).collect()
    }

    pub fn body(&self) -> Vec<u8> {
        if matches!(self.framing, Framing::Bare) { Vec::new() } else { self.payload.bytes() }
    }

    /// The whole request, with the proxy key in one of its places.
    pub fn bytes(&self, key: &str) -> Vec<u8> {
        let bearer = format!("Bearer {key}");
        let places = [
            ("X-Proxy-Key", key),
            ("Authorization", &bearer),
            ("x-api-key", key),
            ("X-Anthropic-Api-Key", key),
            ("x-goog-api-key", key),
            ("api-key", key),
        ];
        let (slug, places) = match self.service {
            Service::Generic => ("/proxy/svc", &places[..2]),
            Service::Llm => ("/llm/svc", &places[..]),
        };
        let mut sent = self.clone();
        match places.get(self.credential % (places.len() + 1)) {
            Some((name, value)) => {
                sent.headers.push(((*name).into(), Bytes::copy_from_slice(value.as_bytes())));
            }
            None if self.service == Service::Generic => {
                sent.headers.push((places[0].0.into(), Bytes::copy_from_slice(key.as_bytes())));
            }
            None => {
                let at = self.credential % (self.query.len() + 1);
                sent.query.insert(at, format!("key={key}"));
            }
        }
        let head = format!("{} {} HTTP/1.1\r\nHost: gateway\r\n", self.method, sent.target(slug));
        message(&head, &sent.own_headers(), &self.framing.frame(&self.body()))
    }
}

impl Answer {
    pub fn has_body(&self, request: &Request) -> bool {
        request.method != "HEAD" && !matches!(self.status, 204 | 304)
    }

    /// Whether its end is that of the connection.
    pub fn closes(&self) -> bool {
        matches!(self.framing, Framing::Bare)
    }

    pub fn own_headers(&self, request: &Request) -> Headers {
        let packed = self.payload.looks_packed && self.status < 400;
        let packed = packed.then(|| ("Content-Encoding".into(), "gzip".into()));
        let framing = self.framing.header(self.payload.size).filter(|_| self.has_body(request));
        let date = ("Date".into(), "Sat, 01 Jan 2000 00:00:00 GMT".into());
        self.headers.iter().cloned().chain(packed).chain(framing).chain([date]).collect()
    }

    pub fn body(&self, request: &Request) -> Vec<u8> {
        if self.has_body(request) { self.payload.bytes() } else { Vec::new() }
    }

    pub fn bytes(&self, request: &Request) -> Vec<u8> {
        let head = format!("HTTP/1.1 {} {}\r\n", self.status, self.reason);
        let body = self.body(request);
        let body = if self.has_body(request) { self.framing.frame(&body) } else { body };
        message(&head, &self.own_headers(request), &body)
    }
}

fn message(head: &str, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut bytes = head.as_bytes().to_vec();
    for (name, value) in headers {
        bytes.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// A request to a service of this kind, and an answer to it.
pub fn case(service: Service) -> impl Strategy<Value = Case> {
    (request(service), answer()).prop_map(|(request, answer)| Case { request, answer })
}

fn request(service: Service) -> impl Strategy<Value = Request> {
    let method = prop_oneof![
        4 => select(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"][..]).prop_map(str::to_owned),
        1 => "[A-Z]{4,12}".prop_filter("never offered", |m| !matches!(m.as_str(), "CONNECT" | "TRACE")),
        1 => "[a-zA-Z0-9!#$%&'*+.^_`|~-]{4,12}",
    ];
    let names = select(&["User-Agent", "accept", "Cookie", "X-Multi", "x-multi", "traceparent", "Range"][..]);
    let parts = (0..42_usize, method, path(), query(), headers(names), framing(), payload());
    parts.prop_map(move |(credential, method, path, query, headers, framing, payload)| Request {
        service,
        credential,
        method,
        path,
        query,
        headers,
        framing,
        payload,
    })
}

fn answer() -> impl Strategy<Value = Answer> {
    let statuses = [
        200, 200, 200, 201, 203, 204, 206, 207, 226, 299, 300, 304, 307, 400, 401, 403, 404, 418, 422, 429,
        500, 503, 599, 999,
    ];
    let reasons = select(&["OK", "", "Quite Another", "(odd) 1/2; \"x\""][..]);
    let names = select(&["Set-Cookie", "ETag", "vary", "X-Multi", "x-multi", "Server", "retry-after"][..]);
    let parts = (select(statuses.to_vec()), reasons, headers(names), framing(), payload());
    parts.prop_map(|(status, reason, headers, framing, payload)| Answer {
        status,
        reason,
        headers,
        framing,
        payload,
    })
}

/// What is refused is not generated: a way out of the base path, encoded slashes, backslashes and NULs.
fn path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[A-Za-z0-9_~!$&'()*+,;=:@.-]{1,8}",
        2 => "%[0-9A-Fa-f]{2}",
        1 => "%[0-9A-Fa-f]?[g-z]?",
        1 => "[|{}\"\\[\\]^]",
    ];
    let segment = vec(piece, 0..4).prop_map(|pieces| format!("/{}", pieces.concat()));
    vec(segment, 0..6).prop_map(|segments| segments.concat()).prop_filter("refused", |path| {
        let read = path.to_ascii_lowercase();
        let escapes = ["%2f", "%5c", "%00"].iter().any(|escape| read.contains(escape));
        let read = read.replace("%2e", ".").replace("%3b", ";");
        let mut segments = read.split('/').map(|segment| segment.split(';').next().unwrap());
        !escapes && !path.starts_with("//") && !segments.any(|segment| segment == "." || segment == "..")
    })
}

fn query() -> impl Strategy<Value = Vec<String>> {
    let odd = select(&["", "=", "q=", "=x", "q", "q=1", "q=%2F%00%zz", "a[]=%", "/../", "?", "a=b=c"][..]);
    let parameter = prop_oneof![
        odd.prop_map(str::to_owned),
        "[A-Za-z0-9_~!$'()*+,;:@/?.=%|{}\\[\\]^`\\\\-]{0,12}",
        "Key=[a-z]{1,4}",
    ];
    vec(parameter.prop_filter("the key's place", |p| !p.starts_with("key=") && p != "key"), 0..6)
}

/// Up to eight lines, often of the same name, with any bytes that a value may have.
fn headers(names: impl Strategy<Value = &'static str>) -> impl Strategy<Value = Headers> {
    let name = prop_oneof![4 => names.prop_map(str::to_owned), 1 => "p-[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,12}"];
    let byte = prop_oneof![1 => Just(b'\t'), 8 => 0x20..=0x7e_u8, 3 => 0x80..=0xff_u8];
    let value = vec(byte, 0..60).prop_map(|value| Bytes::copy_from_slice(value.trim_ascii()));
    vec((name, value), 0..8)
}

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![
        2 => Just(Framing::Length),
        2 => vec(1..20_000_usize, 1..6).prop_map(Framing::Chunked),
        1 => Just(Framing::Bare),
    ]
}

/// Sizes of every order of magnitude, the large ones seldom.
fn payload() -> impl Strategy<Value = Payload> {
    let bits = prop_oneof![40 => 0..16_u32, 1 => 16..23_u32];
    let size = bits.prop_flat_map(|bits| (1_usize << bits) - 1..(1_usize << (bits + 1)) - 1);
    (size, any::<u8>(), any::<bool>()).prop_map(|(size, seed, looks_packed)| Payload {
        size,
        seed,
        looks_packed,
    })
}

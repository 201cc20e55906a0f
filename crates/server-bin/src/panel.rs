//! The panel: a single-page application, whose files the build script put into the binary.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};

use crate::app::Answer;

/// The panel's files.
#[derive(Debug, Clone, Copy)]
pub struct Panel(&'static [File]);

/// A file of the panel.
#[derive(Debug)]
struct File {
    /// From the root, with a slash.
    path: &'static str,
    /// Another one for other content.
    tag: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// Where the bundler puts what has a hash of its content in its name.
const HASHED: &str = "/assets/";
/// Under which no page of the panel is: who asks there wants an answer for programs.
const NO_PAGES: [&str; 3] = ["/api", "/proxy", "/llm"];
/// Nothing from elsewhere, no script and no style inside a page, and no page of others around ours.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";
/// Served for `/` when the binary was built without the panel.
const NOT_BUILT: File = File {
    path: "/index.html",
    tag: "not-built",
    plain: b"<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
        <title>API Key Rotator</title><h1>API Key Rotator</h1>\
        <p>The server runs, but this binary was built without its panel.</p>\
        <p>To have it: install Node 20.19, or 22.12 and later, run <code>make run</code> in the source folder, and load this page again.</p>\
        <p>Without it, everything can be done over the admin API under <code>/api/admin</code>; the README has a tour.</p>",
    brotli: None,
    gzip: None,
};

impl Panel {
    /// The files that this binary was built with.
    pub fn embedded() -> Self {
        Self(include!(concat!(env!("OUT_DIR"), "/panel.rs")))
    }

    /// The file of this path, or the application itself where a person navigates; nothing where the panel has nothing.
    pub fn answer<B>(&self, request: &Request<B>) -> Option<Answer> {
        let path = request.uri().path();
        let file = match path {
            "/" => self.file("/index.html").unwrap_or(&NOT_BUILT),
            _ if is_navigation(request) => self.file("/index.html")?,
            _ => self.file(path)?,
        };
        Some(file.answer(request.headers()))
    }

    fn file(&self, path: &str) -> Option<&'static File> {
        self.0.iter().find(|file| file.path == path)
    }
}

/// Whether a browser wants a page, under a path that the application will know.
fn is_navigation<B>(request: &Request<B>) -> bool {
    let path = request.uri().path();
    let is_beneath = |prefix: &&str| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let wants_html = request
        .headers()
        .get_all(header::ACCEPT)
        .iter()
        .any(|value| value.to_str().is_ok_and(|text| text.contains("text/html")));
    matches!(*request.method(), Method::GET | Method::HEAD)
        && wants_html
        && !NO_PAGES.iter().any(is_beneath)
        && path.rsplit('/').next().is_some_and(|name| !name.contains('.'))
}

impl File {
    fn answer(&self, asked: &HeaderMap) -> Answer {
        let (coding, content) = match (self.brotli, self.gzip) {
            (Some(content), _) if accepts(asked, "br") => (Some("br"), content),
            (_, Some(content)) if accepts(asked, "gzip") => (Some("gzip"), content),
            _ => (None, self.plain),
        };
        // What has the same tag has the same bytes, which the compressed ones have not.
        let tag = format!("\"{}-{}\"", self.tag, coding.unwrap_or("plain"));
        let is_known = knows(asked, &tag);
        let content = if is_known { &[] } else { content };
        let mut answer = Response::new(
            Full::from(Bytes::from_static(content)).map_err(|never| match never {}).boxed_unsync(),
        );
        if is_known {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = answer.headers_mut();
        let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
        set(header::CONTENT_TYPE, content_type(self.path));
        let is_hashed = self.path.starts_with(HASHED);
        set(
            header::CACHE_CONTROL,
            if is_hashed { "public, max-age=31536000, immutable" } else { "no-cache" },
        );
        set(header::VARY, "accept-encoding");
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(header::REFERRER_POLICY, "same-origin");
        set(header::CONTENT_SECURITY_POLICY, POLICY);
        if let Some(coding) = coding {
            set(header::CONTENT_ENCODING, coding);
        }
        // A tag is hexadecimal digits and a word.
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(header::ETAG, tag);
        }
        answer
    }
}

/// Whether the client takes this coding. One that it does not name it does not get.
fn accepts(asked: &HeaderMap, coding: &str) -> bool {
    let lines = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding))
            && !parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0)))
    })
}

/// Whether the client has the content with this tag.
fn knows(asked: &HeaderMap, tag: &str) -> bool {
    let lines = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &[u8] = b"<!doctype html>";
    const FILES: &[File] = &[
        File {
            path: "/assets/main-1a2b.js",
            tag: "1",
            plain: b"plain",
            brotli: Some(b"br"),
            gzip: Some(b"gz"),
        },
        File { path: "/favicon.svg", tag: "2", plain: b"<svg/>", brotli: None, gzip: None },
        File { path: "/index.html", tag: "3", plain: INDEX, brotli: None, gzip: None },
    ];

    async fn ask(
        panel: Panel,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Option<Response<Bytes>> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, body) = panel.answer(&request.body(()).unwrap())?.into_parts();
        Some(Response::from_parts(head, body.collect().await.unwrap().to_bytes()))
    }

    fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> &'a str {
        answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[tokio::test]
    async fn a_person_who_navigates_gets_the_application_and_a_program_does_not() {
        let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
        for path in ["/", "/services", "/services/12", "/apixyz", "/login?next=/requests"] {
            let answer = ask(Panel(FILES), "GET", path, &browser).await.unwrap();
            assert_eq!(answer.body(), INDEX, "{path}");
            assert_eq!(header(&answer, "cache-control"), "no-cache", "{path}");
        }
        for path in ["/api", "/api/none", "/proxy", "/llm/x", "/wp-login.php", "/assets/gone.js", "/a/.env"] {
            assert!(ask(Panel(FILES), "GET", path, &browser).await.is_none(), "{path}");
        }
        assert!(ask(Panel(FILES), "POST", "/services", &browser).await.is_none());
        assert!(ask(Panel(FILES), "GET", "/services", &[("accept", "*/*")]).await.is_none());
        assert!(ask(Panel(FILES), "GET", "/services", &[]).await.is_none());
    }

    #[tokio::test]
    async fn every_file_comes_with_a_strict_policy() {
        for path in ["/", "/assets/main-1a2b.js", "/favicon.svg"] {
            let answer = ask(Panel(FILES), "GET", path, &[]).await.unwrap();
            let policy = header(&answer, "content-security-policy");
            assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
            assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
            assert_eq!(header(&answer, "referrer-policy"), "same-origin");
        }
    }

    #[tokio::test]
    async fn the_client_says_how_a_file_is_compressed() {
        for (accepted, coding, content) in [
            ("gzip, deflate, br, zstd", "br", "br"),
            ("gzip;q=1.0, br;q=0", "gzip", "gz"),
            ("GZIP", "gzip", "gz"),
            ("identity", "", "plain"),
        ] {
            let asked = [("accept-encoding", accepted)];
            let answer = ask(Panel(FILES), "GET", "/assets/main-1a2b.js", &asked).await.unwrap();
            assert_eq!(
                (header(&answer, "content-encoding"), &answer.body()[..]),
                (coding, content.as_bytes()),
                "{accepted}"
            );
            assert_eq!(header(&answer, "vary"), "accept-encoding");
            assert_eq!(header(&answer, "content-type"), "text/javascript; charset=utf-8");
        }
    }

    #[tokio::test]
    async fn what_the_client_has_is_not_sent_again() {
        let path = "/assets/main-1a2b.js";
        let first = ask(Panel(FILES), "GET", path, &[("accept-encoding", "br")]).await.unwrap();
        let tag = header(&first, "etag");
        let weak = format!("\"other\", W/{tag}");

        let second = ask(Panel(FILES), "GET", path, &[("accept-encoding", "br"), ("if-none-match", &weak)])
            .await
            .unwrap();
        let plain = ask(Panel(FILES), "GET", path, &[("if-none-match", tag)]).await.unwrap();

        assert!(header(&first, "cache-control").contains("immutable"));
        assert_eq!((second.status(), second.body().len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(header(&second, "etag"), tag);
        assert_eq!((plain.status(), &plain.body()[..]), (StatusCode::OK, &b"plain"[..]));
    }

    #[tokio::test]
    async fn without_its_files_the_panel_says_how_to_build_it() {
        let browser = [("accept", "text/html")];
        let answer = ask(Panel(&[]), "GET", "/", &browser).await.unwrap();

        assert_eq!(answer.status(), StatusCode::OK);
        assert!(String::from_utf8_lossy(answer.body()).contains("make run"));
        assert!(ask(Panel(&[]), "GET", "/services", &browser).await.is_none());
    }
}

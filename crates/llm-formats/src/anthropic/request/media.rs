//! Pictures and documents.

use std::borrow::Cow;

use super::messages;
use crate::{
    json::Members,
    neutral::{Content, Error, Losses, Media, MediaKind, Part, Source, fields::Fields},
};

const PDF: &str = "application/pdf";
const PLAIN: &str = "text/plain";

/// Reads a picture.
pub(super) fn image<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Content<'a>, Error> {
    let path = fields.path;
    let at = path.member("source");
    let mut source = Fields::of(fields.json("source").unwrap_or_default(), at)?;
    let found = match &*source.need_text("type")? {
        "base64" => base64(&mut source)?,
        "url" => Source::Url { url: source.need_text("url")?, mime: None },
        "file" => return Err(file(&source)),
        _ => return Err(at.member("type").error("must be `base64`, `url` or `file`")),
    };
    source.finish(losses);
    Ok(media(MediaKind::Image, found, None))
}

/// Reads a document. Pictures that stand in its text become parts of their own, before it.
pub(super) fn document<'a>(
    fields: &mut Fields<'a, '_>,
    beside: &mut Vec<Part<'a>>,
    losses: &mut Losses,
) -> Result<Content<'a>, Error> {
    let path = fields.path;
    let at = path.member("source");
    let mut source = Fields::of(fields.json("source").unwrap_or_default(), at)?;
    let found = match &*source.need_text("type")? {
        "base64" => base64(&mut source)?,
        "url" => Source::Url { url: source.need_text("url")?, mime: Some(PDF.into()) },
        "text" => {
            source.ignore(&["media_type"]);
            Source::Text(source.need_text("data")?)
        }
        "content" => {
            let content = source.json("content").unwrap_or_default();
            let parts = messages::parts(content, at.member("content"), losses)?;
            let (texts, others) =
                parts.into_iter().partition(|part| matches!(part.content, Content::Text(_)));
            beside.extend::<Vec<Part<'a>>>(others);
            Source::Text(joined(texts))
        }
        "file" => return Err(file(&source)),
        _ => return Err(at.member("type").error("must be `base64`, `url`, `text`, `content` or `file`")),
    };
    source.finish(losses);
    Ok(media(MediaKind::Document, found, fields.text("title")?))
}

/// Reads what a search found: a document with a title.
pub(super) fn search_result<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Content<'a>, Error> {
    let path = fields.path;
    let content = fields.json("content").unwrap_or_default();
    let text = joined(messages::parts(content, path.member("content"), losses)?);
    Ok(media(MediaKind::Document, Source::Text(text), fields.text("title")?))
}

fn media<'a>(kind: MediaKind, source: Source<'a>, name: Option<Cow<'a, str>>) -> Content<'a> {
    Content::Media(Media { kind, source, name, detail: None })
}

fn base64<'a>(source: &mut Fields<'a, '_>) -> Result<Source<'a>, Error> {
    Ok(Source::Base64 { mime: source.need_text("media_type")?, data: source.need_text("data")? })
}

fn file(source: &Fields<'_, '_>) -> Error {
    Error::NoCounterpart { what: format!("`{}`", source.path.member("file_id")).into() }
}

fn joined(parts: Vec<Part<'_>>) -> Cow<'_, str> {
    let texts = parts.into_iter().filter_map(|part| match part.content {
        Content::Text(text) => Some(text),
        _ => None,
    });
    texts.reduce(|all, text| all + "\n\n" + text).unwrap_or_default()
}

/// Writes a picture or a document as a block.
///
/// # Errors
/// Anthropic has no ear for sounds and no eye for films, and reads no documents but PDF and plain text.
pub(super) fn write<'a>(media: Media<'a>, losses: &mut Losses) -> Result<Members<'a>, Error> {
    if media.detail.is_some_and(|detail| detail != "auto") {
        losses.lose_named("detail");
    }
    let block = Members::new();
    match (media.kind, media.source) {
        (MediaKind::Image, Source::Base64 { mime, data }) => {
            let mime = if mime == "image/jpg" { "image/jpeg".into() } else { mime };
            Ok(block.with("type", "image").with("source", base64_source(mime, data)))
        }
        (MediaKind::Image, Source::Url { url, .. }) => {
            Ok(block.with("type", "image").with("source", url_source(url)))
        }
        (MediaKind::Document, source) => {
            let source = match source {
                Source::Base64 { mime, data } if mime == PDF => base64_source(mime, data),
                Source::Base64 { mime, .. } => {
                    return Err(unreadable(format!("a document of type `{mime}`")));
                }
                Source::Url { url, .. } => url_source(url),
                Source::Text(text) => {
                    Members::new().with("type", "text").with("media_type", PLAIN).with("data", text)
                }
            };
            Ok(block.with("type", "document").with("source", source).with_some("title", media.name))
        }
        (kind, _) => Err(unreadable(format!("`{}`", name(kind)))),
    }
}

fn unreadable(what: String) -> Error {
    Error::NoCounterpart { what: what.into() }
}

fn base64_source<'a>(mime: Cow<'a, str>, data: Cow<'a, str>) -> Members<'a> {
    Members::new().with("type", "base64").with("media_type", mime).with("data", data)
}

fn url_source(url: Cow<'_, str>) -> Members<'_> {
    Members::new().with("type", "url").with("url", url)
}

/// What `OpenAI` calls it.
pub(super) fn name(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image_url",
        MediaKind::Document => "file",
        MediaKind::Audio => "input_audio",
        MediaKind::Video => "video",
    }
}

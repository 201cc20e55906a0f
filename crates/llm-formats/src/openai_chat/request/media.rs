//! Pictures, sounds, films and files in messages.

use std::borrow::Cow;

use super::parse_tools::inner;
use crate::{
    json::{Json, Members},
    neutral::{
        Content, Error, Losses, Media, MediaKind, Source,
        fields::{Fields, Path},
    },
    openai_chat::family::Family,
};

/// The media type of a file that does not tell: the only kind of file that every model with files can read.
const PDF: &str = "application/pdf";

/// `image_url`.
pub(super) fn image<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Content<'a>, Error> {
    let here = fields.path;
    let mut image = inner(fields, "image_url", here.member("image_url"))?;
    let source = source(image.need_text("url")?, image.path.member("url"))?;
    let detail = image.text("detail")?;
    image.finish(losses);
    Ok(Content::Media(Media { kind: MediaKind::Image, source, name: None, detail }))
}

/// `video_url`, as DashScope, OpenRouter and vLLM have it.
pub(super) fn video<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Content<'a>, Error> {
    let here = fields.path;
    let mut video = inner(fields, "video_url", here.member("video_url"))?;
    let source = source(video.need_text("url")?, video.path.member("url"))?;
    video.finish(losses);
    Ok(Content::Media(Media { kind: MediaKind::Video, source, name: None, detail: None }))
}

/// `input_audio`.
pub(super) fn audio<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Content<'a>, Error> {
    let here = fields.path;
    let mut audio = inner(fields, "input_audio", here.member("input_audio"))?;
    let data = audio.need_text("data")?;
    let mime = format!("audio/{}", audio.need_text("format")?).into();
    audio.finish(losses);
    let source = Source::Base64 { mime, data };
    Ok(Content::Media(Media { kind: MediaKind::Audio, source, name: None, detail: None }))
}

/// `file`. OpenRouter takes an address for its data too.
pub(super) fn file<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Content<'a>, Error> {
    let here = fields.path;
    let mut file = inner(fields, "file", here.member("file"))?;
    if file.json("file_id").is_some() {
        return Err(Error::NoCounterpart { what: format!("`{}.file_id`", file.path).into() });
    }
    let data = file.need_text("file_data")?;
    let is_address = ["data:", "https://", "http://"].iter().any(|scheme| data.starts_with(scheme));
    let source = if is_address {
        source(data, file.path.member("file_data"))?
    } else {
        Source::Base64 { mime: PDF.into(), data }
    };
    let name = file.text("filename")?;
    file.finish(losses);
    Ok(Content::Media(Media { kind: MediaKind::Document, source, name, detail: None }))
}

/// An address, or what a `data:` URL holds.
fn source<'a>(url: Cow<'a, str>, path: Path<'_>) -> Result<Source<'a>, Error> {
    if !url.starts_with("data:") {
        return Ok(Source::Url { url, mime: None });
    }
    let parts = match url {
        Cow::Borrowed(url) => split(url).map(|(mime, data)| (mime.into(), data.into())),
        Cow::Owned(url) => split(&url).map(|(mime, data)| (mime.to_owned().into(), data.to_owned().into())),
    };
    match parts {
        Some((mime, data)) => Ok(Source::Base64 { mime, data }),
        None => Err(path.error("must be `data:`, a media type, `;base64,` and base64, or an address")),
    }
}

/// The media type and the base64 of a `data:` URL.
fn split(url: &str) -> Option<(&str, &str)> {
    let (kind, data) = url.strip_prefix("data:")?.split_once(',')?;
    let mime = kind.strip_suffix(";base64")?.split(';').next().filter(|mime| !mime.is_empty())?;
    Some((mime, data))
}

/// The part of a message for media; a text among files becomes a text.
pub(super) fn part(media: Media<'_>, family: Family) -> Result<Members<'_>, Error> {
    let name = part_type(media.kind);
    let inner = match (media.kind, media.source) {
        (_, Source::Text(text)) => return Ok(Members::new().with("type", "text").with("text", text)),
        (MediaKind::Image, source) => {
            Members::new().with("url", url(source)).with_some("detail", media.detail)
        }
        (MediaKind::Video, source) if !family.is_openai() => Members::new().with("url", url(source)),
        (MediaKind::Audio, Source::Base64 { mime, data }) => {
            Members::new().with("data", data).with("format", audio_format(&mime))
        }
        (MediaKind::Document, Source::Base64 { mime, data }) => {
            let name =
                media.name.unwrap_or(if mime == PDF { "document.pdf".into() } else { "document".into() });
            Members::new().with("filename", name).with("file_data", url(Source::Base64 { mime, data }))
        }
        (kind, _) => return Err(Error::NoCounterpart { what: unknown(kind).into() }),
    };
    Ok(Members::new().with("type", name).with(name, inner))
}

/// The `type` of a part, which is also the name of the member that holds it.
pub(super) fn part_type(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image_url",
        MediaKind::Document => "file",
        MediaKind::Audio => "input_audio",
        MediaKind::Video => "video_url",
    }
}

fn unknown(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image | MediaKind::Document => "a document behind an address",
        MediaKind::Audio => "a sound behind an address",
        MediaKind::Video => "a video",
    }
}

fn url(source: Source<'_>) -> Json<'_> {
    match source {
        Source::Base64 { mime, data } => format!("data:{mime};base64,{data}").into(),
        Source::Url { url, .. } | Source::Text(url) => url.into(),
    }
}

/// `wav` of `audio/wav`, and the same for the other names that media types have.
fn audio_format(mime: &str) -> String {
    let format = match mime.strip_prefix("audio/").unwrap_or(mime) {
        "mpeg" => "mp3",
        "x-wav" | "wave" | "vnd.wave" => "wav",
        format => format,
    };
    format.to_owned()
}

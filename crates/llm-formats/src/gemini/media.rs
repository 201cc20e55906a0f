//! Pictures, documents, sounds and films.

use std::borrow::Cow;

use super::{base64, spelling};
use crate::{
    json::{Json, Members},
    neutral::{
        Error, Losses, Media, MediaKind, Source,
        fields::{Fields, Path},
    },
};

/// Files that a client uploaded to Google stand under this address; nobody else can read them.
const GOOGLE_FILES: &str = "https://generativelanguage.googleapis.com/";

/// Reads an `inlineData`.
pub(super) fn read_inline<'a>(
    json: Json<'a>,
    path: Path<'_>,
    losses: &mut Losses,
) -> Result<Media<'a>, Error> {
    let mut fields = spelling::fields(json, path)?;
    let mime = fields.need_text("mimeType")?;
    let data = base64::standard(fields.need_text("data")?);
    let name = fields.text("displayName")?;
    fields.finish(losses);
    Ok(Media { kind: kind_of(&mime), source: Source::Base64 { mime, data }, name, detail: None })
}

/// Reads a `fileData`.
pub(super) fn read_file<'a>(json: Json<'a>, path: Path<'_>, losses: &mut Losses) -> Result<Media<'a>, Error> {
    let mut fields: Fields<'a, '_> = spelling::fields(json, path)?;
    let url = fields.need_text("fileUri")?;
    let mime = fields.text("mimeType")?;
    let name = fields.text("displayName")?;
    let is_public = url.starts_with("https://") || url.starts_with("http://");
    if !is_public || url.starts_with(GOOGLE_FILES) {
        let what = format!("{} (a file that only Google has)", path.member("fileUri"));
        return Err(Error::NoCounterpart { what: what.into() });
    }
    fields.finish(losses);
    let kind = match &mime {
        Some(mime) => kind_of(mime),
        None if is_youtube(&url) => MediaKind::Video,
        None if picture_mime(&url).is_some() => MediaKind::Image,
        None => MediaKind::Document,
    };
    Ok(Media { kind, source: Source::Url { url, mime }, name, detail: None })
}

/// Writes media as the member of a part that it is.
pub(super) fn write<'a>(media: Media<'a>, losses: &mut Losses) -> Members<'a> {
    if media.name.is_some() {
        losses.lose_named("filename");
    }
    if media.detail.is_some_and(|detail| detail != "auto") {
        losses.lose_named("detail");
    }
    let inline = |mime: Cow<'a, str>, data: Cow<'a, str>| {
        let data = Members::new().with("mimeType", mime).with("data", data);
        Members::new().with("inlineData", data)
    };
    match media.source {
        Source::Base64 { mime, data } => inline(mime, data),
        Source::Text(text) => inline("text/plain".into(), base64::encode(text.as_bytes()).into()),
        Source::Url { url, mime } => {
            let mime = mime.or_else(|| guessed_mime(media.kind, &url).map(Cow::Borrowed));
            let file = Members::new().with_some("mimeType", mime).with("fileUri", url);
            Members::new().with("fileData", file)
        }
    }
}

fn kind_of(mime: &str) -> MediaKind {
    match mime.split_once('/').map(|(family, _)| family) {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        _ => MediaKind::Document,
    }
}

/// Gemini wants to know the type of what it fetches, except of a film on `YouTube`.
fn guessed_mime(kind: MediaKind, url: &str) -> Option<&'static str> {
    match kind {
        MediaKind::Image => Some(picture_mime(url).unwrap_or("image/jpeg")),
        MediaKind::Document => Some("application/pdf"),
        MediaKind::Audio | MediaKind::Video => None,
    }
}

fn picture_mime(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let (_, extension) = path.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "png" => Some("image/png"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        "gif" => Some("image/gif"),
        "webp" => Some("image/webp"),
        "heic" => Some("image/heic"),
        _ => None,
    }
}

fn is_youtube(url: &str) -> bool {
    let host = url.split('/').nth(2).unwrap_or_default();
    matches!(host, "youtu.be" | "youtube.com" | "www.youtube.com" | "m.youtube.com")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Media<'_>, Error> {
        read_file(
            Json::parse(text.as_bytes()).unwrap(),
            Path::BODY.member("fileData"),
            &mut Losses::default(),
        )
    }

    #[test]
    fn a_file_that_only_google_has_cannot_be_translated() {
        for uri in
            ["https://generativelanguage.googleapis.com/v1beta/files/a1", "gs://bucket/a.png", "files/a1"]
        {
            let error = read(&format!(r#"{{"fileUri":"{uri}"}}"#)).unwrap_err();

            assert!(matches!(error, Error::NoCounterpart { .. }), "{uri}");
            assert!(error.to_string().starts_with("fileData.fileUri"), "{error}");
        }
    }

    #[test]
    fn the_kind_of_a_public_file_is_known_by_its_type_or_its_address() {
        for (json, kind) in [
            (r#"{"file_uri":"https://youtu.be/x"}"#, MediaKind::Video),
            (r#"{"fileUri":"https://a.b/c.PNG?d"}"#, MediaKind::Image),
            (r#"{"fileUri":"https://a.b/c","mime_type":"audio/wav"}"#, MediaKind::Audio),
            (r#"{"fileUri":"https://a.b/c"}"#, MediaKind::Document),
        ] {
            assert_eq!(read(json).unwrap().kind, kind, "{json}");
        }
    }

    #[test]
    fn plain_text_and_addresses_are_written_with_their_types() {
        let media = |kind, source| Media { kind, source, name: None, detail: None };
        let mut losses = Losses::default();
        let text = write(media(MediaKind::Document, Source::Text("hi".into())), &mut losses);
        let url = Source::Url { url: "https://a.b/c.webp".into(), mime: None };
        let picture = write(media(MediaKind::Image, url), &mut losses);

        assert_eq!(Json::from(text).to_vec(), br#"{"inlineData":{"mimeType":"text/plain","data":"aGk="}}"#);
        assert_eq!(
            Json::from(picture).to_vec(),
            br#"{"fileData":{"mimeType":"image/webp","fileUri":"https://a.b/c.webp"}}"#
        );
        assert!(losses.is_empty());
    }
}

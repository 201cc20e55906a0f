//! What messages and the results of tools consist of.

use std::borrow::Cow;

use crate::{
    json::Json,
    neutral::{
        Content, Error, Losses, Media, MediaKind, Part, Source,
        fields::{Fields, Path},
    },
};

/// Reads a text, or an array of parts.
pub(super) fn parse_content<'a>(
    content: Option<Json<'a>>,
    path: Path<'_>,
    losses: &mut Losses,
) -> Result<Vec<Part<'a>>, Error> {
    match content {
        None => Ok(Vec::new()),
        Some(Json::String(text)) => Ok(if text.is_empty() { Vec::new() } else { vec![Part::text(text)] }),
        Some(Json::Array(parts)) => parts
            .into_iter()
            .enumerate()
            .map(|(index, part)| parse_part(part, path.item(index), losses))
            .collect(),
        Some(_) => Err(path.error("must be a string or an array")),
    }
}

fn parse_part<'a>(part: Json<'a>, path: Path<'_>, losses: &mut Losses) -> Result<Part<'a>, Error> {
    let mut part = Fields::of(part, path)?;
    let kind = part.need_text("type")?;
    let content = match &*kind {
        "input_text" | "output_text" | "text" => {
            // What the model's own words were found in, and how likely they were, is of no use to it.
            part.ignore(&["annotations", "logprobs"]);
            Content::Text(part.need_text("text")?)
        }
        "refusal" => Content::Refusal(part.need_text("refusal")?),
        "input_image" => Content::Media(parse_image(&mut part)?),
        "input_file" => Content::Media(parse_file(&mut part)?),
        _ => return Err(Error::NoCounterpart { what: format!("`{path}` of the type `{kind}`").into() }),
    };
    part.finish(losses);
    Ok(content.into())
}

fn parse_image<'a>(image: &mut Fields<'a, '_>) -> Result<Media<'a>, Error> {
    refuse_file_id(image)?;
    let source = match media(image.need_text("image_url")?) {
        Ok(source) => source,
        Err(url) => Source::Url { url, mime: None },
    };
    Ok(Media { kind: MediaKind::Image, source, name: None, detail: image.text("detail")? })
}

fn parse_file<'a>(file: &mut Fields<'a, '_>) -> Result<Media<'a>, Error> {
    refuse_file_id(file)?;
    let name = file.text("filename")?;
    let source = match (file.text("file_data")?, file.text("file_url")?) {
        (Some(data), _) => {
            media(data).unwrap_or_else(|data| Source::Base64 { mime: "application/pdf".into(), data })
        }
        (None, Some(url)) => Source::Url { url, mime: None },
        (None, None) => return Err(file.path.error("needs `file_data` or `file_url`")),
    };
    Ok(Media { kind: kind_of(&source), source, name, detail: file.text("detail")? })
}

fn refuse_file_id(fields: &mut Fields<'_, '_>) -> Result<(), Error> {
    match fields.json("file_id") {
        None => Ok(()),
        Some(_) => Err(Error::NoCounterpart { what: format!("`{}`", fields.path.member("file_id")).into() }),
    }
}

fn kind_of(source: &Source<'_>) -> MediaKind {
    let Source::Base64 { mime, .. } = source else { return MediaKind::Document };
    match mime.split('/').next() {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        _ => MediaKind::Document,
    }
}

/// What a `data:` URL has in itself, or the text as it was.
fn media(url: Cow<'_, str>) -> Result<Source<'_>, Cow<'_, str>> {
    let ends = url.strip_prefix("data:").and_then(|rest| {
        let comma = rest.find(',')?;
        let head = rest[..comma].strip_suffix(";base64")?;
        let mime = head.split(';').next().unwrap_or_default();
        Some(("data:".len() + mime.len(), "data:".len() + comma + 1))
    });
    let Some((mime_end, data_start)) = ends else { return Err(url) };
    Ok(match url {
        Cow::Borrowed(url) => {
            Source::Base64 { mime: url["data:".len()..mime_end].into(), data: url[data_start..].into() }
        }
        Cow::Owned(mut url) => {
            let data = url.split_off(data_start);
            Source::Base64 { mime: url["data:".len()..mime_end].to_owned().into(), data: data.into() }
        }
    })
}

//! What holds for every pair of formats, whatever the answer and whatever the bytes.

mod answers;
mod assemble;
mod bytes;
mod pairs;

use super::Translation;
use crate::{
    embeddings::Wants,
    endpoint::{Call, Framing, Operation},
    format::Format,
    neutral::{
        Asked,
        arbitrary::{FREE_FORM, TOOLS},
    },
};

/// Each client on each API but its own.
fn pairs() -> impl Iterator<Item = (Format, Format)> {
    let all = |client| Format::ALL.into_iter().map(move |api| (client, api));
    Format::ALL.into_iter().flat_map(all).filter(|(client, api)| client != api)
}

fn asked() -> Asked {
    Asked {
        model: "m".into(),
        include_usage: true,
        tools: TOOLS.map(str::to_owned).to_vec(),
        free_form_tools: vec![FREE_FORM.to_owned()],
        id: "made-up".into(),
        now: 7,
        ..Asked::default()
    }
}

fn translation(client: Format, api: Format) -> Translation {
    let stream = (client == Format::Gemini).then_some(Framing::Events);
    let call = Call { format: client, operation: Operation::Generate, model: None, stream };
    Translation { call, api, asked: asked(), is_stream: true, wants: Wants::default() }
}

/// The translated stream, and whether it came to its end.
fn streamed(translation: &Translation, stream: &[u8], sizes: &[usize]) -> (Vec<u8>, bool) {
    let (mut translator, mut out, mut rest) = (translation.stream(), Vec::new(), stream);
    for size in sizes.iter().cycle() {
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        translator.feed(piece, &mut out);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    let is_whole = translator.finish(&mut out);
    (out, is_whole)
}

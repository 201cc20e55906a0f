//! Prompt-cache markers. Anthropic keeps nothing of a prompt that has none, and takes four at most.

use crate::{
    json::Members,
    neutral::{Cache, Content, Error, Losses, Message, Part, Tool, fields::Fields},
};

const MAX_MARKERS: usize = 4;

/// The marker of a block, a tool or a whole request.
pub(super) fn read<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Option<Cache<'a>>, Error> {
    let Some(marker) = fields.json("cache_control") else { return Ok(None) };
    let mut marker = Fields::of(marker, fields.path.member("cache_control"))?;
    marker.ignore(&["type"]);
    let ttl = marker.text("ttl")?;
    marker.finish(losses);
    Ok(Some(Cache { ttl }))
}

/// A marker's JSON.
pub(super) fn write(cache: Cache<'_>) -> Members<'_> {
    Members::new().with("type", "ephemeral").with_some("ttl", cache.ttl)
}

/// Marks the end of the instructions and of the last turn, unless the client chose places of its own.
pub(super) fn mark_ends<'a>(
    cache: &Cache<'a>,
    tools: &mut [Tool<'a>],
    instructions: &mut [Part<'a>],
    turns: &mut [Message<'a>],
) {
    if markers(tools, instructions, turns).any(|marker| marker.is_some()) {
        return;
    }
    let last = turns.last_mut().and_then(|turn| turn.parts.last_mut());
    for part in [instructions.last_mut(), last].into_iter().flatten() {
        part.cache = Some(cache.clone());
    }
}

/// Takes away what Anthropic would refuse: markers on thoughts, and all but the last four.
pub(super) fn limit<'a>(tools: &mut [Tool<'a>], instructions: &mut [Part<'a>], turns: &mut [Message<'a>]) {
    for part in turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if matches!(part.content, Content::Reasoning(_)) {
            part.cache = None;
        }
    }
    let set = markers(tools, instructions, turns).rev().filter(|marker| marker.is_some());
    set.skip(MAX_MARKERS).for_each(|marker| *marker = None);
}

/// Where markers may be, in the order of the prompt.
fn markers<'m, 'a>(
    tools: &'m mut [Tool<'a>],
    instructions: &'m mut [Part<'a>],
    turns: &'m mut [Message<'a>],
) -> impl DoubleEndedIterator<Item = &'m mut Option<Cache<'a>>> {
    let parts = instructions.iter_mut().chain(turns.iter_mut().flat_map(|turn| &mut turn.parts));
    tools.iter_mut().map(|tool| &mut tool.cache).chain(parts.map(|part| &mut part.cache))
}

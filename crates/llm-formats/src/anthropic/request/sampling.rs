//! How words are chosen.

use crate::{
    json::Members,
    neutral::{Losses, Sampling},
};

/// Appends what Anthropic has of it. `is_fixed`: the model takes no such members, as newer ones, or while it thinks.
pub(super) fn write(sampling: Sampling, is_fixed: bool, body: &mut Members<'_>, losses: &mut Losses) {
    let told =
        |value: Option<f64>, default: f64| value.filter(|value| (value - default).abs() > f64::EPSILON);
    let temperature = told(sampling.temperature, 1.0);
    let top_p = told(sampling.top_p, 1.0);
    // Models since Claude 4.1 refuse both together.
    let lost_top_p = top_p.filter(|_| is_fixed || temperature.is_some());
    let has_wrong_temperature = temperature.is_some_and(|value| is_fixed || !(0.0..=1.0).contains(&value));
    for (name, is_lost) in [
        ("temperature", has_wrong_temperature),
        ("top_p", lost_top_p.is_some()),
        ("top_k", is_fixed && sampling.top_k.is_some()),
        ("presence_penalty", told(sampling.presence_penalty, 0.0).is_some()),
        ("frequency_penalty", told(sampling.frequency_penalty, 0.0).is_some()),
        ("seed", sampling.seed.is_some()),
    ] {
        if is_lost {
            losses.lose_named(name);
        }
    }
    if is_fixed {
        return;
    }
    if let Some(temperature) = temperature {
        body.push("temperature", temperature.clamp(0.0, 1.0));
    }
    if let Some(top_p) = top_p.filter(|_| lost_top_p.is_none()) {
        body.push("top_p", top_p);
    }
    if let Some(top_k) = sampling.top_k {
        body.push("top_k", top_k);
    }
}

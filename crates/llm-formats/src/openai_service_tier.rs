//! What OpenAI calls its service tiers, in both of its formats.

use crate::neutral::{Error, Losses, ServiceTier, fields::Fields};

/// Takes a request's `service_tier`.
pub(crate) fn read(fields: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<Option<ServiceTier>, Error> {
    Ok(match fields.text("service_tier")?.as_deref() {
        None => None,
        Some("auto") => Some(ServiceTier::Auto),
        Some("default") => Some(ServiceTier::Standard),
        Some("flex") => Some(ServiceTier::Flex),
        Some("priority" | "fast") => Some(ServiceTier::Priority),
        Some(_) => {
            losses.lose_named("service_tier");
            None
        }
    })
}

/// What a tier is called.
pub(crate) fn name(tier: ServiceTier) -> &'static str {
    match tier {
        ServiceTier::Auto => "auto",
        ServiceTier::Standard => "default",
        ServiceTier::Flex => "flex",
        ServiceTier::Priority => "priority",
    }
}

//! What is measured: one file per question.

mod counts;
mod import;
mod latency;
mod memory;
mod picks;
mod requests;
mod sharing;
mod start;
mod streams;
mod translations;
mod turns;

use anyhow::Result;

pub(crate) use counts::per_request;
pub(crate) use streams::CHAT;

use crate::{
    lab::{Lab, Subject},
    report::Section,
};

/// A question, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// Instructions and system calls per request.
    Counts,
    /// Processor time and latency under full load.
    Requests,
    /// Added latency.
    Latency,
    /// Server-sent events.
    Streams,
    /// Memory.
    Memory,
    /// The cost of a pick.
    Picks,
    /// The cost of a translation.
    Translations,
    /// Cold start.
    Start,
    /// Many keys at once.
    Import,
    /// Turns from Redis.
    Sharing,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Pairs of measurements that are compared; never fewer than 5.
    pub(crate) rounds: usize,
    /// Multiplies the requests of each.
    pub(crate) scale: u32,
}

impl Effort {
    /// Two to three minutes in all.
    pub(crate) const QUICK: Self = Self { rounds: 7, scale: 1 };
    /// Under ten minutes in all.
    pub(crate) const FULL: Self = Self { rounds: 9, scale: 4 };
}

impl Scenario {
    /// Measures.
    pub(crate) fn run(self, lab: &Lab, subjects: &[Subject], effort: Effort) -> Result<Section> {
        match self {
            Self::Counts => counts::run(lab, subjects),
            Self::Requests => requests::run(lab, subjects, effort),
            Self::Latency => latency::run(lab, subjects, effort),
            Self::Streams => streams::run(lab, subjects, effort),
            Self::Memory => memory::run(lab, subjects),
            Self::Picks => picks::run(),
            Self::Translations => translations::run(),
            Self::Start => start::run(effort),
            Self::Import => import::run(lab),
            Self::Sharing => sharing::run(lab, effort),
        }
    }

    /// Whether it is a question about us alone.
    pub(crate) fn needs_rotator(self) -> bool {
        matches!(self, Self::Start | Self::Import | Self::Sharing)
    }
}

//! What we promise ("must") and what we strive for ("aim").

use crate::report::Target;

/// Processor time per request, against nginx that does our job, at 64 connections.
pub(crate) const CPU_FULL_64: Target = target(1.15, 0.95);
/// Processor time per request, against nginx that swaps a header, at 64 connections.
pub(crate) const CPU_SWAP_64: Target = target(1.3, 1.05);
/// The same at 256 connections.
pub(crate) const CPU_SWAP_256: Target = target(1.5, 1.2);
/// User instructions per request.
pub(crate) const INSTRUCTIONS: Target = target(46_000.0, 40_000.0);
/// System calls per request.
pub(crate) const SYSTEM_CALLS: Target = target(4.6, 4.3);
/// Processor time per event of a stream, against nginx.
pub(crate) const CPU_EVENT: Target = target(1.25, 1.05);
/// Processor time per event of a stream that is translated, against one that is passed through.
pub(crate) const CPU_TRANSLATED_EVENT: Target = target(2.0, 1.3);
/// What a request takes longer than without a proxy, one at a time: the median in µs.
pub(crate) const ADDED_LATENCY: Target = target(60.0, 35.0);
/// What the first event of a stream takes longer: the median in µs.
pub(crate) const ADDED_FIRST_BYTE: Target = target(250.0, 140.0);
/// Resident memory in MiB, before the first request.
pub(crate) const MEMORY_IDLE: Target = target(20.0, 12.0);
/// Resident memory in MiB, after 256 connections.
pub(crate) const MEMORY_USED: Target = target(40.0, 25.0);
/// Resident memory in KiB for each open stream on which nothing happens.
pub(crate) const MEMORY_STREAM: Target = target(32.0, 20.0);
/// A pick from 100 000 keys, against one from 10.
pub(crate) const PICK: Target = target(1.5, 1.0);
/// From nothing to ready, in ms.
pub(crate) const COLD_START: Target = target(300.0, 100.0);
/// 100 000 keys in one batch call, in s.
pub(crate) const IMPORT: Target = Target { must: 5.0, aim: None };
/// Processor time per request with turns from Redis, against turns in memory: one at a time, and 256.
pub(crate) const CPU_SHARED: Target = Target { must: 1.6, aim: None };
pub(crate) const CPU_SHARED_256: Target = Target { must: 1.1, aim: None };
/// What a request takes longer with turns from Redis on loopback: the 99th percentile in µs.
pub(crate) const ADDED_BY_REDIS: Target = Target { must: 500.0, aim: None };
/// Records of requests that did not reach the request log: a proxy that is fast by losing them is not fast.
pub(crate) const RECORDS_LOST: Target = Target { must: 0.0, aim: None };

const fn target(must: f64, aim: f64) -> Target {
    Target { must, aim: Some(aim) }
}

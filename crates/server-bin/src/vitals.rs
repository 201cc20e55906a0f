//! What the admin API tells of this instance. Nothing is asked for it: it is what others have found out.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use admin_api::{RequestLogState, Vitals};
use proxy_hyper::Metrics;
use rotator_core::store::LiveInstance;

use crate::{background::Background, data::Data, request_log::QUEUE};

/// Tells how this instance is, whenever it is asked.
pub fn vitals(
    data: &Data,
    background: &Background,
    data_path: Metrics,
) -> Arc<dyn Fn() -> Vitals + Send + Sync> {
    let (routes, health) = (Arc::clone(&data.routes), Arc::clone(&data.health));
    let (identity, leading) = (background.identity.clone(), background.leading.clone());
    let (records, unwritten) = (background.records.clone(), Arc::clone(&background.records_dropped));
    Arc::new(move || {
        let instance = identity.describe(&routes, &health);
        // Without a sender the writer is about to end, and takes what is left.
        let room = records.upgrade().map_or(QUEUE, |records| records.capacity());
        Vitals {
            live: LiveInstance { instance, term: *leading.borrow() },
            active_requests: data_path.active_requests(),
            active_streams: data_path.active_streams(),
            client_connections: data_path.client_connections(),
            request_log: RequestLogState {
                batches_waiting: QUEUE.saturating_sub(room),
                batches_at_most: QUEUE,
                records_lost: data_path.records_dropped().saturating_add(unwritten.load(Relaxed)),
            },
            last_snapshot_at: health.kept_at(),
        }
    })
}

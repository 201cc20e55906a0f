//! Following a job, event by event.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{
        IntoResponse,
        sse::{Event, Sse},
    },
};
use futures_util::stream::unfold;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::{body::JobView, find, progress::Progress, registry::Job};
use crate::{admin::Admin, error::ApiError, query::Id, state::AdminState, token::Session};

/// Somebody who follows a job.
struct Follower {
    job: Arc<Job>,
    changes: watch::Receiver<Progress>,
    state: AdminState,
    session: Session,
    next_at: Instant,
}

/// The least time between two events.
const PAUSE: Duration = Duration::from_millis(250);
/// How long nothing is said at most, and how long a session that has ended goes unnoticed.
const SILENCE: Duration = Duration::from_secs(5);

/// Follow a job
///
/// Server-sent events, each with the job as it is then: at once, at every change (at most 4 a second), and at its end,
/// with which the stream ends too: close an `EventSource` then, or it connects anew. The stream also ends with the session.
#[utoipa::path(
    get,
    path = "/jobs/{id}/events",
    operation_id = "followJob",
    tag = "jobs",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The events", body = JobView, content_type = "text/event-stream"))
)]
pub(crate) async fn events(
    admin: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<impl IntoResponse, ApiError> {
    let job = find(&state, id)?;
    let (changes, session) = (job.follow(), admin.session);
    let follower = Follower { job, changes, state, session, next_at: Instant::now() };
    Ok(Sse::new(unfold(Some(follower), |follower| async { follower?.next().await })))
}

impl Follower {
    /// The next event, and who follows after it: nobody, after the last.
    async fn next(mut self) -> Option<(Result<Event, axum::Error>, Option<Self>)> {
        sleep_until(self.next_at).await;
        let has_changed = timeout(SILENCE, self.changes.changed()).await.is_ok();
        if self.session.has_ended(&self.state).await.unwrap_or(true) {
            return None;
        }
        self.next_at = Instant::now() + PAUSE;
        if !has_changed {
            // A comment: the line is not dead.
            return Some((Ok(Event::default().comment("")), Some(self)));
        }
        let job = JobView::of(&self.job);
        let event = Event::default().json_data(&job);
        Some((event, Some(self).filter(|_| job.is_running())))
    }
}

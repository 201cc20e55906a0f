//! A request whose answer is late, sent once more with another key while the first attempt goes on. The first good answer
//! is taken; the other attempt is cancelled, which says nothing about its key.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use llm_formats::StreamStart;
use rotator_core::{hedge::Hedging, outcome::Outcome};
use smallvec::{SmallVec, smallvec};
use tokio::time::{Instant, sleep_until};

use crate::{
    assess::{assess, tell_target},
    attempt::Ask,
    body::RequestBody,
    exchange::Exchange,
    judge::{Judgement, judge},
    plan::{Next, Plan, Step},
    send::{self, Bounds, Failure, Sent},
    trace::{self, Told, Tried},
    worker::Worker,
};

/// After which to look again whether a request has gone out.
const MOMENT: Duration = Duration::from_millis(10);

/// An attempt that has ended.
pub(crate) struct Ended<'a> {
    pub(crate) step: Step,
    pub(crate) sent: Sent,
    /// Of an error: another attempt must not be given up for it unread.
    pub(crate) judgement: Option<Box<Judgement<'a>>>,
    sent_at: Instant,
}

/// An attempt under way.
struct Lane<F> {
    tried: Tried,
    ending: Pin<Box<F>>,
}

/// Attempts under way: the first, and perhaps its hedge.
type Lanes<F> = SmallVec<[Lane<F>; 2]>;

impl Ended<'_> {
    /// Whether it has what the client may get, though it be an error that is the client's own.
    fn is_good(&self) -> bool {
        match &self.judgement {
            Some(judgement) => {
                matches!(judgement.verdict.outcome, Outcome::Success | Outcome::RequestFault)
            }
            None => self.sent.is_ok(),
        }
    }
}

/// Makes an attempt. If it is the request's first one and its answer is late, another one is made beside it, as far as
/// body, keys and budget allow.
pub(crate) async fn send<'a>(
    hedging: &Hedging,
    exchange: &mut Exchange,
    ask: &'a Ask,
    plan: &mut Plan<'a>,
    step: Step,
    bounds: Bounds,
) -> Ended<'a> {
    let worker = Rc::clone(&exchange.worker);
    let begin = |step: Step, body: RequestBody| Lane {
        tried: Tried::from(&step),
        ending: Box::pin(attempt(hedging, &worker, ask, step, body, bounds)),
    };
    let is_first = exchange.attempts == 1;
    if is_first {
        hedging.budget().earn();
    }
    let usual = hedging.late_after().filter(|_| is_first);
    let mut lanes: Lanes<_> = smallvec![begin(step, ask.body.clone())];
    let ended = if let Some(ended) = in_time(&mut lanes, &ask.body, usual).await {
        ended
    } else {
        if let Some(body) = ask.body.beside()
            && let Some(step) = plan.hedge(exchange, hedging.budget()).await
        {
            plan.begin(exchange, &step);
            lanes.push(begin(step, body));
        }
        race(hedging, exchange, ask, plan, lanes).await
    };
    exchange.key_id = Some(ended.step.picked.slot().id);
    exchange.sent_at = ended.sent_at;
    ended
}

/// The end of the only attempt, unless it takes longer than usual.
async fn in_time<'a, F: Future<Output = Ended<'a>>>(
    lanes: &mut Lanes<F>,
    body: &RequestBody,
    usual: Option<Duration>,
) -> Option<Ended<'a>> {
    let Some(usual) = usual else { return Some(first_of(lanes).await) };
    tokio::select! {
        biased;
        ended = first_of(lanes) => Some(ended),
        () = until_late(body, usual) => None,
    }
}

/// The first good end, or the last one. Attempts that are still under way are cancelled.
async fn race<'a, F: Future<Output = Ended<'a>>>(
    hedging: &Hedging,
    exchange: &mut Exchange,
    ask: &'a Ask,
    plan: &mut Plan<'a>,
    mut lanes: Lanes<F>,
) -> Ended<'a> {
    let is_hedged = lanes.len() > 1;
    let ended = loop {
        let ended = first_of(&mut lanes).await;
        if lanes.is_empty() || ended.is_good() {
            break ended;
        }
        let Ended { mut step, mut sent, judgement, .. } = ended;
        let shown = assess(exchange, ask, &mut step, plan, &mut sent, judgement).await;
        tell_target(ask, &step, &shown);
        if let Err(Failure::NotSent(_)) = sent {
            plan.take_back(&step);
        }
        if shown.next == Next::Stop {
            plan.stop();
        }
    };
    if is_hedged {
        let has_won = ended.step.is_hedge && ended.is_good();
        exchange.worker.metrics.hedges[usize::from(!has_won)].add(1);
    }
    for Lane { tried, .. } in &lanes {
        trace::add(exchange, ask, *tried, Told::without_answer("cancelled"));
        if !tried.is_hedge {
            // It would have taken longer still. Without it, what is usual would shrink with every hedge.
            hedging.note(ask.body.since_sent());
        }
    }
    ended
}

/// One attempt, to the head of its answer; an error is read and understood.
async fn attempt<'a>(
    hedging: &Hedging,
    worker: &Worker,
    ask: &'a Ask,
    mut step: Step,
    body: RequestBody,
    bounds: Bounds,
) -> Ended<'a> {
    let mut sent_at = step.started;
    let mut sent = send::send(worker, ask, &step, &body, bounds, &mut sent_at).await;
    let judgement = match &mut sent {
        Ok((response, _)) if response.status().as_u16() < 400 => {
            hedging.note(body.since_sent());
            None
        }
        Ok((response, _)) => {
            let judging =
                judge(&worker.recorder, ask, &mut step.picked, response, StreamStart::Content, step.started);
            Some(Box::new(judging.await))
        }
        Err(_) => None,
    };
    Ended { step, sent, judgement, sent_at }
}

/// The next of them to end; the others go on.
async fn first_of<'a, F: Future<Output = Ended<'a>>>(lanes: &mut Lanes<F>) -> Ended<'a> {
    poll_fn(|cx| {
        for place in 0..lanes.len() {
            if let Poll::Ready(ended) = lanes[place].ending.as_mut().poll(cx) {
                lanes.remove(place);
                return Poll::Ready(ended);
            }
        }
        Poll::Pending
    })
    .await
}

/// Ready when an answer is due that takes no longer than usual. It is not before the request has gone out: on a busy
/// machine that may take longer than an answer usually does.
async fn until_late(body: &RequestBody, usual: Duration) {
    loop {
        let (due, now) = (body.answer_due(usual), Instant::now());
        if due > now {
            sleep_until(due).await;
        } else if body.is_still_to_go_out() {
            sleep_until(now + usual.max(MOMENT)).await;
        } else {
            return;
        }
    }
}

//! Passes on what befalls keys, between this instance and the others: a limit that one met rests the key for all.

use std::{sync::Arc, time::Duration};

use rotator_core::{
    cache::{Cache, CacheError},
    model::ConfigId,
    pool::{News, NewsReceiver, NewsSender, Now},
    routes::Routes,
};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{Instant, sleep},
};
use tracing::warn;

use crate::clock;

/// How much is told in one message, at most.
const MANY: usize = 500;
/// How much may wait to be told. When it is more, as while Redis is away, all rests are told in its place.
const ROOM: usize = 10_000;
/// Between two looks whether others can be told again.
const RETRY: Duration = Duration::from_secs(1);

/// Makes these routes tell and learn what befalls keys, if there can be other instances.
pub fn share(routes: Routes, cache: &Arc<dyn Cache>) -> Arc<Routes> {
    let Some(elsewhere) = cache.news() else { return Arc::new(routes) };
    let (sender, here) = NewsSender::with_room(ROOM);
    let routes = Arc::new(routes.with_news(sender));
    tokio::spawn(tell(here, Arc::clone(cache), Arc::clone(&routes)));
    tokio::spawn(learn(elsewhere, Arc::clone(&routes)));
    routes
}

/// Tells other instances what befalls keys here, until nothing can any more.
async fn tell(mut here: NewsReceiver, cache: Arc<dyn Cache>, routes: Arc<Routes>) {
    let mut news = Vec::new();
    while here.receive(&mut news, MANY).await > 0 {
        if here.has_overflowed() {
            news = begin_anew(&mut here, &routes);
        }
        while let Err(error) = tell_all(&*cache, &news).await {
            warn!(error = &error as &dyn std::error::Error, "other instances are told later which keys rest");
            sleep(RETRY).await;
            while cache.ping().await.is_err() {
                sleep(RETRY).await;
            }
            news = begin_anew(&mut here, &routes);
        }
        news.clear();
    }
}

/// What has come of all that happened: whatever waits to be told is in it.
fn begin_anew(here: &mut NewsReceiver, routes: &Routes) -> Vec<(ConfigId, News)> {
    here.forget();
    routes.rests_as_news(Instant::now().into_std())
}

async fn tell_all(cache: &dyn Cache, news: &[(ConfigId, News)]) -> Result<(), CacheError> {
    for part in news.chunks(MANY) {
        cache.tell(part).await?;
    }
    Ok(())
}

/// Does what other instances tell.
async fn learn(mut elsewhere: broadcast::Receiver<Vec<(ConfigId, News)>>, routes: Arc<Routes>) {
    loop {
        match elsewhere.recv().await {
            Ok(news) => routes.learn(news, Now { instant: Instant::now().into_std(), wall: clock::now() }),
            Err(RecvError::Lagged(messages)) => warn!(messages, "news of other instances was missed"),
            Err(RecvError::Closed) => return,
        }
    }
}

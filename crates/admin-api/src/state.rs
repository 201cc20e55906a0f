//! What the handlers share.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use jiff::Timestamp;
use rotator_core::{
    cache::Cache,
    model::ConfigId,
    notifications::Courier,
    probe::KeyProbe,
    routes::Routes,
    store::{Store, StoreError},
};
use tracing::warn;

use crate::{
    error::ApiError, gate::PasswordGate, instances::Vitals, jobs::Jobs, password::AdminCredentials,
    settings::EffectiveSetting, token::SigningKey, token::Tokens,
};

/// What the admin API is made of.
pub struct AdminParts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Counts failed sign-ins, and tells other instances of changes.
    pub cache: Arc<dyn Cache>,
    /// The snapshot that requests read; renewed before a change is answered.
    pub routes: Arc<Routes>,
    /// Sends a test request with a key.
    pub probe: Arc<dyn KeyProbe>,
    /// Takes letters to webhooks.
    pub courier: Arc<dyn Courier>,
    /// Who may sign in.
    pub credentials: AdminCredentials,
    /// Signs session tokens.
    pub signing_key: SigningKey,
    /// What time it is.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// How this instance is now; it answers at once.
    pub vitals: Arc<dyn Fn() -> Vitals + Send + Sync>,
    /// Everything else.
    pub settings: AdminSettings,
}

/// What an operator set, and what the panel is told about this installation.
#[derive(Debug, Clone)]
pub struct AdminSettings {
    /// The address under which clients reach the proxy, such as `https://keys.example.com`.
    pub proxy_public_base_url: String,
    /// Which build this is.
    pub build: Build,
    /// The program's version; shown to a signed-in admin only.
    pub version: String,
    /// `sqlite` or `mysql`; shown to a signed-in admin only.
    pub database_type: String,
    /// `memory` or `redis`; shown to a signed-in admin only.
    pub cache_type: String,
    /// The operator's proxy keys, masked.
    pub operator_proxy_keys: Vec<String>,
    /// How many keys a request may try, unless its config says otherwise.
    pub max_attempts: u8,
    /// How long a session lasts; an hour is a good choice.
    pub session_lifetime: Duration,
    /// Every setting as it is in effect.
    pub effective: Vec<EffectiveSetting>,
    /// What is allowed but unwise, as sentences.
    pub warnings: Vec<String>,
}

/// Which backends are compiled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// `SQLite` and this process's memory.
    Lightweight,
    /// Those, `MySQL` and Redis.
    Enterprise,
}

/// What a write renews of what requests read, beside the configs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Renewed {
    /// What tokens cost.
    Prices,
    /// Who may call.
    ProxyKeys,
}

/// What the handlers share. Clones are cheap, and share too.
#[derive(Clone)]
pub struct AdminState(Arc<Shared>);

struct Shared {
    store: Arc<dyn Store>,
    cache: Arc<dyn Cache>,
    routes: Arc<Routes>,
    probe: Arc<dyn KeyProbe>,
    courier: Arc<dyn Courier>,
    gate: PasswordGate,
    tokens: Tokens,
    jobs: Jobs,
    username: String,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    vitals: Arc<dyn Fn() -> Vitals + Send + Sync>,
    settings: AdminSettings,
}

impl AdminState {
    /// The state of one running admin API.
    pub fn new(parts: AdminParts) -> Self {
        let AdminParts {
            store,
            cache,
            routes,
            probe,
            courier,
            credentials,
            signing_key,
            clock,
            vitals,
            settings,
        } = parts;
        let tokens = Tokens::new(signing_key, &credentials, settings.session_lifetime);
        let username = credentials.username().to_owned();
        let gate = PasswordGate::new(Arc::new(credentials), Arc::clone(&cache));
        let jobs = Jobs::default();
        Self(Arc::new(Shared {
            store,
            cache,
            routes,
            probe,
            courier,
            gate,
            tokens,
            jobs,
            username,
            clock,
            vitals,
            settings,
        }))
    }

    /// Cancels every job at once. Answers what waits for their last writes: the store must be open until then.
    pub fn stop(&self) -> impl Future<Output = ()> + use<> {
        self.0.jobs.stop()
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0.store)
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.0.routes
    }

    pub(crate) fn probe(&self) -> &dyn KeyProbe {
        &*self.0.probe
    }

    pub(crate) fn courier(&self) -> &dyn Courier {
        &*self.0.courier
    }

    pub(crate) fn gate(&self) -> &PasswordGate {
        &self.0.gate
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    pub(crate) fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// The admin's name.
    pub(crate) fn username(&self) -> &str {
        &self.0.username
    }

    pub(crate) fn settings(&self) -> &AdminSettings {
        &self.0.settings
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// How this instance is.
    pub(crate) fn vitals(&self) -> Vitals {
        (self.0.vitals)()
    }

    /// Runs a write that answers which config it changed, and makes the change live before it is answered. Both are
    /// carried through even when the client hangs up in between.
    pub(crate) async fn change<T, W>(&self, write: W) -> Result<T, ApiError>
    where
        T: Send + 'static,
        W: Future<Output = Result<(ConfigId, T), StoreError>> + Send + 'static,
    {
        let state = self.clone();
        let whole = tokio::spawn(async move {
            let (config, answer) = write.await?;
            state.make_live(config).await;
            Ok(answer)
        });
        whole.await.map_err(ApiError::internal)?
    }

    /// The same for a write that no config has a part in.
    pub(crate) async fn change_all<T, W>(&self, renewed: Renewed, write: W) -> Result<T, ApiError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let state = self.clone();
        let whole = tokio::spawn(async move {
            let answer = write.await?;
            let Shared { store, routes, .. } = &*state.0;
            let renewed = match renewed {
                Renewed::Prices => routes.reload_prices(&**store).await,
                Renewed::ProxyKeys => routes.reload_proxy_keys(&**store).await,
            };
            if let Err(error) = renewed {
                warn!(error = &error as &dyn std::error::Error, "the change is saved but not yet live");
            }
            state.tell_others().await;
            Ok(answer)
        });
        whole.await.map_err(ApiError::internal)?
    }

    /// What is written is written: a failure here delays the change until the snapshot is next renewed, no more.
    async fn make_live(&self, config: ConfigId) {
        let Shared { store, routes, .. } = &*self.0;
        if let Err(error) = routes.reload_config(&**store, config).await {
            warn!(config_id = %config, error = &error as &dyn std::error::Error, "the change is saved but not yet live");
        }
        self.tell_others().await;
    }

    async fn tell_others(&self) {
        if let Err(error) = self.0.cache.bump_revision().await {
            warn!(
                error = &error as &dyn std::error::Error,
                "other instances learn of the change only by polling"
            );
        }
    }
}

impl fmt::Debug for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminState").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

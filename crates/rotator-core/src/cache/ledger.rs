use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use super::Turns;
use crate::model::{Caps, ConfigId, KeyId, ProxyKeyId};

/// Whose requests a ledger counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those of each key of a service.
    Keys(ConfigId),
    /// Those of a service, whatever their keys.
    Service(ConfigId),
    /// Those of the holders of a proxy key.
    ProxyKey(ProxyKeyId),
}

impl Scope {
    /// What stands for the key where requests are counted as a whole.
    pub const WHOLE: KeyId = KeyId(0);
}

/// What is done within one scope, counted over all instances, where caps bound that. Its turns are those that claims take:
/// the next one is the one that the next claim most likely gets.
pub trait Ledger: Turns {
    /// Asks for one request. `None` while the other instances cannot be reached: this one then counts by itself.
    fn claim<'a>(&'a self, claim: Claim<'a>) -> Option<Claiming<'a>>;
    /// Counts a request as under way for which nobody was asked; answers the number of its [`Hold`].
    fn hold(&self, key: KeyId) -> u64;
    /// A request that was under way has ended. Nobody waits for it.
    fn release(&self, number: u64);
    /// Counts the tokens that a key's request has used. Nobody waits for it.
    fn charge(&self, key: KeyId, tokens: u64);
}

/// The answer to a claim, awaited; `None` if it does not come in time.
pub type Claiming<'a> = Pin<Box<dyn Future<Output = Option<Claimed>> + Send + 'a>>;

/// A request looks for a key.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Those that would do, in the order in which they are wanted. One may be named twice.
    pub keys: &'a [KeyId],
    /// What each of them may do at most.
    pub caps: &'a Caps,
    /// The turn that was expected.
    pub turn: u64,
    /// Whether each further turn begins with the next of the keys; otherwise the first is the first for every turn.
    pub rotates: bool,
}

/// What came of a claim.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claimed {
    /// The key that serves the request, which counts from now on; `None` if no key has room.
    pub granted: Option<Granted>,
    /// Keys without room for requests or tokens, by their places, as far as they were looked at, and for how long.
    pub full: Vec<(usize, Duration)>,
}

/// A key with room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// Its place among those of the claim.
    pub place: usize,
    /// The number of the request's [`Hold`], where requests at a time are bounded.
    pub hold: Option<u64>,
}

/// Counts a request as under way in all instances, until it is dropped.
pub struct Hold {
    ledger: Arc<dyn Ledger>,
    number: u64,
}

impl Hold {
    /// Of this number.
    pub fn new(ledger: Arc<dyn Ledger>, number: u64) -> Self {
        Self { ledger, number }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.ledger.release(self.number);
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hold({})", self.number)
    }
}

//! Requests that wait for a key: one of each client in turn, so that nobody waits behind another's thousand.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    net::IpAddr,
    rc::Rc,
};

use rotator_core::model::ConfigId;
use tokio::sync::Notify;

/// So many requests may wait for the keys of one service, on one worker.
const MOST: usize = 1_000;

/// Whoever waits on one worker, by service.
#[derive(Default)]
pub(crate) struct Queues(RefCell<HashMap<ConfigId, Queue>>);

/// A client, as far as one can tell: its proxy key and its address.
pub(crate) type Client = (Option<u32>, IpAddr);

/// One line for each client. The first of the first line looks for a key; then it is the next line's turn.
#[derive(Default)]
struct Queue {
    lines: VecDeque<(Client, VecDeque<Rc<Notify>>)>,
    length: usize,
}

/// A place in a queue, until it is dropped.
pub(crate) struct Ticket {
    queues: Rc<Queues>,
    config: ConfigId,
    client: Client,
    turn: Rc<Notify>,
}

impl Queues {
    /// Whether somebody waits for the keys of this service.
    pub(crate) fn is_waited_for(&self, config: ConfigId) -> bool {
        self.0.borrow().contains_key(&config)
    }

    /// A place at the end of the client's line; `None` when too many wait.
    pub(crate) fn join(self: &Rc<Self>, config: ConfigId, client: Client) -> Option<Ticket> {
        let mut queues = self.0.borrow_mut();
        let queue = queues.entry(config).or_default();
        if queue.length >= MOST {
            return None;
        }
        let turn = Rc::new(Notify::new());
        if queue.length == 0 {
            turn.notify_one();
        }
        queue.length += 1;
        match queue.lines.iter_mut().find(|(other, _)| *other == client) {
            Some((_, line)) => line.push_back(Rc::clone(&turn)),
            None => queue.lines.push_back((client, [Rc::clone(&turn)].into())),
        }
        Some(Ticket { queues: Rc::clone(self), config, client, turn })
    }
}

impl Ticket {
    /// Waits until it is the first.
    pub(crate) async fn turn(&self) {
        self.turn.notified().await;
    }
}

impl Queue {
    fn first(&self) -> Option<&Rc<Notify>> {
        self.lines.front().and_then(|(_, line)| line.front())
    }

    fn leave(&mut self, client: Client, turn: &Rc<Notify>) {
        let was_first = self.first().is_some_and(|first| Rc::ptr_eq(first, turn));
        if let Some(place) = self.lines.iter().position(|(other, _)| *other == client) {
            self.lines[place].1.retain(|other| !Rc::ptr_eq(other, turn));
            self.length -= 1;
            if self.lines[place].1.is_empty() {
                self.lines.remove(place);
            } else if was_first {
                self.lines.rotate_left(1);
            }
        }
        if was_first && let Some(next) = self.first() {
            next.notify_one();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut queues = self.queues.0.borrow_mut();
        let Some(queue) = queues.get_mut(&self.config) else { return };
        queue.leave(self.client, &self.turn);
        if queue.length == 0 {
            queues.remove(&self.config);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use tokio::time::timeout;

    use super::*;

    const CONFIG: ConfigId = ConfigId(1);

    fn client(number: u8) -> Client {
        (None, Ipv4Addr::new(10, 0, 0, number).into())
    }

    /// Takes the turns, and answers in which order these clients get theirs.
    async fn order(tickets: Vec<(u8, Ticket)>) -> Vec<u8> {
        let mut left = tickets;
        let mut order = Vec::new();
        while !left.is_empty() {
            let mut next = None;
            for (place, (_, ticket)) in left.iter().enumerate() {
                if timeout(Duration::ZERO, ticket.turn()).await.is_ok() {
                    assert_eq!(next.replace(place), None, "two are first");
                }
            }
            order.push(left.remove(next.unwrap()).0);
        }
        order
    }

    #[tokio::test]
    async fn clients_take_turns_however_many_requests_one_has() {
        let queues = Rc::new(Queues::default());
        let tickets = [1, 1, 1, 2, 3, 2].map(|n| (n, queues.join(CONFIG, client(n)).unwrap()));

        assert_eq!(order(tickets.into()).await, [1, 2, 3, 1, 2, 1]);
        assert!(!queues.is_waited_for(CONFIG));
    }

    #[tokio::test]
    async fn who_gives_up_holds_nobody_up() {
        let queues = Rc::new(Queues::default());
        let mut tickets = Vec::from([1, 2, 1, 3].map(|n| (n, queues.join(CONFIG, client(n)).unwrap())));
        drop(tickets.remove(1));
        drop(tickets.remove(0));

        assert_eq!(order(tickets).await, [3, 1]);
    }

    #[test]
    fn no_more_wait_than_may_and_services_do_not_wait_for_each_other() {
        let queues = Rc::new(Queues::default());
        let mut tickets: Vec<_> = (0..MOST).map(|_| queues.join(CONFIG, client(1)).unwrap()).collect();

        assert!(queues.join(CONFIG, client(2)).is_none());
        assert!(queues.join(ConfigId(2), client(2)).is_some() && !queues.is_waited_for(ConfigId(2)));
        tickets.pop();
        assert!(queues.join(CONFIG, client(2)).is_some());
    }
}

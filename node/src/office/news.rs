//! News: what a turn has changed, told to whoever subscribed once it is durable and visible. Nobody who writes has to
//! remember who must know.
//!
//! News that nobody has taken yet is added up, so that a slow subscriber costs no memory and misses nothing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use igain_protocol::bureau::BureauId;
use tokio::sync::Notify;

use crate::ledger::ClassIndex;

/// What has changed since the last news was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// Who takes part, a CAF or the policy changed: the number of the change, see [`super::Office::standing`].
    pub standing: Option<u64>,
    /// There is something in a class of this bureau's own that was not brought in line yet.
    pub labels: bool,
    /// Logs of this bureau's own that have grown, or say something else than before.
    pub logs: BTreeSet<ClassIndex>,
    /// Bureaus for whom there are letters, or something else that is theirs alone.
    pub letters: BTreeSet<BureauId>,
    /// Some of it does not come from a bulk of writes that goes on, and should be told at once.
    pub prompt: bool,
}

impl News {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self { prompt: self.prompt, ..Self::default() }
    }

    fn add(&mut self, other: &Self) {
        self.standing = self.standing.max(other.standing);
        self.labels |= other.labels;
        self.logs.extend(&other.logs);
        self.letters.extend(&other.letters);
        self.prompt |= other.prompt;
    }
}

#[derive(Debug, Default)]
struct Slot {
    news: Mutex<News>,
    filled: Notify,
}

impl Slot {
    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is told to all subscribers.
#[derive(Debug, Default)]
pub(super) struct Board {
    slots: Mutex<Vec<Weak<Slot>>>,
}

impl Board {
    pub(super) fn subscribe(&self) -> Subscription {
        let slot = Arc::<Slot>::default();
        self.slots().push(Arc::downgrade(&slot));
        Subscription { slot }
    }

    pub(super) fn tell(&self, news: &News) {
        if news.is_empty() {
            return;
        }
        self.slots().retain(|slot| {
            let Some(slot) = slot.upgrade() else { return false };
            slot.news().add(news);
            slot.filled.notify_one();
            true
        });
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Weak<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The news for one subscriber.
#[derive(Debug)]
pub struct Subscription {
    slot: Arc<Slot>,
}

impl Subscription {
    /// What has changed since the last call, if anything has.
    pub fn take(&self) -> Option<News> {
        Some(std::mem::take(&mut *self.slot.news())).filter(|news| !news.is_empty())
    }

    /// Waits until there is news, and takes it. Nothing is lost where this is not waited for to its end.
    pub async fn next(&self) -> News {
        loop {
            let filled = self.slot.filled.notified();
            if let Some(news) = self.take() {
                return news;
            }
            filled.await;
        }
    }

    /// Waits until there is news that should be told at once.
    pub async fn prompt(&self) {
        loop {
            let filled = self.slot.filled.notified();
            if self.slot.news().prompt {
                return;
            }
            filled.await;
        }
    }

    /// Adds news that was taken and could not be acted on: it is told again.
    pub fn put_back(&self, news: &News) {
        self.slot.news().add(news);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn news_adds_up_until_it_is_taken() {
        let board = Board::default();
        let (one, other) = (board.subscribe(), board.subscribe());
        let log = |class| News { logs: [class].into(), ..News::default() };
        board.tell(&log(1));
        board.tell(&News { standing: Some(3), prompt: true, ..log(2) });
        board.tell(&News { prompt: true, ..News::default() });
        let sum = News { standing: Some(3), logs: [1, 2].into(), prompt: true, ..News::default() };
        assert_eq!(one.next().await, sum);
        assert_eq!(one.take(), None);
        drop(one);
        board.tell(&log(4));
        assert_eq!(other.next().await.logs, [1, 2, 4].into());
        assert_eq!(board.slots().len(), 1, "who went away is forgotten");
    }

    #[tokio::test]
    async fn a_subscriber_that_waits_is_woken() {
        let board = Arc::new(Board::default());
        let subscription = board.subscribe();
        let waiting = tokio::spawn(async move { subscription.next().await });
        tokio::task::yield_now().await;
        board.tell(&News { labels: true, ..News::default() });
        assert!(waiting.await.unwrap().labels);
    }
}

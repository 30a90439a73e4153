//! Where the intents of objects wait for their workers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keeper_core::engine::Asked;
use keeper_core::id::{Generation, ObjectId};
use tokio::sync::{Notify, mpsc};

use crate::scope::Scope;

/// The newest intent of each object, until the worker takes it.
#[derive(Debug, Default)]
pub struct Mailbox {
    post: Mutex<BTreeMap<ObjectId, Post>>,
    posted: Notify,
}

/// What waits for the worker of one object.
#[derive(Debug)]
pub struct Post {
    /// That it asked nothing here, or could not be read, before it asked what it asks now. Without that an engine would take
    /// an equal intent for the one that it has, and say nothing of it: what it had said before is dropped by now.
    pub interruption: Option<(Generation, Asked)>,
    pub generation: Generation,
    pub asked: Asked,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ObjectId, Post>> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in what an object asks now; what it asked before and nobody has taken yet is replaced.
    pub fn post(&self, object: &ObjectId, generation: Generation, asked: Asked) {
        let mut post = self.lock();
        let interrupts = |asked: &Asked| matches!(asked, Asked::Gone | Asked::Opaque);
        let before = post.remove(object).filter(|_| !interrupts(&asked));
        let interruption = before.and_then(|before| match before.asked {
            Asked::Gone | Asked::Opaque => Some((before.generation, before.asked)),
            Asked::Protection(..) | Asked::Retention(..) => before.interruption,
        });
        post.insert(object.clone(), Post { interruption, generation, asked });
        drop(post);
        self.posted.notify_one();
    }

    pub(super) fn take(&self) -> BTreeMap<ObjectId, Post> {
        std::mem::take(&mut self.lock())
    }

    pub(super) async fn posted(&self) {
        self.posted.notified().await;
    }
}

/// The mailboxes of all workers. A worker begins with the first intent for it, but not before [`Mailboxes::open`].
#[derive(Debug)]
pub struct Mailboxes {
    inner: Mutex<Inner>,
    begun: mpsc::UnboundedSender<(Scope, Arc<Mailbox>)>,
}

#[derive(Debug, Default)]
struct Inner {
    mailboxes: BTreeMap<Scope, Arc<Mailbox>>,
    open: bool,
}

impl Mailboxes {
    /// No workers yet; who is begun is told to the receiver.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<(Scope, Arc<Mailbox>)>) {
        let (begun, receiver) = mpsc::unbounded_channel();
        (Self { inner: Mutex::default(), begun }, receiver)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the workers begin. Whatever is in the mailboxes by then was there at the start: it is read by the first
    /// sweep together, and not piece by piece as what somebody has just changed.
    pub fn open(&self) {
        let mut inner = self.lock();
        if !std::mem::replace(&mut inner.open, true) {
            for (scope, mailbox) in &inner.mailboxes {
                self.begin(scope, mailbox);
            }
        }
    }

    fn begin(&self, scope: &Scope, mailbox: &Arc<Mailbox>) {
        // Nobody to begin it means that the process is ending.
        let _ = self.begun.send((scope.clone(), mailbox.clone()));
    }

    /// A worker's mailbox. A new worker is told first of the objects that can't be read.
    pub fn mailbox(
        &self,
        scope: &Scope,
        opaque: impl FnOnce() -> Vec<(ObjectId, Generation)>,
    ) -> Arc<Mailbox> {
        let mut inner = self.lock();
        if let Some(mailbox) = inner.mailboxes.get(scope) {
            return mailbox.clone();
        }
        let mailbox = Arc::new(Mailbox::default());
        for (object, generation) in opaque() {
            mailbox.post(&object, generation, Asked::Opaque);
        }
        inner.mailboxes.insert(scope.clone(), mailbox.clone());
        if inner.open {
            self.begin(scope, &mailbox);
        }
        mailbox
    }

    /// Puts into the mailbox of a worker that stands already.
    pub fn post(&self, scope: &Scope, object: &ObjectId, generation: Generation, asked: &Asked) {
        if let Some(mailbox) = self.lock().mailboxes.get(scope) {
            mailbox.post(object, generation, asked.clone());
        }
    }

    /// Puts into the mailbox of every worker that stands already.
    pub fn post_all(&self, object: &ObjectId, generation: Generation, asked: &Asked) {
        for mailbox in self.lock().mailboxes.values() {
            mailbox.post(object, generation, asked.clone());
        }
    }

    /// Every scope that has a mailbox.
    pub fn all(&self) -> BTreeSet<Scope> {
        self.lock().mailboxes.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use keeper_core::intent::{Intent, Selector};

    use super::*;

    #[test]
    fn i27_an_intent_that_follows_a_departure_does_not_hide_it() {
        let (mailbox, id) = (Mailbox::default(), ObjectId::new("n", "a", "u"));
        let intent = || Asked::Protection(Box::new(Intent::of(Selector::default())), Box::default());
        let posted = |asked: &[Asked]| {
            for (generation, asked) in (1..).zip(asked) {
                mailbox.post(&id, generation, asked.clone());
            }
            format!("{:?}", mailbox.take().remove(&id).unwrap())
        };
        let post =
            |interruption, generation, asked| format!("{:?}", Post { interruption, generation, asked });
        assert_eq!(posted(&[intent(), intent()]), post(None, 2, intent()));
        for left in [Asked::Gone, Asked::Opaque] {
            let interruption = Some((1, left.clone()));
            assert_eq!(posted(&[left.clone(), intent()]), post(interruption.clone(), 2, intent()));
            assert_eq!(posted(&[left.clone(), intent(), intent()]), post(interruption, 3, intent()));
            assert_eq!(posted(&[left.clone(), intent(), left.clone()]), post(None, 3, left.clone()));
            assert_eq!(posted(&[intent(), left.clone()]), post(None, 2, left));
        }
        assert!(mailbox.take().is_empty());
    }
}

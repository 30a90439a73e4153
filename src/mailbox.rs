//! Where the wishes of objects wait for their fleets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keeper_core::fleet::Asked;
use keeper_core::wish::{Generation, ObjectId};
use tokio::sync::{Notify, mpsc};

use crate::scope::FleetKey;

/// The newest wish of each object, until the fleet takes it.
#[derive(Debug, Default)]
pub struct Mailbox {
    post: Mutex<BTreeMap<ObjectId, (Generation, Asked)>>,
    posted: Notify,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ObjectId, (Generation, Asked)>> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in what an object asks now; what it asked before and nobody has taken yet is replaced.
    pub fn post(&self, object: &ObjectId, generation: Generation, asked: Asked) {
        self.lock().insert(object.clone(), (generation, asked));
        self.posted.notify_one();
    }

    pub(super) fn take(&self) -> BTreeMap<ObjectId, (Generation, Asked)> {
        std::mem::take(&mut self.lock())
    }

    /// Waits until something is put in.
    pub(super) async fn posted(&self) {
        self.posted.notified().await;
    }
}

/// The mailboxes of all fleets. A fleet begins with the first wish for it, but not before [`Fleets::open`].
#[derive(Debug)]
pub struct Fleets {
    inner: Mutex<Inner>,
    begun: mpsc::UnboundedSender<(FleetKey, Arc<Mailbox>)>,
}

#[derive(Debug, Default)]
struct Inner {
    mailboxes: BTreeMap<FleetKey, Arc<Mailbox>>,
    open: bool,
}

impl Fleets {
    /// No fleets yet; who is begun is told to the receiver.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<(FleetKey, Arc<Mailbox>)>) {
        let (begun, receiver) = mpsc::unbounded_channel();
        (Self { inner: Mutex::default(), begun }, receiver)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the fleets begin. Whatever is in the mailboxes by then was there at the start: it is read by the first
    /// sweep together, and not piece by piece as what somebody has just changed.
    pub fn open(&self) {
        let mut inner = self.lock();
        if !std::mem::replace(&mut inner.open, true) {
            for (key, mailbox) in &inner.mailboxes {
                self.begin(key, mailbox);
            }
        }
    }

    fn begin(&self, key: &FleetKey, mailbox: &Arc<Mailbox>) {
        // Nobody to begin it means that the process is ending.
        let _ = self.begun.send((key.clone(), mailbox.clone()));
    }

    /// A fleet's mailbox. A new fleet is told first of the objects that can't be read.
    pub fn mailbox(
        &self,
        key: &FleetKey,
        opaque: impl FnOnce() -> Vec<(ObjectId, Generation)>,
    ) -> Arc<Mailbox> {
        let mut inner = self.lock();
        if let Some(mailbox) = inner.mailboxes.get(key) {
            return mailbox.clone();
        }
        let mailbox = Arc::new(Mailbox::default());
        for (object, generation) in opaque() {
            mailbox.post(&object, generation, Asked::Opaque);
        }
        inner.mailboxes.insert(key.clone(), mailbox.clone());
        if inner.open {
            self.begin(key, &mailbox);
        }
        mailbox
    }

    /// Puts into the mailbox of a fleet that stands already.
    pub fn post(&self, key: &FleetKey, object: &ObjectId, generation: Generation, asked: &Asked) {
        if let Some(mailbox) = self.lock().mailboxes.get(key) {
            mailbox.post(object, generation, asked.clone());
        }
    }

    /// Puts into the mailbox of every fleet that stands already.
    pub fn post_all(&self, object: &ObjectId, generation: Generation, asked: &Asked) {
        for mailbox in self.lock().mailboxes.values() {
            mailbox.post(object, generation, asked.clone());
        }
    }

    /// Every fleet.
    pub fn all(&self) -> BTreeSet<FleetKey> {
        self.lock().mailboxes.keys().cloned().collect()
    }
}

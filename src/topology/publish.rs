//! How a topology reaches its readers: one writer, any number of readers, each with a snapshot.
//!
//! The types make a second writer impossible: `publisher` hands out one `Publisher`, which cannot be
//! cloned, and is moved into the control loop.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use super::Topology;

/// Called after each publication: an idle epoll would sleep through a failover.
pub type Wake = Box<dyn Fn() + Send + Sync>;

struct Shared {
    current: ArcSwap<Topology>,
    wakes: Mutex<Vec<Wake>>,
}

pub struct Publisher(Arc<Shared>);

#[derive(Clone)]
pub struct Reader(Arc<Shared>);

/// The one writer and the first reader.
pub fn publisher(first: Topology) -> (Publisher, Reader) {
    let shared = Arc::new(Shared { current: ArcSwap::from_pointee(first), wakes: Mutex::new(Vec::new()) });
    (Publisher(Arc::clone(&shared)), Reader(shared))
}

impl Publisher {
    pub fn current(&self) -> Arc<Topology> {
        self.0.current.load_full()
    }

    /// Makes `next` current and wakes every worker. Its epoch must be greater than the current one's.
    pub fn publish(&mut self, next: Topology) {
        assert!(next.epoch > self.0.current.load().epoch, "an epoch never goes back");
        self.0.current.store(Arc::new(next));
        for wake in self.0.wakes.lock().expect("no waker panics while it holds the lock").iter() {
            wake();
        }
    }
}

impl Reader {
    pub fn current(&self) -> Arc<Topology> {
        self.0.current.load_full()
    }

    /// Registers what is to be called after each publication.
    pub fn on_publish(&self, wake: Wake) {
        self.0.wakes.lock().expect("no waker panics while it holds the lock").push(wake);
    }
}

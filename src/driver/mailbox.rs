//! What a worker is handed by the one that accepts: clients. And how it is woken.

use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, OnceLock};

use mio::{Registry, Token, Waker};

use crate::base::ListenerId;

/// One worker's. Bounded by what accepts deliver between two turns; each is a client that is connected
/// already, and one too many for the pool is told so by its worker.
#[derive(Clone, Default)]
pub(crate) struct Mailbox {
    waker: Arc<OnceLock<Waker>>,
    mail: Arc<Mutex<Vec<(ListenerId, TcpStream)>>>,
}

/// One mailbox a worker.
pub(crate) fn mailboxes(workers: usize) -> Arc<[Mailbox]> {
    (0..workers).map(|_| Mailbox::default()).collect()
}

impl Mailbox {
    /// Mail wakes this worker from now on.
    ///
    /// # Errors
    /// When the kernel gives no descriptor, or the mailbox is another worker's.
    pub(super) fn attach(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let waker = Waker::new(registry, token)?;
        // A second worker on one mailbox would take the first one's clients.
        self.waker.set(waker).map_err(|_| io::ErrorKind::AlreadyExists.into())
    }

    /// Ends the worker's sleep: there is a new topology, or the process drains.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            // The only failure is a full pipe: then it is awake.
            let _ = waker.wake();
        }
    }

    pub(super) fn send(&self, listener: ListenerId, stream: TcpStream) {
        self.mail.lock().expect("nobody panics while holding this lock").push((listener, stream));
        self.wake();
    }

    pub(super) fn take(&self) -> Vec<(ListenerId, TcpStream)> {
        core::mem::take(&mut *self.mail.lock().expect("nobody panics while holding this lock"))
    }
}

//! What a worker is handed: clients, by the one that accepts; letters, by the others. And how it is woken.

use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use mio::{Registry, Token, Waker};

use crate::base::ListenerId;
use crate::exchange::{Letter, Letters};

/// One worker's. Clients are bounded by what accepts deliver between two turns; each is connected already, and
/// one too many for the pool is told so by its worker. Letters have bounds of their own.
#[derive(Clone, Default)]
pub(crate) struct Mailbox {
    waker: Arc<OnceLock<Waker>>,
    mail: Arc<Mutex<Mail>>,
}

type Clients = Vec<(ListenerId, TcpStream)>;

#[derive(Default)]
struct Mail {
    clients: Clients,
    letters: Letters,
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
        self.open().clients.push((listener, stream));
        self.wake();
    }

    /// False if there is no room for the letter, or nobody reads any more.
    #[must_use]
    pub(super) fn post(&self, letter: Letter) -> bool {
        let room = self.open().letters.post(letter);
        // One that had no room may have left word that it was missed.
        self.wake();
        room
    }

    pub(super) fn take(&self) -> (Clients, VecDeque<Letter>) {
        let mut mail = self.open();
        (core::mem::take(&mut mail.clients), mail.letters.take())
    }

    /// Its worker ends: letters are refused from now on. Gives what it has not read.
    pub(super) fn close(&self) -> VecDeque<Letter> {
        self.open().letters.close()
    }

    fn open(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().expect("nobody panics while holding this lock")
    }
}

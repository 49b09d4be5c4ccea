//! Free ports, in blocks that nobody else on this machine uses at the same time.
//!
//! All of them lie below 32,768: above begin the ephemeral ports, which outgoing connections of
//! others take without asking. A block is held by a locked file; the lock goes with the process, so
//! nothing has to be cleaned up. A port of a block that cannot be bound is skipped.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Where the first block begins.
const FIRST: u16 = 20_000;
/// Ports in a block.
const SIZE: u16 = 32;
/// No block reaches beyond it.
const END: u16 = 32_768;

/// A block of ports; other laboratories leave it alone until it is dropped.
pub struct Ports {
    next: u16,
    end: u16,
    _lock: File,
}

impl Ports {
    /// The first free block, beginning at one that depends on the process, so that laboratories that
    /// start together rarely try the same.
    pub fn claim() -> io::Result<Ports> {
        let blocks = (END - FIRST) / SIZE;
        let from = (std::process::id() % u32::from(blocks)) as u16;
        for i in 0..blocks {
            let block = (from + i) % blocks;
            if let Some(lock) = try_lock(&format!("{block}.lock"))? {
                let first = FIRST + block * SIZE;
                return Ok(Ports { next: first, end: first + SIZE, _lock: lock });
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "every block of ports is taken"))
    }

    /// The next port of the block that can be bound on loopback.
    pub fn take(&mut self) -> io::Result<u16> {
        while self.next < self.end {
            let port = self.next;
            self.next += 1;
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return Ok(port);
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "this block of ports is used up"))
    }
}

/// Locks a file that stands for something only one process of this machine may have. `None` where
/// somebody has it, or where the file belongs to a user who keeps it from us.
pub(crate) fn try_lock(name: &str) -> io::Result<Option<File>> {
    let path = folder()?.join(name);
    let created = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    // Another user's file: a lock needs no more than reading.
    let file = match created.or_else(|_| File::open(&path)) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
        Err(e) => return Err(e),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(e)) => Err(e),
    }
}

fn folder() -> io::Result<PathBuf> {
    let folder = std::env::temp_dir().join("ketch-ports");
    fs::create_dir_all(&folder)?;
    // Shared by all users, as the ports are. Fails harmlessly for all but the one who made it.
    let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o1777));
    Ok(folder)
}

//! Where a laboratory lives: a private folder, a block of ports, and the guard that ends it all.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::lab::guard::{FOLDER_PREFIX, Guard};
use crate::lab::{LabError, Ports};

/// Folders of this process, so that each gets its own name.
static HOMES: AtomicU32 = AtomicU32::new(0);

/// Shared by everything that was started in it. With the last one that lets go, the folder goes, and
/// whatever still runs. With the environment variable `KETCH_LAB_KEEP` set the folder stays, with the
/// logs of all servers in it.
#[derive(Clone)]
pub struct Home {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    ports: Mutex<Ports>,
    guard: Guard,
}

impl Home {
    /// `ketch` is the executable whose hidden verb is the guard: `std::env::current_exe()` for the
    /// program itself, `env!("CARGO_BIN_EXE_ketch")` for a test.
    pub fn new(ketch: &Path) -> Result<Home, LabError> {
        let number = HOMES.fetch_add(1, Ordering::Relaxed);
        let name = format!("{FOLDER_PREFIX}{}-{number}", std::process::id());
        let folder = make_folder(&name).map_err(LabError::io("make a temporary folder"))?;
        let guard = Guard::start(ketch, &folder)?;
        if std::env::var_os("KETCH_LAB_KEEP").is_some() {
            guard.keep_folder().map_err(LabError::io("tell the guard"))?;
        }
        let ports = Ports::claim().map_err(LabError::io("claim ports"))?;
        Ok(Home { inner: Arc::new(Inner { folder, ports: Mutex::new(ports), guard }) })
    }

    /// Where everything of it lies; readable by this user only.
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// A port that is free and that no other laboratory will take.
    pub fn port(&self) -> Result<u16, LabError> {
        let mut ports = self.inner.ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.take().map_err(LabError::io("take a port"))
    }

    /// The folder stays when everything ends.
    pub fn keep(&self) -> Result<(), LabError> {
        self.guard().keep_folder().map_err(LabError::io("tell the guard"))
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.inner.guard
    }

    /// A new folder in this one, for nobody's eyes but ours.
    pub(crate) fn make_folder(&self, name: &str) -> Result<PathBuf, LabError> {
        let folder = self.inner.folder.join(name);
        private(&folder).map_err(LabError::io(format!("make the folder {}", folder.display())))?;
        Ok(folder)
    }
}

fn make_folder(name: &str) -> io::Result<PathBuf> {
    // Canonical, so that the guard recognises it in what the kernel says about processes.
    let folder = fs::canonicalize(std::env::temp_dir())?.join(name);
    // A leftover of a process with the same number (KETCH_LAB_KEEP, or a machine that went down).
    match fs::remove_dir_all(&folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    private(&folder)?;
    Ok(folder)
}

fn private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(folder)
}

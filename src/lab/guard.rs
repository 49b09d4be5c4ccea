//! The guard: a process that cleans up after a laboratory, however its starter ended.
//!
//! It is `ketch guard FOLDER`, a hidden verb. Its standard input is a pipe from the starter: a line
//! `+PID` or `-PID` for each process that was started or has ended, `keep` if the folder shall stay.
//! When the pipe ends, because the starter is done, panicked, or was killed by a signal that nobody
//! can catch, the guard sends SIGKILL to all it knows (which also ends stopped processes) and removes
//! the folder. It has a session of its own, so neither Ctrl-C nor a closed terminal reaches it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, setsid};

use crate::lab::LabError;

/// Folders of laboratories begin with it; the guard removes no others.
pub(crate) const FOLDER_PREFIX: &str = "ketch-lab-";
/// What the guard says once it has its own session.
const READY: &[u8] = b"ready\n";
/// Between a signal and the next look.
const PAUSE: Duration = Duration::from_millis(20);
/// Attempts to remove the folder: a dying server may still write a file into it.
const REMOVALS: u32 = 50;

/// The starter's end of the pipe. Dropping it ends everything, and waits until that is done.
pub(crate) struct Guard {
    child: Mutex<Child>,
    pipe: Mutex<Option<ChildStdin>>,
}

impl Guard {
    /// `ketch` is the executable that has the verb: the program itself, or what a test was built with.
    pub(crate) fn start(ketch: &Path, folder: &Path) -> Result<Guard, LabError> {
        let what = || LabError::io(format!("start the guard ({} guard)", ketch.display()));
        let mut child = Command::new(ketch)
            .arg("guard")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(what())?;
        let pipe = child.stdin.take();
        let mut said = [0; READY.len()];
        let stdout = child.stdout.take();
        let read =
            stdout.ok_or(io::ErrorKind::BrokenPipe.into()).and_then(|mut out| out.read_exact(&mut said));
        if let Err(source) = read {
            let _ = child.kill();
            let _ = child.wait();
            return Err(what()(source));
        }
        Ok(Guard { child: Mutex::new(child), pipe: Mutex::new(pipe) })
    }

    pub(crate) fn started(&self, pid: u32) -> io::Result<()> {
        self.tell(&format!("+{pid}\n"))
    }

    /// To be called while the process is a zombie at most, so that its number cannot be someone else's.
    pub(crate) fn ended(&self, pid: u32) -> io::Result<()> {
        self.tell(&format!("-{pid}\n"))
    }

    pub(crate) fn keep_folder(&self) -> io::Result<()> {
        self.tell("keep\n")
    }

    fn tell(&self, line: &str) -> io::Result<()> {
        match lock(&self.pipe).as_mut() {
            Some(pipe) => pipe.write_all(line.as_bytes()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(lock(&self.pipe).take());
        let _ = lock(&self.child).wait();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The verb `guard`; `args` are what follows it.
pub fn guard_main(args: &[String]) -> ExitCode {
    let [folder] = args else { return usage() };
    let folder = PathBuf::from(folder);
    let ours = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(FOLDER_PREFIX));
    if !ours || !folder.is_absolute() {
        return usage();
    }
    // Fails only for the leader of a process group, which the starter's child is not.
    let _ = setsid();
    let mut out = io::stdout();
    if out.write_all(READY).and_then(|()| out.flush()).is_err() {
        return ExitCode::FAILURE;
    }
    let watched = watch(BufReader::new(io::stdin()));
    clean_up(&folder, &watched);
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: ketch guard FOLDER (started by `ketch demo` and by tests, not by people)");
    ExitCode::from(2)
}

#[derive(Default)]
struct Watched {
    pids: BTreeSet<i32>,
    keep_folder: bool,
}

/// Listens until the starter is gone.
fn watch(lines: impl BufRead) -> Watched {
    let mut watched = Watched::default();
    for line in lines.lines().map_while(Result::ok) {
        if line == "keep" {
            watched.keep_folder = true;
        } else if let Some(pid) = line.strip_prefix('+') {
            watched.pids.extend(pid.parse::<i32>());
        } else if let Some(Ok(pid)) = line.strip_prefix('-').map(str::parse::<i32>) {
            watched.pids.remove(&pid);
        }
    }
    watched
}

fn clean_up(folder: &Path, watched: &Watched) {
    watched.pids.iter().for_each(|&pid| kill(pid));
    // Twice: a starter that died between starting a server and telling of it left one that may not
    // even have changed into its folder yet.
    for _ in 0..2 {
        living_in(folder).into_iter().for_each(kill);
        thread::sleep(PAUSE);
    }
    if watched.keep_folder {
        return;
    }
    for _ in 0..REMOVALS {
        match fs::remove_dir_all(folder) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => thread::sleep(PAUSE),
            _ => return,
        }
    }
}

fn kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid).filter(|_| pid > 1) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Processes whose working folder lies in `folder`, as every server's does. Empty where there is no
/// /proc.
fn living_in(folder: &Path) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pid_in_folder = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse::<i32>().ok()?;
        fs::read_link(entry.path().join("cwd")).ok()?.starts_with(folder).then_some(pid)
    };
    entries.flatten().filter_map(pid_in_folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_remembers_what_was_started_and_has_not_ended() {
        let watched = watch(&b"+12\n+13\n-12\nnonsense\n+x\n"[..]);
        assert_eq!(watched.pids, BTreeSet::from([13]));
        assert!(!watched.keep_folder);
        assert!(watch(&b"keep\n"[..]).keep_folder);
    }
}

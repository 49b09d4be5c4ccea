//! Finds, reads and checks the configuration, and tells what is wrong with it.

use core::ops::Range;
use std::io::{self, ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

use super::exit;
use crate::config::{self, Checked, Code, Context, Diagnostic, Severity, Source};
use crate::placement::{DISTRIBUTIONS, HASHES};

/// Where the file is looked for when nobody says.
const USUAL: [&str; 2] = ["/etc/ketch/ketch.toml", "ketch.toml"];

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

/// What the command line says about the configuration.
pub(super) struct Options {
    pub(super) config: Option<PathBuf>,
    pub(super) color: Color,
}

/// A configuration's text and the name to call it by.
pub(super) struct Text {
    pub(super) name: String,
    pub(super) text: String,
    /// The file, if it is one.
    pub(super) path: Option<PathBuf>,
}

impl Color {
    /// Whether to colour what goes to the error output.
    fn on_stderr(self) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                !refused && io::stderr().is_terminal()
            }
        }
    }
}

impl Text {
    pub(super) fn source(&self) -> Source<'_> {
        Source { name: &self.name, text: &self.text }
    }
}

/// Reads the file that is meant; `Err` is an exit code, after having told why.
pub(super) fn read(options: &Options) -> Result<Text, u8> {
    let path = match options.config.clone().or_else(|| std::env::var_os("KETCH_CONFIG").map(PathBuf::from)) {
        Some(path) => path,
        None => {
            let usual = USUAL.iter().map(Path::new).find(|path| path.exists());
            usual.map(Path::to_owned).ok_or_else(|| no_file(options))?
        }
    };
    let name = path.display().to_string();
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Text { name, text, path: Some(path) }),
        Err(error) => Err(unreadable(&name, &error, options)),
    }
}

fn no_file(options: &Options) -> u8 {
    let diagnostic = Diagnostic::error(Code::NoFile, "there is no configuration")
        .note(format!("looked for {}", USUAL.join(" and ./")))
        .help("give one with -c FILE; four lines are enough: see docs/configuration.md")
        .help("or try: ketch run --sentinel 127.0.0.1:26379 --master mymaster --listen 127.0.0.1:6380");
    print(&[diagnostic], &Source { name: "", text: "" }, options.color);
    exit::CONFIG
}

fn unreadable(name: &str, error: &io::Error, options: &Options) -> u8 {
    let mut diagnostic = Diagnostic::error(Code::NoFile, format!("cannot read {name}: {error}"));
    let denied = error.kind() == ErrorKind::PermissionDenied;
    if denied {
        diagnostic = diagnostic.help("let the user that runs Ketch read it: chown or chmod");
    }
    print(&[diagnostic], &Source { name, text: "" }, options.color);
    if denied { exit::PERMISSION } else { exit::CONFIG }
}

/// Checks a text. Mistakes are told here, and `Err` is an exit code then; warnings are the caller's to tell.
pub(super) fn check(text: &Text, color: Color) -> Result<Checked, u8> {
    let env = environment();
    let host_name = host_name();
    let context = Context {
        hashes: HASHES,
        distributions: DISTRIBUTIONS,
        host_name: &host_name,
        env: &env,
        read_file: &|path| std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}")),
    };
    match config::check(&text.source(), &context) {
        Ok(mut checked) => {
            let open = readable_by_others(text.path.as_deref(), &checked);
            checked.warnings.extend(open);
            Ok(checked)
        }
        Err(found) => {
            print(&found, &text.source(), color);
            let mistakes = found.iter().filter(|d| d.severity == Severity::Error).count();
            let noun = if mistakes == 1 { "mistake" } else { "mistakes" };
            super::tell(&format!("\n{mistakes} {noun} in {}\n", text.name));
            Err(exit::CONFIG)
        }
    }
}

/// Diagnostics go to the error output, for people.
pub(super) fn print(found: &[Diagnostic], source: &Source<'_>, color: Color) {
    if !found.is_empty() {
        super::tell(&config::render(found, source, color.on_stderr()));
    }
}

/// A warning for each file that holds a password and that not only its owner can read: the
/// configuration itself (`path`, where it is a file), and those that it names.
fn readable_by_others(path: Option<&Path>, checked: &Checked) -> Vec<Diagnostic> {
    let own = path.zip(checked.secrets_by_value.first());
    let own = own.and_then(|(path, span)| {
        readable(path, Some(span.clone()), "; or use password_file, or \"${VARIABLE}\"")
    });
    let named = checked.secret_files.iter();
    let named = named.filter_map(|(path, span)| readable(Path::new(path), span.clone(), ""));
    own.into_iter().chain(named).collect()
}

fn readable(path: &Path, span: Option<Range<usize>>, or: &str) -> Option<Diagnostic> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let warning = Diagnostic::warning(Code::ReadableSecret, "others on this machine can read this password");
    (mode & 0o044 != 0).then(|| {
        warning
            .at(span)
            .note(format!("the mode of {} is {mode:03o}", path.display()))
            .help(format!("chmod 600 {}{or}", path.display()))
    })
}

/// The environment, sorted. What is not Unicode can hold no configuration.
fn environment() -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    env.sort();
    env
}

fn host_name() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = kernel.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    if name.trim().is_empty() { "ketch".to_owned() } else { name.trim().to_owned() }
}

//! Tells the program which compiler built it, for `ketch --version`. The revision is told by whoever
//! builds a release (`KETCH_REVISION`): asking git here would build everything anew after each commit.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let told = Command::new(rustc).arg("--version").output();
    let told = told.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    // "rustc 1.95.0 (59807616e 2026-04-14)": the first two words are enough.
    let name = told.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    println!("cargo:rustc-env=KETCH_RUSTC={}", if name.is_empty() { "rustc unknown" } else { &name });
}

//! docs/commands.md is what the command table says. `KETCH_BLESS=1` writes it.

use std::fs;
use std::path::Path;

use ketch::internals::command::manual;

#[test]
fn the_page_of_commands_is_what_the_table_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    if std::env::var_os("KETCH_BLESS").is_some() {
        fs::write(&file, manual()).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    let differs = written.lines().zip(manual().lines().map(str::to_owned)).find(|(is, should)| is != should);
    assert!(
        written == manual(),
        "docs/commands.md is not what the table says; write it anew with\n  \
         KETCH_BLESS=1 cargo test --test pure commands_manual\n{differs:#?}"
    );
}

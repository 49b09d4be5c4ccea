//! The tidy test tested: small sources that it must refuse, and some that it must let pass.
//!
//! What must not stand in the project is put together from pieces, so that this file holds none of it.

use super::{MAX_LINES, arrows, impurities, shape, undone, workplace_words};

#[test]
fn the_tidy_test_refuses_bad_samples() {
    type Check = fn(&str, &str) -> Vec<String>;
    let bad: &[(Check, &str, &str, &str)] = &[
        (
            arrows,
            "src/engine/a.rs",
            "use crate::control::X;",
            "src/engine/a.rs:1: `engine` may not use `control`",
        ),
        (
            arrows,
            "src/engine/a.rs",
            "//! x\n\nfn f() { crate::driver::go() }",
            "a.rs:3: `engine` may not use `driver`",
        ),
        (arrows, "src/admin/mod.rs", "use crate::control::X;", "`admin` may not use `control`"),
        (arrows, "src/driver/mod.rs", "use crate::admin::X;", "`driver` may not use `admin`"),
        (arrows, "src/base/ids.rs", "use crate::resp::X;", "it may use: nothing"),
        (arrows, "src/lab/mod.rs", "use crate::engine::X;", "it may use: base, resp"),
        (arrows, "src/server/mod.rs", "use crate::cli::X;", "`server` may not use `cli`"),
        (arrows, "src/resp.rs", "use crate::command::X;", "`resp` may not use `command`"),
        (
            arrows,
            "src/resp/mod.rs",
            "#[cfg(test)]\nmod tests { use crate::engine::X; }",
            "mod.rs:2: `resp` may not",
        ),
        (arrows, "src/resp/mod.rs", "use crate :: engine :: X;", "`resp` may not use `engine`"),
        (
            arrows,
            "src/resp/mod.rs",
            "macro_rules! m { () => { $crate::engine::X } }",
            "`resp` may not use `engine`",
        ),
        (arrows, "src/control/mod.rs", "use crate::{failover::A, driver::B};", "one room a path"),
        (arrows, "src/control/mod.rs", "use crate::*;", "one room a path"),
        (arrows, "src/control/mod.rs", "use crate as k;", "one room a path"),
        (arrows, "src/control/mod.rs", "use crate::internals::x::Y;", "`internals` is no room"),
        (arrows, "src/control/mod.rs", "use ketch::internals::x::Y;", "from inside, `crate::`"),
        (arrows, "src/control/source/mod.rs", "use super::super::driver;", "no `super` above another"),
        (arrows, "src/control/a/b.rs", "use super::{super::x};", "no `super` above another"),
        (arrows, "src/control/mod.rs", "use super::driver::X;", "leaves the room"),
        (arrows, "src/control.rs", "fn f() { super::driver::f() }", "leaves the room"),
        (arrows, "src/pantry/mod.rs", "use crate::base::X;", "`pantry` is no room"),
        (
            impurities,
            "src/engine/a.rs",
            "use std::net::SocketAddr;",
            "a.rs:1: `engine` is pure and may not name `std::net`",
        ),
        (impurities, "src/engine/a.rs", "use std::{sync::Arc, fs};", "`std::fs`"),
        (impurities, "src/engine/a.rs", "use std::{io::{self, Read}, thread::spawn};", "`std::thread`"),
        (impurities, "src/tls/a.rs", "fn f() { std::env::var(\"X\"); }", "`std::env`"),
        (impurities, "src/resp/a.rs", "use std::time::{Duration, Instant};", "`Instant`"),
        (impurities, "src/resp/a.rs", "fn f(t: SystemTime) {}", "`SystemTime`"),
        (impurities, "src/metrics/a.rs", "use std::collections::HashMap;", "`HashMap`"),
        (impurities, "src/metrics/a.rs", "use std::collections::hash_map::Entry;", "`hash_map`"),
        (impurities, "src/topology/a.rs", "tokio::spawn(f)", "`tokio`"),
        (impurities, "src/exchange/a.rs", "struct W(mio::Waker);", "`mio`"),
        (impurities, "src/base/a.rs", "#[cfg(test)]\nuse a::{b, c};\nuse std::fs;", "a.rs:3: `base` is pure"),
        (
            impurities,
            "src/base/a.rs",
            "#[cfg(test)]\nmod tests { fn f() {} }\nuse std::fs;",
            "a.rs:3: `base` is pure",
        ),
        (shape, "src/base/a.rs", "// a plain comment\nfn f() {}\n", "opens with `//!`"),
        (shape, "src/base/a.rs", "", "opens with `//!`"),
        (shape, "src/engine/a.rs", LONG, "601 lines"),
        (undone, "src/base/a.rs", concat!("fn f() { to", "do!() }"), "a.rs:1: `todo!`"),
        (undone, "tests/a.rs", concat!("fn f() { unimple", "mented!(\"later\") }"), "`unimplemented!`"),
        (
            undone,
            "tests/a.rs",
            concat!("#[test]\n#[ig", "nore]\nfn f() {}"),
            "a.rs:2: the attribute `ignore`",
        ),
        (undone, "tests/a.rs", concat!("#[ig", "nore = \"slow\"]\nfn f() {}"), "the attribute `ignore`"),
        (undone, "tests/a.rs", "#[cfg_attr(ci, ignore)]\nfn f() {}", "the attribute `ignore`"),
    ];
    for (check, path, text, expected) in bad {
        let refused = check(path, text);
        let said = refused.iter().any(|message| message.contains(expected));
        assert!(said, "{path}\n{text}\nshould have been refused with: {expected}\nbut: {refused:?}");
    }
}

const LONG: &str = {
    const BYTES: [u8; MAX_LINES * 4 + 4] = {
        let mut bytes = [b'\n'; MAX_LINES * 4 + 4];
        let mut at = 0;
        while at < bytes.len() {
            (bytes[at], bytes[at + 1], bytes[at + 2]) = (b'/', b'/', b'!');
            at += 4;
        }
        bytes
    };
    match core::str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => panic!("the sample is ASCII"),
    }
};

#[test]
fn the_tidy_test_refuses_workplace_words() {
    let bad = [
        format!("see /{}/notes", "work"),
        format!("cd /{}/x", "farm"),
        format!("a/.{}/b", "library"),
        format!("as {} 12 says", "issue"),
        format!("({} #7)", "Issue"),
    ];
    for text in bad {
        assert_eq!(workplace_words("README.md", &text).len(), 1, "{text}");
    }
    for text in ["issue 12th", "tissue 5", "an issue of 12 bytes", "framework/x", "a library", "issues 5"] {
        assert_eq!(workplace_words("README.md", text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_tidy_test_lets_good_samples_pass() {
    let good = [
        ("src/engine/a.rs", "//! crate::control, tokio::spawn, HashMap\nuse crate::routing::X;\n"),
        ("src/engine/a.rs", "//! x\n/* std::fs /* HashMap */ crate::driver */\nfn f() {}\n"),
        (
            "src/engine/a.rs",
            "//! x\nconst A: &str = \"crate::control \\\" std::fs\"; const B: &str = r#\"dbg!() \"x\"#;\n",
        ),
        (
            "src/engine/a.rs",
            "//! x\nconst A: &[u8] = br\"\\\"; const B: char = '\"'; fn f<'a>(x: &'a str) {} // \"\n",
        ),
        (
            "src/engine/a.rs",
            "//! x\npub(crate) fn f() {}\nuse super::Y;\nuse core::net::IpAddr;\nuse std::sync::Arc;\n",
        ),
        (
            "src/engine/mod.rs",
            "//! x\n#[cfg(test)]\nmod tests {\n    use super::*;\n    use std::collections::HashMap;\n}\n",
        ),
        ("src/engine/road/tests.rs", "//! x\nuse std::thread;\nuse super::X;\n"),
        (
            "src/control/a.rs",
            "//! x\nuse tokio::sync::mpsc;\nuse std::collections::HashMap;\nuse crate::failover::X;\n",
        ),
        ("src/command/table.rs", LONG),
        ("src/main.rs", "//! x\nfn main() { ketch::main() }\n"),
        ("src/lib.rs", "//! x\npub use cli::main;\npub mod internals { pub use crate::base::*; }\n"),
    ];
    for (path, text) in good {
        for check in [arrows, impurities, shape, undone] {
            assert_eq!(check(path, text), Vec::<String>::new(), "{path}\n{text}");
        }
    }
}

//! Servers for one test each: a redis-server, a valkey-server, a Sentinel that watches nothing, and a
//! connection to it. They end with the test.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ketch::internals::lab::{Client, Group, Options, Program};
use ketch::internals::resp::Value;

use super::said::{Said, entry, text};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Server {
    client: Client,
    _group: Group,
}

impl Server {
    pub(super) fn redis() -> Server {
        Server::start(Program::redis().unwrap(), 1, 0)
    }

    pub(super) fn valkey() -> Server {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        Server::start(Program::valkey(Some(project)).unwrap(), 1, 0)
    }

    pub(super) fn sentinel() -> Server {
        Server::start(Program::redis().unwrap(), 0, 1)
    }

    /// One server: a node, or a Sentinel. It fails nothing over, so it takes nobody's turn.
    fn start(program: Program, shards: usize, sentinels: usize) -> Server {
        let options = Options::with(env!("CARGO_BIN_EXE_ketch"), program);
        let group =
            Group::start(&Options { shards, replicas: 0, sentinels, turn_limit: None, ..options }).unwrap();
        let nodes = group.shards().iter().flat_map(|shard| shard.nodes());
        let mut client = nodes.chain(group.sentinels()).next().unwrap().client().unwrap();
        client.set_limit(PATIENCE);
        let mut server = Server { client, _group: group };
        assert!(!server.ask(&["HELLO", "3"]).is_error());
        server
    }

    pub(super) fn ask(&mut self, words: &[&str]) -> Value {
        self.client.ask(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// What the server says of each of its commands and subcommands.
    pub(super) fn commands(mut self) -> BTreeMap<String, Said> {
        let (commands, docs) = (self.ask(&["COMMAND"]), self.ask(&["COMMAND", "DOCS"]));
        let mut all = BTreeMap::new();
        for command in commands.elements().unwrap() {
            let parts = command.elements().unwrap();
            let doc = entry(&docs, &text(&parts[0])).unwrap();
            all.extend([Said::by_server(command, doc)]);
            for subcommand in parts[9].elements().unwrap() {
                let name = text(&subcommand.elements().unwrap()[0]);
                let docs = entry(doc, "subcommands").unwrap();
                all.extend([Said::by_server(subcommand, entry(docs, &name).unwrap())]);
            }
        }
        all
    }
}

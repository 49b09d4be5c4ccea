//! Noise: whatever clients and nodes send, the engine neither panics nor breaks an invariant.

use super::model::Promises;
use super::setup::{Chance, Plan, client_socket};
use super::world::World;

use ketch::internals::base::{ClientId, ListenerId};

const BYTES: &[&[u8]] = &[
    b"*",
    b"$",
    b":",
    b"+",
    b"-",
    b"\r\n",
    b"1",
    b"0",
    b"-1",
    b"3",
    b"99999999",
    b"GET",
    b"SET",
    b"k",
    b"MGET",
    b"MSET",
    b" ",
    b"\"",
    b"*1\r\n$4\r\nPING\r\n",
    b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    b"PING\r\n",
    b"QUIT\r\n",
    b"CLIENT LIST\r\n",
    b"CLIENT KILL ADDR 1:1\r\n",
    b"CLIENT PAUSE 500\r\n",
    b"CLIENT PAUSE 900 WRITE\r\n",
    b"CLIENT UNPAUSE\r\n",
    b"MONITOR\r\n",
    b"RESET\r\n",
    b"CLIENT REPLY OFF\r\n",
    b"CLIENT REPLY SKIP\r\n",
    b"CLIENT REPLY ON\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$70000\r\n",
    b"+OK\r\n",
    b"$5\r\nhello\r\n",
    b"*2\r\n$1\r\na\r\n:1\r\n",
    b"%1\r\n",
    b"-READONLY You can't write against a read only replica.\r\n",
    b"-LOADING x\r\n",
    b"\0\xff",
    b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n",
];

fn noise(chance: &mut Chance) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + chance.below(20) {
        if chance.one_in(6) {
            bytes.extend((0..chance.below(50)).map(|_| chance.next() as u8));
        } else {
            bytes.extend_from_slice(BYTES[chance.below(BYTES.len())]);
        }
    }
    bytes
}

pub(crate) fn run(seed: u64) {
    let promises = Promises { calm: false, strict: false };
    let mut world = World::new(seed, Plan { workers: 2, shards: 2, nodes: 2, ..Plan::default() }, promises);
    world.watched = false;
    let mut clients: Vec<ClientId> = Vec::new();
    for step in 0..200 {
        world.turn(0, |world| {
            let engine = &mut world.sites[0].engine;
            if clients.len() < 4 {
                clients.push(engine.client_opened(ListenerId(0), client_socket(step)));
            }
            let at = world.chance.below(clients.len());
            match world.chance.below(12) {
                0..=5 => engine.client_bytes(clients[at], &noise(&mut world.chance)),
                6 if world.chance.one_in(3) => engine.client_eof(clients.swap_remove(at)),
                _ => {
                    let upstreams: Vec<_> = world.sites[0].upstreams.keys().copied().collect();
                    let Some(id) = upstreams.get(world.chance.below(upstreams.len())).copied() else {
                        return;
                    };
                    world.finish_connect(0, id, true);
                    if world.chance.one_in(3) {
                        world.node_nods(0, id);
                        world.deliver_node(0, id, usize::MAX);
                    } else {
                        let bytes = noise(&mut world.chance);
                        world.sites[0].engine.upstream_bytes(id, &bytes);
                    }
                }
            }
        });
        world.now = world.now + core::time::Duration::from_millis(world.chance.below(300) as u64);
        if world.chance.one_in(3) {
            world.turn(1, |_| {});
        }
        if world.chance.one_in(20) {
            let kill = b"\r\nCLIENT KILL TYPE normal SKIPME no\r\n";
            let at = world.chance.below(clients.len());
            if let Some(id) = clients.get(at).copied() {
                world.turn(0, |world| world.sites[0].engine.client_bytes(id, kill));
            }
        }
    }
}

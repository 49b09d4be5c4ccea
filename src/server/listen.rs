//! Listening sockets, had before anything else is started: what can't be bound is told at once, with who
//! holds it and what to do.

use std::net::{TcpListener, ToSocketAddrs};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{NOT_PERMITTED, PORT_IN_USE, Refusal};
use crate::base::{Address, ListenerId};
use crate::config::Config;
use crate::driver;

/// All listeners of all pools, numbered as the topology numbers them: in the order of the configuration.
pub(super) fn all(config: &Config) -> Result<Vec<(ListenerId, TcpListener)>, Refusal> {
    let addresses = config.pools.iter().flat_map(|pool| &pool.listeners).map(|l| &l.address);
    addresses.enumerate().map(|(i, address)| Ok((ListenerId(i as u16), bind(address, "listen")?))).collect()
}

pub(super) fn admin(config: &Config) -> Result<Option<TcpListener>, Refusal> {
    config.admin.as_ref().map(|address| bind(address, "admin.listen")).transpose()
}

fn bind(address: &Address, key: &str) -> Result<TcpListener, Refusal> {
    let found = (address.host.as_str(), address.port).to_socket_addrs().map(|mut a| a.next());
    let socket = match found {
        Ok(Some(socket)) => socket,
        Ok(None) => return Err(Refusal::new(format!("'{}' of {key} has no address", address.host))),
        Err(error) => {
            return Err(Refusal::new(format!("'{}' of {key} can't be resolved: {error}", address.host)));
        }
    };
    driver::bind(socket).map_err(|failed| refusal(address, key, &failed))
}

fn refusal(address: &Address, key: &str, failed: &driver::BindError) -> Refusal {
    match failed.error.kind() {
        std::io::ErrorKind::AddrInUse => Refusal {
            text: format!(
                "{address} is already taken by another process: choose another '{key}', or stop it"
            ),
            code: PORT_IN_USE,
        },
        std::io::ErrorKind::PermissionDenied => Refusal {
            text: format!("{address} may not be bound by this user: choose a port above 1023 for '{key}'"),
            code: NOT_PERMITTED,
        },
        std::io::ErrorKind::AddrNotAvailable => {
            Refusal::new(format!("{address} is no address of this machine: change '{key}'"))
        }
        _ => Refusal::new(format!("{key}: {failed}")),
    }
}

/// As many descriptors as this user may have: each client and each upstream is one.
pub(super) fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Where that is not allowed the old limit stands, and accepting says when it is reached.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}

//! Where clients connect, and whether that is safe.

use super::pool::read_policy;
use super::{Check, position};
use crate::base::Address;
use crate::config::file::ROUTES;
use crate::config::read::Fields;
use crate::config::tree::Place;
use crate::config::{Code, Diagnostic, ListenerConfig, ReadPolicy, Route};

impl Check<'_> {
    /// `guarded`: users are defined, or the operator said that none are needed.
    pub(super) fn listeners(
        &mut self,
        pool: &str,
        fields: &Fields,
        reads: ReadPolicy,
        guarded: bool,
    ) -> Vec<ListenerConfig> {
        let mut listeners: Vec<(ListenerConfig, Place)> = Vec::new();
        if let Some(address) = fields.address("listen") {
            let place = fields.place_of("listen").cloned().unwrap_or_default();
            listeners
                .push((ListenerConfig { address, announce: None, route: Route::Auto, reads: None }, place));
        }
        for table in fields.tables("listen").unwrap_or_default() {
            listeners.extend(self.listener(&table, reads));
        }
        if listeners.is_empty()
            && !fields.is_broken("listen")
            && fields.tables("listen").is_none_or(|t| t.is_empty())
        {
            self.tell(
                Diagnostic::error(Code::Missing, format!("{} listens nowhere", fields.title))
                    .place(&fields.place)
                    .help("write listen = \"127.0.0.1:6380\""),
            );
        }
        for (listener, place) in &listeners {
            self.bind(&listener.address, place);
            if !listener.address.is_loopback() && !guarded {
                self.tell(open(&listener.address, pool).place(place));
            }
        }
        listeners.into_iter().map(|(listener, _)| listener).collect()
    }

    fn listener(&mut self, table: &Fields, pool_reads: ReadPolicy) -> Option<(ListenerConfig, Place)> {
        let route = match position(ROUTES, table.text("route")) {
            1 => Route::Primary,
            2 => Route::Replica,
            _ => Route::Auto,
        };
        let reads = self.listener_reads(table, route, pool_reads);
        let Some(address) = table.address("address") else {
            if !table.is_broken("address") {
                self.tell(
                    Diagnostic::error(Code::Missing, "a listener needs an address")
                        .place(&table.place)
                        .help("write address = \"127.0.0.1:6380\""),
                );
            }
            return None;
        };
        let place = table.place_of("address").cloned().unwrap_or_default();
        let announce = self.announce(table);
        Some((ListenerConfig { address, announce, route, reads }, place))
    }

    /// Clients are sent there, so it must be somewhere.
    fn announce(&mut self, table: &Fields) -> Option<Address> {
        let announce = table.address("announce")?;
        if announce.literal().is_some_and(|literal| literal.ip().is_unspecified()) {
            self.tell(
                Diagnostic::error(Code::Contradiction, format!("nobody can connect to {announce}"))
                    .place(table.place_of("announce").unwrap_or(&table.place))
                    .help("announce the address that clients connect to, or leave it out"),
            );
            return None;
        }
        Some(announce)
    }

    /// The route says already which nodes serve reads; `reads` may only be more precise.
    fn listener_reads(&mut self, table: &Fields, route: Route, pool: ReadPolicy) -> Option<ReadPolicy> {
        let written = read_policy(table.text("reads"));
        let word = ROUTES[route as usize];
        match (route, written) {
            (Route::Auto, written) => written,
            (Route::Primary, None | Some(ReadPolicy::Primary)) => Some(ReadPolicy::Primary),
            (Route::Replica, None) if pool == ReadPolicy::Primary => Some(ReadPolicy::Replica),
            (Route::Replica, written) if written != Some(ReadPolicy::Primary) => written,
            (Route::Primary | Route::Replica, _) => {
                self.tell(
                    Diagnostic::error(
                        Code::Contradiction,
                        format!("route = \"{word}\" and this 'reads' exclude each other"),
                    )
                    .place(table.place_of("reads").unwrap_or(&table.place))
                    .related(table.place_of("route").and_then(|place| place.span.clone()), "the route")
                    .help("leave one of them out; route = \"auto\" follows 'reads'"),
                );
                None
            }
        }
    }

    /// Notes that an address is listened on, and tells if it is taken already.
    pub(super) fn bind(&mut self, address: &Address, place: &Place) {
        if let Some((other, first)) = self.bound.iter().find(|(other, _)| clash(address, other)).cloned() {
            let message = if other == *address {
                format!("two listeners have the address {address}")
            } else {
                format!("{address} and {other} cannot be listened on at once")
            };
            let mut diagnostic = Diagnostic::error(Code::DuplicateListener, message)
                .place(place)
                .related(first.span.clone(), "taken here");
            if first == Place::default() {
                diagnostic = diagnostic.note("it is the default of [admin] listen");
            }
            self.tell(diagnostic.help("give each listener a port of its own"));
        }
        self.bound.push((address.clone(), place.clone()));
    }
}

/// The same address, or one of them is all addresses of the machine.
fn clash(a: &Address, b: &Address) -> bool {
    let host = |address: &Address| match address.host.as_str() {
        "localhost" => "127.0.0.1".to_owned(),
        other => other.to_owned(),
    };
    let all = |address: &Address| matches!(address.host.as_str(), "0.0.0.0" | "::");
    let is_v6 = |address: &Address| address.host.contains(':');
    a.port == b.port
        && (host(a) == host(b)
            || [(a, b), (b, a)].iter().any(|(one, other)| all(one) && (one.host == "::" || !is_v6(other))))
}

fn open(address: &Address, pool: &str) -> Diagnostic {
    Diagnostic::error(Code::OpenListener, format!("refusing to listen on {address} without users"))
        .label("reachable from other machines")
        .help(format!("add [[pool.{pool}.user]] with name = \"…\" and password_file = \"…\""))
        .help(format!("or listen on 127.0.0.1:{}, or write insecure = true in [pool.{pool}]", address.port))
}

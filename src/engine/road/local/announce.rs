//! Where clients find a listener: what SENTINEL answers, and what a replica listener calls its primary.

use core::net::IpAddr;

use crate::base::Address;
use crate::config::Route;
use crate::topology::ListenerInfo;

use super::Context;

/// What the configuration announces; else the listener's own address; where that is every address of the
/// machine, the one that the client is connected to.
pub(super) fn of(cx: &Context<'_>, listener: &ListenerInfo) -> Address {
    if let Some(announce) = &listener.announce {
        return announce.clone();
    }
    let address = &listener.address;
    let everywhere = |ip: IpAddr| ip.is_unspecified();
    match address.literal() {
        Some(literal) if everywhere(literal.ip()) => Address::new(here(cx), address.port),
        _ => address.clone(),
    }
}

/// The host that the client found Ketch at.
fn here(cx: &Context<'_>) -> String {
    match cx.client.local.map(|local| local.ip().to_canonical()) {
        Some(ip) if !ip.is_unspecified() => ip.to_string(),
        _ => "localhost".to_owned(),
    }
}

/// The listener that takes this client's writes: its own if that does, else the pool's first that does,
/// else its own.
pub(super) fn for_writes<'a>(cx: &Context<'a>) -> &'a ListenerInfo {
    if cx.listener.route != Route::Replica {
        return cx.listener;
    }
    let mut listeners = cx.topology.listeners.iter();
    listeners.find(|l| l.pool == cx.pool.id && l.route != Route::Replica).unwrap_or(cx.listener)
}

/// The pool's listeners that serve reads alone.
pub(super) fn for_reads<'a>(cx: &Context<'a>) -> impl Iterator<Item = &'a ListenerInfo> {
    let pool = cx.pool.id;
    cx.topology.listeners.iter().filter(move |l| l.pool == pool && l.route == Route::Replica)
}

//! Names become addresses here and nowhere else: no thread of the data plane ever waits for a resolver.

use core::net::SocketAddr;
use core::time::Duration;

use crate::base::Address;

/// How long an address is used before its name is looked up again. Resolvers keep their own, shorter
/// or longer, memory; this is only how soon a moved name is noticed while the old address answers.
pub(super) const LOOK_UP_AGAIN: Duration = Duration::from_secs(30);

/// A resolver that does not answer must not hold up probing for longer than this.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(5);

/// The address to connect to; of several the first, unless `current` is still among them.
pub(super) async fn resolve(address: &Address, current: Option<SocketAddr>) -> Option<SocketAddr> {
    if let Some(literal) = address.literal() {
        return Some(literal);
    }
    let lookup = tokio::net::lookup_host((address.host.as_str(), address.port));
    let found: Vec<SocketAddr> = tokio::time::timeout(LOOK_UP_TIMEOUT, lookup).await.ok()?.ok()?.collect();
    current.filter(|c| found.contains(c)).or_else(|| found.first().copied())
}

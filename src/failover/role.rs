//! A node's own word about its role, read from the reply to ROLE.

use crate::base::Address;
use crate::resp::Value;
use crate::topology::SeenRole;

/// What a reply to ROLE says (`replicationRole` of Redis's `replication.c`); `None` if it is none, or a
/// Sentinel's.
pub fn role_of(reply: &Value) -> Option<SeenRole> {
    let elements = reply.elements()?;
    match elements.first()?.text()? {
        "master" => Some(SeenRole::Primary),
        "slave" => {
            let port = elements.get(2)?.number().and_then(|n| u16::try_from(n).ok())?;
            let of = Address::new(elements.get(1)?.text()?, port);
            Some(SeenRole::Replica { of, link_up: elements.get(3)?.text()? == "connected" })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_says_what_it_is() {
        let role = |bytes: &[u8]| role_of(&Value::parse(bytes).unwrap().unwrap().0);
        assert_eq!(role(b"*3\r\n$6\r\nmaster\r\n:42\r\n*0\r\n"), Some(SeenRole::Primary));
        let replica = b"*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:6379\r\n$9\r\nconnected\r\n:42\r\n";
        let of = Address::new("127.0.0.1", 6379);
        assert_eq!(role(replica), Some(SeenRole::Replica { of, link_up: true }));
        assert_eq!(role(b"*2\r\n$8\r\nsentinel\r\n*0\r\n"), None);
        assert_eq!(role(b"+OK\r\n"), None);
    }
}

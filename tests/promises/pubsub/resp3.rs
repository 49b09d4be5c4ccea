//! In RESP3 a subscriber goes on asking: messages are pushes, between replies and never within one.

use ketch::internals::lab::Client;
use ketch::internals::resp::Value;

use crate::support::{Stage, bulk, encode, noise};

fn push(words: &[&str]) -> Value {
    Value::Push(words.iter().map(bulk).collect())
}

fn client(stage: &Stage) -> Client {
    let mut client = stage.client();
    assert!(matches!(client.ask(&["HELLO", "3"]).unwrap(), Value::Map(_)));
    client
}

#[test]
fn messages_go_between_replies_also_where_those_pass_in_pieces() {
    let stage = Stage::shards(3);
    let channel = stage.keys_on(0, 1).remove(0);
    let large = stage.keys_on(1, 1).remove(0);
    let value = noise(6 << 20, 7);
    let (mut reader, mut publisher) = (client(&stage), stage.client());
    publisher.ask(&[b"SET".as_slice(), large.as_bytes(), &value]).unwrap();
    let confirmation = reader.ask(&["SUBSCRIBE", &channel]).unwrap();
    assert_eq!(confirmation, Value::Push(vec![bulk("subscribe"), bulk(&channel), Value::Integer(1)]));
    let (mut messages, mut values) = (0, 0);
    for _ in 0..5 {
        let mut requests = Vec::new();
        (0..4).for_each(|_| requests.extend(encode(&["GET", &large])));
        reader.send_raw(&requests).unwrap();
        // While the reader reads nothing, its replies have begun and can't end.
        for n in 0..200 {
            let message = (messages + n).to_string();
            assert_eq!(publisher.ask(&["PUBLISH", &channel, &message]).unwrap(), Value::Integer(1));
        }
        let until = messages + 200;
        let mut read = 0;
        while read < 4 || messages < until {
            match reader.read().unwrap() {
                Value::Bulk(bytes) => {
                    assert!(bytes == value, "a value came whole");
                    read += 1;
                }
                other => {
                    assert_eq!(other, push(&["message", &channel, &messages.to_string()]));
                    messages += 1;
                }
            }
        }
        values += read;
    }
    assert_eq!((values, messages), (20, 1000));
}

#[test]
fn a_client_that_goes_back_to_resp2_keeps_its_subscriptions_in_that_form() {
    let stage = Stage::shards(2);
    let (mut reader, mut publisher) = (client(&stage), stage.client());
    reader.ask(&["SUBSCRIBE", "c"]).unwrap();
    publisher.ask(&["PUBLISH", "c", "one"]).unwrap();
    assert_eq!(reader.read().unwrap(), push(&["message", "c", "one"]));
    assert!(matches!(reader.ask(&["HELLO", "2"]).unwrap(), Value::Array(_)));
    publisher.ask(&["PUBLISH", "c", "two"]).unwrap();
    assert_eq!(reader.read().unwrap(), Value::Array(vec![bulk("message"), bulk("c"), bulk("two")]));
    crate::support::expect_error(&reader.ask(&["GET", "k"]).unwrap(), "ERR Can't execute 'get'");
}

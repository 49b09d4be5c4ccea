//! The rows: every metric that Ketch has. To add one, write its row here, its line in
//! docs/metrics.md (a test compares them) and the line that counts.
//!
//! Names begin with `ketch_` (`process_` for what every process has), are in base units, and end in
//! `_total` where they only grow. `shard` is the label that stays the same over failovers; `node` is
//! an address. No label takes a value that clients make up: `cmd` is a name of the command table or
//! `other`.

use super::{Kind, Row};

macro_rules! rows {
    ($($name:ident: $kind:ident $text:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = $help]
            pub static $name: Row =
                Row { name: $text, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )+

        /// Every row, in the order of docs/metrics.md.
        pub static ALL: &[&Row] = &[$(&$name),+];
    };
}

rows! {
    // The process.
    BUILD_INFO: Gauge "ketch_build_info" ["version"]
        "Always 1; the version is in the label.";
    START_TIME_SECONDS: Gauge "ketch_start_time_seconds" []
        "When this process started, in seconds since 1970.";
    TOPOLOGY_EPOCH: Gauge "ketch_topology_epoch" []
        "Number of the current topology; grows by one with each change.";
    OBSERVATIONS_DROPPED_TOTAL: Counter "ketch_observations_dropped_total" []
        "Facts about nodes that a worker could not hand to the control plane because its queue was full.";
    PROCESS_CPU_SECONDS_TOTAL: Counter "process_cpu_seconds_total" []
        "Processor time spent, user and system, in seconds.";
    PROCESS_RESIDENT_MEMORY_BYTES: Gauge "process_resident_memory_bytes" []
        "Memory of the process that is in RAM, in bytes.";
    PROCESS_VIRTUAL_MEMORY_BYTES: Gauge "process_virtual_memory_bytes" []
        "Address space of the process, in bytes.";
    PROCESS_OPEN_FDS: Gauge "process_open_fds" []
        "File descriptors that are open, connections included.";
    PROCESS_MAX_FDS: Gauge "process_max_fds" []
        "File descriptors that the process may have open.";
    PROCESS_START_TIME_SECONDS: Gauge "process_start_time_seconds" []
        "The same as ketch_start_time_seconds, by the name that dashboards know.";

    // Clients.
    CLIENT_CONNECTIONS: Gauge "ketch_client_connections" ["pool", "listener"]
        "Clients that are connected.";
    CLIENT_CONNECTIONS_TOTAL: Counter "ketch_client_connections_total" ["pool"]
        "Clients that were accepted.";
    CLIENT_CONNECTIONS_REJECTED_TOTAL: Counter "ketch_client_connections_rejected_total" ["pool", "reason"]
        "Clients that were refused at accept.";
    CLIENT_CLOSED_TOTAL: Counter "ketch_client_closed_total" ["pool", "reason"]
        "Client connections that ended, by reason.";
    CLIENT_RECEIVED_BYTES_TOTAL: Counter "ketch_client_received_bytes_total" ["pool"]
        "Bytes read from clients.";
    CLIENT_SENT_BYTES_TOTAL: Counter "ketch_client_sent_bytes_total" ["pool"]
        "Bytes written to clients.";
    CLIENT_PROTOCOL_ERRORS_TOTAL: Counter "ketch_client_protocol_errors_total" ["pool", "reason"]
        "Clients that sent something that is not RESP, or is larger than a limit.";

    // Commands.
    COMMANDS_TOTAL: Counter "ketch_commands_total" ["pool", "cmd", "class"]
        "Commands of clients; class is read, write, or admin (answered by Ketch, never forwarded, or for administrators). A command that was never called has no series.";
    COMMAND_ERRORS_TOTAL: Counter "ketch_command_errors_total" ["pool", "code"]
        "Error replies that clients got, by first word, whoever said them.";
    OWN_ERRORS_TOTAL: Counter "ketch_own_errors_total" ["pool", "reason"]
        "Errors that Ketch itself said, by cause; one of each part of a split command.";

    // Nodes.
    NODE_UP: Gauge "ketch_node_up" ["pool", "shard", "node"]
        "1 while the node answers probes, also while one of them just failed.";
    NODE_ROLE: Gauge "ketch_node_role" ["pool", "shard", "node", "role"]
        "1 for the role that the node is believed to have, 0 for the others.";
    NODE_STATE: Gauge "ketch_node_state" ["pool", "shard", "node", "state"]
        "1 for what an operator wants of the node, 0 for the others.";
    NODE_CONNECTIONS: Gauge "ketch_node_connections" ["pool", "node"]
        "Connections to the node.";
    NODE_REQUESTS_TOTAL: Counter "ketch_node_requests_total" ["pool", "shard", "node"]
        "Requests sent to the node, Ketch's own not counted.";
    NODE_SENT_BYTES_TOTAL: Counter "ketch_node_sent_bytes_total" ["pool", "shard", "node"]
        "Bytes written to the node.";
    NODE_RECEIVED_BYTES_TOTAL: Counter "ketch_node_received_bytes_total" ["pool", "shard", "node"]
        "Bytes read from the node.";
    UPSTREAM_CLOSED_TOTAL: Counter "ketch_upstream_closed_total" ["pool", "node", "reason"]
        "Connections to the node that ended, by reason.";
    CONNECT_ERRORS_TOTAL: Counter "ketch_connect_errors_total" ["pool", "node"]
        "Connections to the node that could not be made.";
    REQUEST_TIMEOUTS_TOTAL: Counter "ketch_request_timeouts_total" ["pool", "node"]
        "Requests to which the node did not reply within the time-out.";

    // Shards and failover.
    SHARD_WRITABLE: Gauge "ketch_shard_writable" ["pool", "shard"]
        "1 while the shard has a primary and its writes may go.";
    FAILOVERS_TOTAL: Counter "ketch_failovers_total" ["pool", "shard"]
        "Times that another primary was believed.";
    HELD_REQUESTS: Gauge "ketch_held_requests" ["pool", "shard"]
        "Requests that wait until they may go.";
    HELD_REQUESTS_TOTAL: Counter "ketch_held_requests_total" ["pool", "shard"]
        "Requests that had to wait until they could go.";
    OUTCOME_UNKNOWN_TOTAL: Counter "ketch_outcome_unknown_total" ["pool", "shard"]
        "Writes of which nobody knows whether they were executed; their clients were told so.";
    RESENT_TOTAL: Counter "ketch_resent_total" ["pool", "shard", "class"]
        "Requests that were sent again; a write only where the node had said that it was not executed.";
}

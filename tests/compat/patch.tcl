# What the copy of Redis's test suite does otherwise than the original. Sourced at the end of its helpers.
#
#   COMPAT_NODES        "host:port host:port ...": what changes a server from outside (CONFIG, DEBUG, and the
#                       cleaning between units) goes to these nodes instead of through the proxy.
#                       Empty: nothing is sent another way.
#   COMPAT_REPLY_LIMIT  seconds to wait for a reply; then the test fails, and the next one gets a new connection.
#
# It deliberately leaves every test as it is: only the helpers below them change.

# The runner reads what is printed while it is printed.
fconfigure stdout -buffering line

namespace eval compat {
    variable nodes $::env(COMPAT_NODES)
    variable reply_limit [expr {$::env(COMPAT_REPLY_LIMIT) * 1000}]
    variable channel            ;# client,node -> socket
    variable database           ;# client -> the database that it selected
    variable in_multi           ;# client -> 1 between MULTI and EXEC
    variable cut                ;# client -> 1 after its connection was given up here
    variable owed               ;# client -> where its next replies come from, if it reads them later
    variable ready
    array set channel {}
    array set database {}
    array set in_multi {}
    array set cut {}
    array set owed {}
    array set ready {}
}

# ---- what goes around the proxy -----------------------------------------------------------------

# DEBUG PROTOCOL is a question about the connection that it came on: it has to go the same way.
proc compat::goes_around {words} {
    lassign [string tolower [lrange $words 0 1]] command what
    switch -- $command {
        config { return [expr {$what in {set get resetstat}}] }
        debug { return [expr {$what ne "protocol"}] }
        save - bgsave - bgrewriteaof - lastsave { return 1 }
    }
    return 0
}

# Sends without waiting, on the connections of `client` to all nodes; 0 stands for no client of the suite's.
proc compat::send {client words} {
    variable nodes
    foreach node $nodes { send_to $client $node $words }
}

proc compat::send_to {client node words} {
    variable channel
    if {![info exists channel($client,$node)]} {
        lassign [split $node :] host port
        set channel($client,$node) [socket $host $port]
        fconfigure $channel($client,$node) -translation binary
    }
    set request "*[llength $words]\r\n"
    foreach word $words { append request "$[string length $word]\r\n$word\r\n" }
    puts -nonewline $channel($client,$node) $request
    flush $channel($client,$node)
}

# The reply of one node, as {code text}. The suite's own reader reads it, as for a client with the number 0.
set ::redis::readraw(0) 0
set ::redis::fd(0) node
proc compat::receive_from {client node} {
    variable channel
    if {![info exists channel($client,$node)]} { return {1 {the node has gone}} }
    set code [catch {::redis::redis_read_reply 0 $channel($client,$node)} reply]
    if {$::redis::fd(0) eq {}} {
        set ::redis::fd(0) node
        unset channel($client,$node)
    }
    return [list $code $reply]
}

# What the first node answers that has an answer: a key is on one node only, and the others answer an error.
proc compat::receive {client words} {
    variable nodes
    set replies {}
    foreach node $nodes { lappend replies [receive_from $client $node] }
    if {[string match -nocase "debug digest" $words]} { return [digest $replies] }
    foreach reply $replies {
        if {[lindex $reply 0] == 0} { return [lindex $reply 1] }
    }
    return -code error [lindex $replies 0 1]
}

# To all nodes at once, so that DEBUG SLEEP sleeps once.
proc compat::around {client database words} {
    send $client [list SELECT $database]
    send $client $words
    catch {receive $client {}}
    return [receive $client $words]
}

# Digests are only ever compared with each other, so those of all nodes in a row do.
proc compat::digest {replies} {
    set all {}
    foreach reply $replies { append all [lindex $reply 1] }
    if {[string trim $all 0] eq {}} { return [string repeat 0 40] }
    return $all
}

# What INFO tells of a node's memory, files and background work, which the tests wait for. Everything else is
# asked of Ketch.
proc compat::is_inside {field} {
    return [regexp {^(used_memory|mem_|allocator_|active_defrag|rdb_|aof_|lazyfree|expired_|evicted_keys)} $field]
}

# A number is the sum over the nodes.
proc compat::inside {field} {
    variable nodes
    send 0 {INFO all}
    set values {}
    foreach node $nodes {
        lassign [receive_from 0 $node] code info
        if {$code} { return -code error $info }
        lappend values [getInfoProperty $info $field]
    }
    foreach value $values {
        if {![string is integer -strict $value]} { return $value }
    }
    return [::tcl::mathop::+ {*}$values]
}

rename status compat_status
proc status {r field} {
    if {$::compat::nodes ne "" && [::compat::is_inside $field]} { return [::compat::inside $field] }
    return [uplevel 1 [list compat_status $r $field]]
}

# ---- the suite's client -------------------------------------------------------------------------

rename ::redis::__dispatch__raw__ ::redis::compat_dispatch
proc ::redis::__dispatch__raw__ {id method argv} {
    set words [linsert $argv 0 $method]
    if {[::compat::may_go_around $id] && [::compat::goes_around $words]} {
        return [::compat::take_around $id $words]
    }
    if {[string equal -nocase $method ping] && [llength $argv] == 0
        && [::compat::may_go_around $id] && !$::redis::deferred($id)} { ::compat::refuse_if_busy }
    if {[::compat::is_owed_from_around $id $method]} {
        return [::compat::read_from_around $id]
    }
    ::compat::reconnect $id $method
    set code [catch {::redis::compat_dispatch $id $method $argv} reply options]
    ::compat::remember $id $method $argv $code
    if {$code} { return -options $options $reply }
    return $reply
}

# What is said in a transaction belongs to it.
proc compat::may_go_around {id} {
    variable nodes
    variable in_multi
    return [expr {$nodes ne "" && $::redis::blocking($id) && ![info exists in_multi($id)]}]
}

# Tests of scripts that run too long say PING to see whether a node is busy. Ketch answers PING by itself.
proc compat::refuse_if_busy {} {
    if {[catch {around 0 0 ping} reply] && [string match BUSY* $reply]} { return -code error $reply }
}

proc compat::take_around {id words} {
    variable owed
    if {$::redis::deferred($id)} {
        send $id [list SELECT [database_of $id]]
        send $id $words
        lappend owed($id) $words
        return
    }
    # The proxy has counters, and some parameters, of its own.
    if {[string tolower [lindex $words 1]] in {resetstat set}} {
        catch {::redis::compat_dispatch $id [lindex $words 0] [lrange $words 1 end]}
    }
    return [around 0 [database_of $id] $words]
}

# A client that reads its replies later has a list of where they will come from.
proc compat::is_owed_from_around {id method} {
    variable owed
    if {$method ne "read" || ![info exists owed($id)]} { return 0 }
    set words [lindex $owed($id) 0]
    if {$words eq "wire"} { set owed($id) [lrange $owed($id) 1 end] }
    return [expr {$words ni {wire {}}}]
}

proc compat::read_from_around {id} {
    variable owed
    set words [lindex $owed($id) 0]
    set owed($id) [lrange $owed($id) 1 end]
    catch {receive $id {}}
    return [receive $id $words]
}

proc compat::database_of {id} {
    variable database
    if {[info exists database($id)]} { return $database($id) }
    return 0
}

proc compat::remember {id method argv code} {
    variable database
    variable in_multi
    variable owed
    if {$code} return
    if {[info exists ::redis::deferred($id)] && $::redis::deferred($id)
        && [info commands ::redis::__method__$method] eq {}} { lappend owed($id) wire }
    switch -- [string tolower $method] {
        select { set database($id) [lindex $argv 0] }
        multi { set in_multi($id) 1 }
        exec - discard { unset -nocomplain in_multi($id) }
        reset { unset -nocomplain in_multi($id) database($id) }
        close { forget $id }
    }
}

proc compat::forget {id} {
    variable channel
    unset -nocomplain ::compat::in_multi($id) ::compat::database($id) ::compat::cut($id) ::compat::owed($id)
    foreach {name socket} [array get channel $id,*] {
        catch {close $socket}
        unset channel($name)
    }
}

# ---- replies that never come --------------------------------------------------------------------

rename ::redis::redis_read_reply ::redis::compat_read_reply
proc ::redis::redis_read_reply {id fd} {
    ::compat::await_reply $id $fd
    return [::redis::compat_read_reply $id $fd]
}

proc compat::await_reply {id fd} {
    variable ready
    variable reply_limit
    if {[chan pending input $fd] > 0} return
    set before [fileevent $fd readable]
    set ready($fd) waiting
    set timer [after $reply_limit [list set ::compat::ready($fd) late]]
    fileevent $fd readable [list set ::compat::ready($fd) readable]
    while {$ready($fd) eq "waiting"} { vwait ::compat::ready($fd) }
    after cancel $timer
    fileevent $fd readable $before
    set how $ready($fd)
    unset ready($fd)
    if {$how eq "late"} { give_up $id $fd }
}

proc compat::give_up {id fd} {
    variable cut
    variable reply_limit
    catch {close $fd}
    set ::redis::fd($id) {}
    set ::redis::readraw($id) 0
    set cut($id) 1
    error "assertion:COMPAT-HANG no reply within [expr {$reply_limit / 1000}] s"
}

# The suite's client connects again by itself; its database has to be chosen again.
proc compat::reconnect {id method} {
    variable cut
    variable database
    if {![info exists cut($id)] || $method eq "close"} return
    unset cut($id)
    unset -nocomplain ::compat::in_multi($id) ::compat::owed($id)
    if {[database_of $id] == 0 || !$::redis::blocking($id)} return
    ::redis::compat_dispatch $id select [list $database($id)]
    if {$::redis::deferred($id)} { ::redis::compat_dispatch $id read {} }
}

# ---- after a test that failed -------------------------------------------------------------------

# It may have left its connection in a transaction, in another protocol, with replies that nobody read, or a
# server that is paused, full, or busy with a script that does not end: the next test shall not fail for that.
rename test compat_test
proc test {args} {
    set failed $::num_failed
    set newest $::redis::id
    uplevel 1 [list compat_test {*}$args]
    if {$::num_failed == $failed || [llength $::servers] == 0} return
    if {$::compat::nodes ne ""} {
        foreach words {{script kill} {function kill} {config set maxmemory 0} {debug set-disable-deny-scripts 0}} {
            catch {::compat::around 0 0 $words}
        }
    }
    catch {
        reconnect
        ::compat::close_after $newest
        compat_r client unpause
    }
}

# The clients that the test opened may be blocked, and take what the next one pushes.
proc compat::close_after {newest} {
    set main [srv 0 client]
    for {set id [expr {$newest + 1}]} {$id <= $::redis::id} {incr id} {
        if {[info exists ::redis::fd($id)] && $main ne "::redis::redisHandle$id"} {
            catch {::redis::__method__close $id $::redis::fd($id)}
            forget $id
        }
    }
}

# ---- between units ------------------------------------------------------------------------------

# The suite says FLUSHALL and FUNCTION FLUSH before the tests of each block of an external server.
rename run_external_server_test compat_run_external_server_test
proc run_external_server_test {code overrides} {
    if {$::compat::nodes ne ""} {
        ::compat::around 0 0 flushall
        ::compat::around 0 0 {function flush}
        # Nor shall the original's own FLUSHALL fail here: whether it works is the business of its tests.
        set ::compat::cleaning 2
    }
    uplevel 1 [list compat_run_external_server_test $code $overrides]
}

rename r compat_r
proc r {args} {
    if {[info exists ::compat::cleaning] && $args in {flushall {function flush}}} {
        if {[incr ::compat::cleaning -1] == 0} { unset ::compat::cleaning }
        return OK
    }
    uplevel 1 [list compat_r {*}$args]
}

# ---- what nodes send to replicas ----------------------------------------------------------------

# Some tests look at what a command becomes on its way to replicas: on the first node.
rename attach_to_replication_stream compat_attach
proc attach_to_replication_stream {} {
    if {$::compat::nodes eq ""} { return [compat_attach] }
    set kept [lindex $::servers end]
    lassign [split [lindex $::compat::nodes 0] :] host port
    lset ::servers end [dict replace $kept host $host port $port]
    set code [catch compat_attach stream]
    lset ::servers end $kept
    return -code $code $stream
}

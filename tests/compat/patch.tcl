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
    variable channel            ;# node -> its socket
    variable database           ;# client -> the database that it selected
    variable in_multi           ;# client -> 1 between MULTI and EXEC
    variable cut                ;# client -> 1 after its connection was given up here
    variable ready
    array set channel {}
    array set database {}
    array set in_multi {}
    array set cut {}
    array set ready {}
}

# ---- what goes around the proxy -----------------------------------------------------------------

# DEBUG PROTOCOL is a question about the connection that it came on: it has to go the same way.
proc compat::goes_around {words} {
    lassign [string tolower [lrange $words 0 1]] command what
    switch -- $command {
        config { return [expr {$what in {set get resetstat}}] }
        debug { return [expr {$what ne "protocol"}] }
    }
    return 0
}

proc compat::send {node words} {
    variable channel
    if {![info exists channel($node)]} {
        lassign [split $node :] host port
        set channel($node) [socket $host $port]
        fconfigure $channel($node) -translation binary
    }
    set request "*[llength $words]\r\n"
    foreach word $words { append request "$[string length $word]\r\n$word\r\n" }
    puts -nonewline $channel($node) $request
    flush $channel($node)
}

# The reply as {code text}. These connections have no client number: 0 stands for them.
set ::redis::readraw(0) 0
set ::redis::fd(0) node
proc compat::receive {node} {
    variable channel
    set code [catch {::redis::redis_read_reply 0 $channel($node)} reply]
    if {$code && $::redis::fd(0) eq {}} {
        set ::redis::fd(0) node
        catch {close $channel($node)}
        unset -nocomplain channel($node)
    }
    return [list $code $reply]
}

# To all nodes at once, so that DEBUG SLEEP sleeps once; the answer of the first that has one. A key is
# on one node only: the others answer an error.
proc compat::around {database words} {
    variable nodes
    foreach node $nodes {
        send $node [list SELECT $database]
        send $node $words
    }
    set replies {}
    foreach node $nodes {
        # That of SELECT comes first; a node that has gone has none to the second either.
        set reply [receive $node]
        if {[info exists ::compat::channel($node)]} { set reply [receive $node] }
        lappend replies $reply
    }
    if {[string match -nocase "debug digest" $words]} { return [digest $replies] }
    foreach reply $replies {
        if {[lindex $reply 0] == 0} { return [lindex $reply 1] }
    }
    return -code error [lindex $replies 0 1]
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
    set sum 0
    foreach node $nodes {
        send $node {INFO all}
        lassign [receive $node] code info
        if {$code} { return -code error $info }
        set value [getInfoProperty $info $field]
        if {![string is integer -strict $value]} { return $value }
        incr sum $value
    }
    return $sum
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
        # The proxy has counters of its own.
        if {[string equal -nocase [lindex $words 1] resetstat]} {
            catch {::redis::compat_dispatch $id $method $argv}
        }
        return [::compat::around [::compat::database_of $id] $words]
    }
    ::compat::reconnect $id $method
    set code [catch {::redis::compat_dispatch $id $method $argv} reply options]
    ::compat::remember $id $method $argv $code
    if {$code} { return -options $options $reply }
    return $reply
}

# A client that reads its replies later, or in a transaction, expects them on its own connection.
proc compat::may_go_around {id} {
    variable nodes
    variable in_multi
    return [expr {$nodes ne "" && $::redis::blocking($id) && !$::redis::deferred($id)
        && ![info exists in_multi($id)]}]
}

proc compat::database_of {id} {
    variable database
    if {[info exists database($id)]} { return $database($id) }
    return 0
}

proc compat::remember {id method argv code} {
    variable database
    variable in_multi
    if {$code} return
    switch -- [string tolower $method] {
        select { set database($id) [lindex $argv 0] }
        multi { set in_multi($id) 1 }
        exec - discard { unset -nocomplain in_multi($id) }
        reset { unset -nocomplain in_multi($id) database($id) }
        close { unset -nocomplain in_multi($id) database($id) ::compat::cut($id) }
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
    unset -nocomplain ::compat::in_multi($id)
    if {[database_of $id] == 0 || !$::redis::blocking($id)} return
    ::redis::compat_dispatch $id select [list $database($id)]
    if {$::redis::deferred($id)} { ::redis::compat_dispatch $id read {} }
}

# ---- after a test that failed -------------------------------------------------------------------

# It may have left its connection in a transaction, in another protocol, with replies that nobody read: the
# next test shall not fail for that.
rename test compat_test
proc test {args} {
    set failed $::num_failed
    uplevel 1 [list compat_test {*}$args]
    if {$::num_failed > $failed && [llength $::servers] > 0} { catch {reconnect} }
}

# ---- between units ------------------------------------------------------------------------------

# The suite says FLUSHALL and FUNCTION FLUSH before the tests of each block of an external server.
rename run_external_server_test compat_run_external_server_test
proc run_external_server_test {code overrides} {
    if {$::compat::nodes ne ""} {
        ::compat::around 0 flushall
        ::compat::around 0 {function flush}
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

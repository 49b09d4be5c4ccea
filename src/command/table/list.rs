//! Commands on lists. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("blmove", 6, &[WRITE, DENYOOM, BLOCKING], &[at(1, RW.access().delete()), at(2, RW.insert())]).doc(
        "6.2.0",
        "O(1)",
        "Moves an element from an end of one list to an end of another, and waits for one if need be.",
    ),
    row("blmpop", -5, &[WRITE, BLOCKING, MOVABLEKEYS], &[counted(2, 1, RW.access().delete())])
        .doc(
            "7.0.0",
            "O(N+M) for N keys and M elements returned",
            "Takes elements from the first list that is not empty, and waits for one if all are.",
        )
        .counted_as(Count::Pop),
    row("blpop", -3, &[WRITE, BLOCKING], &[range(1, -2, 1, RW.access().delete())]).doc(
        "2.0.0",
        "O(N) for N keys",
        "Takes the first element of the first list that is not empty, and waits for one if all are.",
    ),
    row("brpop", -3, &[WRITE, BLOCKING], &[range(1, -2, 1, RW.access().delete())]).doc(
        "2.0.0",
        "O(N) for N keys",
        "Takes the last element of the first list that is not empty, and waits for one if all are.",
    ),
    row("brpoplpush", 4, &[WRITE, DENYOOM, BLOCKING], &[at(1, RW.access().delete()), at(2, RW.insert())])
        .doc(
            "2.2.0",
            "O(1)",
            "Moves the last element of one list to the front of another, and waits for one if need be.",
        ),
    row("lindex", 3, &[READONLY], &[at(1, RO.access())]).doc(
        "1.0.0",
        "O(N) for N elements passed on the way, O(1) at either end",
        "Reads the element at a place in a list.",
    ),
    row("linsert", 5, &[WRITE, DENYOOM], &[at(1, RW.insert())]).doc(
        "2.2.0",
        "O(N) for N elements before the pivot",
        "Puts an element before or behind another one of a list.",
    ),
    row("llen", 2, &[READONLY, FAST], &[at(1, RO)]).doc("1.0.0", "O(1)", "Counts the elements of a list."),
    row("lmove", 5, &[WRITE, DENYOOM], &[at(1, RW.access().delete()), at(2, RW.insert())]).doc(
        "6.2.0",
        "O(1)",
        "Moves an element from an end of one list to an end of another.",
    ),
    row("lmpop", -4, &[WRITE, MOVABLEKEYS], &[counted(1, 1, RW.access().delete())])
        .doc(
            "7.0.0",
            "O(N+M) for N keys and M elements returned",
            "Takes elements from the first list that is not empty.",
        )
        .counted_as(Count::Pop),
    row("lpop", -2, &[WRITE, FAST], &[at(1, RW.access().delete())]).doc(
        "1.0.0",
        "O(N) for N elements returned",
        "Takes elements from the front of a list.",
    ),
    row("lpos", -3, &[READONLY], &[at(1, RO.access())]).doc(
        "6.0.6",
        "O(N) for N elements, less with MAXLEN or near an end",
        "Finds the places in a list at which an element stands.",
    ),
    row("lpush", -3, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "1.0.0",
        "O(1) for each element",
        "Puts elements at the front of a list, which is made if missing.",
    ),
    row("lpushx", -3, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "2.2.0",
        "O(1) for each element",
        "Puts elements at the front of a list that is there already.",
    ),
    row("lrange", 4, &[READONLY], &[at(1, RO.access())]).doc(
        "1.0.0",
        "O(S+N) for a start S elements from an end and N elements returned",
        "Reads the elements between two places of a list.",
    ),
    row("lrem", 4, &[WRITE], &[at(1, RW.delete())]).doc(
        "1.0.0",
        "O(N+M) for N elements in the list and M removed",
        "Removes elements that equal a value from a list.",
    ),
    row("lset", 4, &[WRITE, DENYOOM], &[at(1, RW.update())]).doc(
        "1.0.0",
        "O(N) for N elements in the list, O(1) at either end",
        "Replaces the element at a place in a list.",
    ),
    row("ltrim", 4, &[WRITE], &[at(1, RW.delete())]).doc(
        "1.0.0",
        "O(N) for N elements removed",
        "Keeps only the elements between two places of a list.",
    ),
    row("rpop", -2, &[WRITE, FAST], &[at(1, RW.access().delete())]).doc(
        "1.0.0",
        "O(N) for N elements returned",
        "Takes elements from the back of a list.",
    ),
    row("rpoplpush", 3, &[WRITE, DENYOOM], &[at(1, RW.access().delete()), at(2, RW.insert())]).doc(
        "1.2.0",
        "O(1)",
        "Moves the last element of one list to the front of another.",
    ),
    row("rpush", -3, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "1.0.0",
        "O(1) for each element",
        "Puts elements at the back of a list, which is made if missing.",
    ),
    row("rpushx", -3, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "2.2.0",
        "O(1) for each element",
        "Puts elements at the back of a list that is there already.",
    ),
];

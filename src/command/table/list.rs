//! Commands on lists. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("blmove", 6, &[WRITE, DENYOOM, BLOCKING], &[at(1, RW.access().delete()), at(2, RW.insert())])
        .doc(
            "6.2.0",
            "O(1)",
            "Pops an element from a list, pushes it to another list and returns it. Blocks until an \
            element is available otherwise. Deletes the list if the last element was moved.",
        )
        .later(BLOCKING_COMMAND),
    row("blmpop", -5, &[WRITE, BLOCKING, MOVABLEKEYS], &[counted(2, 1, RW.access().delete())])
        .doc(
            "7.0.0",
            "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
            "Pops the first element from one of multiple lists. Blocks until an element is available \
            otherwise. Deletes the list if the last element was popped.",
        )
        .counted_as(Count::Pop)
        .later(BLOCKING_COMMAND),
    row("blpop", -3, &[WRITE, BLOCKING], &[range(1, -2, 1, RW.access().delete())])
        .doc(
            "2.0.0",
            "O(N) where N is the number of provided keys.",
            "Removes and returns the first element in a list. Blocks until an element is available \
            otherwise. Deletes the list if the last element was popped.",
        )
        .later(BLOCKING_COMMAND),
    row("brpop", -3, &[WRITE, BLOCKING], &[range(1, -2, 1, RW.access().delete())])
        .doc(
            "2.0.0",
            "O(N) where N is the number of provided keys.",
            "Removes and returns the last element in a list. Blocks until an element is available \
            otherwise. Deletes the list if the last element was popped.",
        )
        .later(BLOCKING_COMMAND),
    row("brpoplpush", 4, &[WRITE, DENYOOM, BLOCKING], &[at(1, RW.access().delete()), at(2, RW.insert())])
        .doc(
            "2.2.0",
            "O(1)",
            "Pops an element from a list, pushes it to another list and returns it. Blocks until an \
            element is available otherwise. Deletes the list if the last element was popped.",
        )
        .later(BLOCKING_COMMAND),
    row("lindex", 3, &[READONLY], &[at(1, RO.access())]).doc(
        "1.0.0",
        "O(N) where N is the number of elements to traverse to get to the element at index. This makes \
        asking for the first or the last element of the list O(1).",
        "Returns an element from a list by its index.",
    ),
    row("linsert", 5, &[WRITE, DENYOOM], &[at(1, RW.insert())]).doc(
        "2.2.0",
        "O(N) where N is the number of elements to traverse before seeing the value pivot. This means \
        that inserting somewhere on the left end on the list (head) can be considered O(1) and \
        inserting somewhere on the right end (tail) is O(N).",
        "Inserts an element before or after another element in a list.",
    ),
    row("llen", 2, &[READONLY, FAST], &[at(1, RO)]).doc("1.0.0", "O(1)", "Returns the length of a list."),
    row("lmove", 5, &[WRITE, DENYOOM], &[at(1, RW.access().delete()), at(2, RW.insert())]).doc(
        "6.2.0",
        "O(1)",
        "Returns an element after popping it from one list and pushing it to another. Deletes the list \
        if the last element was moved.",
    ),
    row("lmpop", -4, &[WRITE, MOVABLEKEYS], &[counted(1, 1, RW.access().delete())])
        .doc(
            "7.0.0",
            "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
            "Returns multiple elements from a list after removing them. Deletes the list if the last \
            element was popped.",
        )
        .counted_as(Count::Pop),
    row("lpop", -2, &[WRITE, FAST], &[at(1, RW.access().delete())]).doc(
        "1.0.0",
        "O(N) where N is the number of elements returned",
        "Returns and removes one or more elements from the beginning of a list. Deletes the list if \
        the last element was popped.",
    ),
    row("lpos", -3, &[READONLY], &[at(1, RO.access())]).doc(
        "6.0.6",
        "O(N) where N is the number of elements in the list, for the average case. When searching for \
        elements near the head or the tail of the list, or when the MAXLEN option is provided, the \
        command may run in constant time.",
        "Returns the index of matching elements in a list.",
    ),
    row("lpush", -3, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "1.0.0",
        "O(1) for each element added, so O(N) to add N elements when the command is called with \
        multiple arguments.",
        "Prepends one or more elements to a list. Creates the key if it doesn't exist.",
    ),
    row("lpushx", -3, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "2.2.0",
        "O(1) for each element added, so O(N) to add N elements when the command is called with \
        multiple arguments.",
        "Prepends one or more elements to a list only when the list exists.",
    ),
    row("lrange", 4, &[READONLY], &[at(1, RO.access())]).doc(
        "1.0.0",
        "O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end \
        (HEAD or TAIL) for large lists; and N is the number of elements in the specified range.",
        "Returns a range of elements from a list.",
    ),
    row("lrem", 4, &[WRITE], &[at(1, RW.delete())]).doc(
        "1.0.0",
        "O(N+M) where N is the length of the list and M is the number of elements removed.",
        "Removes elements from a list. Deletes the list if the last element was removed.",
    ),
    row("lset", 4, &[WRITE, DENYOOM], &[at(1, RW.update())]).doc(
        "1.0.0",
        "O(N) where N is the length of the list. Setting either the first or the last element of the \
        list is O(1).",
        "Sets the value of an element in a list by its index.",
    ),
    row("ltrim", 4, &[WRITE], &[at(1, RW.delete())]).doc(
        "1.0.0",
        "O(N) where N is the number of elements to be removed by the operation.",
        "Removes elements from both ends of a list. Deletes the list if all elements were trimmed.",
    ),
    row("rpop", -2, &[WRITE, FAST], &[at(1, RW.access().delete())]).doc(
        "1.0.0",
        "O(N) where N is the number of elements returned",
        "Returns and removes one or more elements from the end of a list. Deletes the list if the last \
        element was popped.",
    ),
    row("rpoplpush", 3, &[WRITE, DENYOOM], &[at(1, RW.access().delete()), at(2, RW.insert())]).doc(
        "1.2.0",
        "O(1)",
        "Returns the last element of a list after removing and pushing it to another list. Deletes the \
        list if the last element was popped.",
    ),
    row("rpush", -3, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "1.0.0",
        "O(1) for each element added, so O(N) to add N elements when the command is called with \
        multiple arguments.",
        "Appends one or more elements to a list. Creates the key if it doesn't exist.",
    ),
    row("rpushx", -3, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "2.2.0",
        "O(1) for each element added, so O(N) to add N elements when the command is called with \
        multiple arguments.",
        "Appends one or more elements to a list only when the list exists.",
    ),
];

//! Commands on sorted sets. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("bzmpop", -5, &[WRITE, BLOCKING, MOVABLEKEYS], &[counted(2, 1, RW.access().delete())])
        .doc(
            "7.0.0",
            "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in \
            the sorted set, and M being the number of elements popped.",
            "Removes and returns a member by score from one or more sorted sets. Blocks until a member is \
            available otherwise. Deletes the sorted set if the last element was popped.",
        )
        .counted_as(Count::Pop)
        .later(BLOCKING_COMMAND),
    row("bzpopmax", -3, &[WRITE, BLOCKING, FAST], &[range(1, -2, 1, RW.access().delete())])
        .doc(
            "5.0.0",
            "O(log(N)) with N being the number of elements in the sorted set.",
            "Removes and returns the member with the highest score from one or more sorted sets. Blocks \
            until a member is available otherwise. Deletes the sorted set if the last element was popped.",
        )
        .later(BLOCKING_COMMAND),
    row("bzpopmin", -3, &[WRITE, BLOCKING, FAST], &[range(1, -2, 1, RW.access().delete())])
        .doc(
            "5.0.0",
            "O(log(N)) with N being the number of elements in the sorted set.",
            "Removes and returns the member with the lowest score from one or more sorted sets. Blocks \
            until a member is available otherwise. Deletes the sorted set if the last element was popped.",
        )
        .later(BLOCKING_COMMAND),
    row("zadd", -4, &[WRITE, DENYOOM, FAST], &[at(1, RW.update())]).doc(
        "1.2.0",
        "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
        "Adds one or more members to a sorted set, or updates their scores. Creates the key if it \
        doesn't exist.",
    ),
    row("zcard", 2, &[READONLY, FAST], &[at(1, RO)]).doc(
        "1.2.0",
        "O(1)",
        "Returns the number of members in a sorted set.",
    ),
    row("zcount", 4, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "2.0.0",
        "O(log(N)) with N being the number of elements in the sorted set.",
        "Returns the count of members in a sorted set that have scores within a range.",
    ),
    row("zdiff", -3, &[READONLY, MOVABLEKEYS], &[counted(1, 1, RO.access())])
        .doc(
            "6.2.0",
            "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is \
            the size of the first set, and K is the size of the result set.",
            "Returns the difference between multiple sorted sets.",
        )
        .counted_as(Count::Operation),
    row("zdiffstore", -4, &[WRITE, DENYOOM, MOVABLEKEYS], &[at(1, OW.update()), counted(2, 1, RO.access())])
        .doc(
            "6.2.0",
            "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is \
            the size of the first set, and K is the size of the result set.",
            "Stores the difference of multiple sorted sets in a key.",
        )
        .counted_as(Count::Operation),
    row("zincrby", 4, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "1.2.0",
        "O(log(N)) where N is the number of elements in the sorted set.",
        "Increments the score of a member in a sorted set.",
    ),
    row("zinter", -3, &[READONLY, MOVABLEKEYS], &[counted(1, 1, RO.access())])
        .doc(
            "6.2.0",
            "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number \
            of input sorted sets and M being the number of elements in the resulting sorted set.",
            "Returns the intersect of multiple sorted sets.",
        )
        .counted_as(Count::Operation),
    row("zintercard", -3, &[READONLY, MOVABLEKEYS], &[counted(1, 1, RO.access())])
        .doc(
            "7.0.0",
            "O(N*K) worst case with N being the smallest input sorted set, K being the number of input \
            sorted sets.",
            "Returns the number of members of the intersect of multiple sorted sets.",
        )
        .counted_as(Count::Operation),
    row("zinterstore", -4, &[WRITE, DENYOOM, MOVABLEKEYS], &[at(1, OW.update()), counted(2, 1, RO.access())])
        .doc(
            "2.0.0",
            "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number \
            of input sorted sets and M being the number of elements in the resulting sorted set.",
            "Stores the intersect of multiple sorted sets in a key.",
        )
        .counted_as(Count::Operation),
    row("zlexcount", 4, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "2.8.9",
        "O(log(N)) with N being the number of elements in the sorted set.",
        "Returns the number of members in a sorted set within a lexicographical range.",
    ),
    row("zmpop", -4, &[WRITE, MOVABLEKEYS], &[counted(1, 1, RW.access().delete())])
        .doc(
            "7.0.0",
            "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in \
            the sorted set, and M being the number of elements popped.",
            "Returns the highest- or lowest-scoring members from one or more sorted sets after removing \
            them. Deletes the sorted set if the last member was popped.",
        )
        .counted_as(Count::Pop),
    row("zmscore", -3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "6.2.0",
        "O(N) where N is the number of members being requested.",
        "Returns the score of one or more members in a sorted set.",
    ),
    row("zpopmax", -2, &[WRITE, FAST], &[at(1, RW.access().delete())]).doc(
        "5.0.0",
        "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of \
        elements popped.",
        "Returns the highest-scoring members from a sorted set after removing them. Deletes the sorted \
        set if the last member was popped.",
    ),
    row("zpopmin", -2, &[WRITE, FAST], &[at(1, RW.access().delete())]).doc(
        "5.0.0",
        "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of \
        elements popped.",
        "Returns the lowest-scoring members from a sorted set after removing them. Deletes the sorted \
        set if the last member was popped.",
    ),
    row("zrandmember", -2, &[READONLY], &[at(1, RO.access())])
        .doc(
            "6.2.0",
            "O(N) where N is the number of members returned",
            "Returns one or more random members from a sorted set.",
        )
        .tips(&["nondeterministic_output"]),
    row("zrange", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "1.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
        elements returned.",
        "Returns members in a sorted set within a range of indexes.",
    ),
    row("zrangebylex", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "2.8.9",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
        elements being returned. If M is constant (e.g. always asking for the first 10 elements with \
        LIMIT), you can consider it O(log(N)).",
        "Returns members in a sorted set within a lexicographical range.",
    ),
    row("zrangebyscore", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "1.0.5",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
        elements being returned. If M is constant (e.g. always asking for the first 10 elements with \
        LIMIT), you can consider it O(log(N)).",
        "Returns members in a sorted set within a range of scores.",
    ),
    row("zrangestore", -5, &[WRITE, DENYOOM], &[at(1, OW.update()), at(2, RO.access())]).doc(
        "6.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
        elements stored into the destination key.",
        "Stores a range of members from sorted set in a key.",
    ),
    row("zrank", -3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "2.0.0",
        "O(log(N))",
        "Returns the index of a member in a sorted set ordered by ascending scores.",
    ),
    row("zrem", -3, &[WRITE, FAST], &[at(1, RW.delete())]).doc(
        "1.2.0",
        "O(M*log(N)) with N being the number of elements in the sorted set and M the number of \
        elements to be removed.",
        "Removes one or more members from a sorted set. Deletes the sorted set if all members were \
        removed.",
    ),
    row("zremrangebylex", 4, &[WRITE], &[at(1, RW.delete())]).doc(
        "2.8.9",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
        elements removed by the operation.",
        "Removes members in a sorted set within a lexicographical range. Deletes the sorted set if all \
        members were removed.",
    ),
    row("zremrangebyrank", 4, &[WRITE], &[at(1, RW.delete())]).doc(
        "2.0.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
        elements removed by the operation.",
        "Removes members in a sorted set within a range of indexes. Deletes the sorted set if all \
        members were removed.",
    ),
    row("zremrangebyscore", 4, &[WRITE], &[at(1, RW.delete())]).doc(
        "1.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
        elements removed by the operation.",
        "Removes members in a sorted set within a range of scores. Deletes the sorted set if all \
        members were removed.",
    ),
    row("zrevrange", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "1.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
        elements returned.",
        "Returns members in a sorted set within a range of indexes in reverse order.",
    ),
    row("zrevrangebylex", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "2.8.9",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
        elements being returned. If M is constant (e.g. always asking for the first 10 elements with \
        LIMIT), you can consider it O(log(N)).",
        "Returns members in a sorted set within a lexicographical range in reverse order.",
    ),
    row("zrevrangebyscore", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "2.2.0",
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
        elements being returned. If M is constant (e.g. always asking for the first 10 elements with \
        LIMIT), you can consider it O(log(N)).",
        "Returns members in a sorted set within a range of scores in reverse order.",
    ),
    row("zrevrank", -3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "2.0.0",
        "O(log(N))",
        "Returns the index of a member in a sorted set ordered by descending scores.",
    ),
    row("zscan", -3, &[READONLY], &[at(1, RO.access())])
        .doc(
            "2.8.0",
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the \
            cursor to return back to 0. N is the number of elements inside the collection.",
            "Iterates over members and scores of a sorted set.",
        )
        .tips(&["nondeterministic_output"]),
    row("zscore", 3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "1.2.0",
        "O(1)",
        "Returns the score of a member in a sorted set.",
    ),
    row("zunion", -3, &[READONLY, MOVABLEKEYS], &[counted(1, 1, RO.access())])
        .doc(
            "6.2.0",
            "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the \
            number of elements in the resulting sorted set.",
            "Returns the union of multiple sorted sets.",
        )
        .counted_as(Count::Operation),
    row("zunionstore", -4, &[WRITE, DENYOOM, MOVABLEKEYS], &[at(1, OW.update()), counted(2, 1, RO.access())])
        .doc(
            "2.0.0",
            "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the \
            number of elements in the resulting sorted set.",
            "Stores the union of multiple sorted sets in a key.",
        )
        .counted_as(Count::Operation),
];

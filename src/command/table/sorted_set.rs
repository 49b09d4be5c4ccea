//! Commands on sorted sets. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("bzmpop", -5, &[WRITE, BLOCKING, MOVABLEKEYS], &[counted(2, 1, RW.access().delete())])
        .doc(
            "7.0.0",
            "O(K) + O(M*log(N)) for K keys, and M members taken from N",
            "Takes the members with the lowest or highest scores from the first sorted set that is not \
            empty, and waits for one if all are.",
        )
        .counted_as(Count::Pop),
    row("bzpopmax", -3, &[WRITE, BLOCKING, FAST], &[range(1, -2, 1, RW.access().delete())]).doc(
        "5.0.0",
        "O(log(N)) for N members",
        "Takes the member with the highest score from the first sorted set that is not empty, and waits \
            for one if all are.",
    ),
    row("bzpopmin", -3, &[WRITE, BLOCKING, FAST], &[range(1, -2, 1, RW.access().delete())]).doc(
        "5.0.0",
        "O(log(N)) for N members",
        "Takes the member with the lowest score from the first sorted set that is not empty, and waits \
            for one if all are.",
    ),
    row("zadd", -4, &[WRITE, DENYOOM, FAST], &[at(1, RW.update())]).doc(
        "1.2.0",
        "O(log(N)) for each member, where the key holds N",
        "Puts members with their scores into a sorted set, or gives them new scores.",
    ),
    row("zcard", 2, &[READONLY, FAST], &[at(1, RO)]).doc(
        "1.2.0",
        "O(1)",
        "Counts the members of a sorted set.",
    ),
    row("zcount", 4, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "2.0.0",
        "O(log(N)) for N members",
        "Counts the members whose scores lie in a range.",
    ),
    row("zdiff", -3, &[READONLY, MOVABLEKEYS], &[counted(1, 1, RO.access())])
        .doc(
            "6.2.0",
            "O(L + (N-K)log(N)) at worst for L members in all sets, N in the first and K in the result",
            "Lists the members of the first sorted set that are in no other given one.",
        )
        .counted_as(Count::Operation)
        .slow(),
    row("zdiffstore", -4, &[WRITE, DENYOOM, MOVABLEKEYS], &[at(1, OW.update()), counted(2, 1, RO.access())])
        .doc(
            "6.2.0",
            "O(L + (N-K)log(N)) at worst for L members in all sets, N in the first and K in the result",
            "Stores the members of the first sorted set that are in no other given one.",
        )
        .counted_as(Count::Operation)
        .slow(),
    row("zincrby", 4, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "1.2.0",
        "O(log(N)) for N members",
        "Adds to the score of a member, counting a missing member as 0.",
    ),
    row("zinter", -3, &[READONLY, MOVABLEKEYS], &[counted(1, 1, RO.access())])
        .doc(
            "6.2.0",
            "O(N*K)+O(M*log(M)) at worst for K sets, the smallest with N members, and M in the result",
            "Lists the members that all given sorted sets share, with their scores combined.",
        )
        .counted_as(Count::Operation)
        .slow(),
    row("zintercard", -3, &[READONLY, MOVABLEKEYS], &[counted(1, 1, RO.access())])
        .doc(
            "7.0.0",
            "O(N*K) at worst for K sets, the smallest with N members",
            "Counts the members that all given sorted sets share.",
        )
        .counted_as(Count::Operation)
        .slow(),
    row("zinterstore", -4, &[WRITE, DENYOOM, MOVABLEKEYS], &[at(1, OW.update()), counted(2, 1, RO.access())])
        .doc(
            "2.0.0",
            "O(N*K)+O(M*log(M)) at worst for K sets, the smallest with N members, and M in the result",
            "Stores the members that all given sorted sets share, with their scores combined.",
        )
        .counted_as(Count::Operation)
        .slow(),
    row("zlexcount", 4, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "2.8.9",
        "O(log(N)) for N members",
        "Counts the members between two strings, where all scores are equal.",
    ),
    row("zmpop", -4, &[WRITE, MOVABLEKEYS], &[counted(1, 1, RW.access().delete())])
        .doc(
            "7.0.0",
            "O(K) + O(M*log(N)) for K keys, and M members taken from N",
            "Takes the members with the lowest or highest scores from the first sorted set that is not \
            empty.",
        )
        .counted_as(Count::Pop),
    row("zmscore", -3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "6.2.0",
        "O(N) for N members asked for",
        "Tells the scores of several members.",
    ),
    row("zpopmax", -2, &[WRITE, FAST], &[at(1, RW.access().delete())]).doc(
        "5.0.0",
        "O(log(N)*M) for M members taken from N",
        "Takes the members with the highest scores.",
    ),
    row("zpopmin", -2, &[WRITE, FAST], &[at(1, RW.access().delete())]).doc(
        "5.0.0",
        "O(log(N)*M) for M members taken from N",
        "Takes the members with the lowest scores.",
    ),
    row("zrandmember", -2, &[READONLY], &[at(1, RO.access())])
        .doc(
            "6.2.0",
            "O(N) for N members returned",
            "Picks members of a sorted set at random and leaves them in it.",
        )
        .tips(&["nondeterministic_output"]),
    row("zrange", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "1.2.0",
        "O(log(N)+M) for N members, of which M are returned",
        "Lists the members in a range of ranks, of scores or of strings.",
    ),
    row("zrangebylex", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "2.8.9",
        "O(log(N)+M) for N members, of which M are returned",
        "Lists the members between two strings, where all scores are equal.",
    ),
    row("zrangebyscore", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "1.0.5",
        "O(log(N)+M) for N members, of which M are returned",
        "Lists the members whose scores lie in a range, the lowest first.",
    ),
    row("zrangestore", -5, &[WRITE, DENYOOM], &[at(1, OW.update()), at(2, RO.access())]).doc(
        "6.2.0",
        "O(log(N)+M) for N members, of which M are stored",
        "Stores what ZRANGE would list in another key.",
    ),
    row("zrank", -3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "2.0.0",
        "O(log(N)) for N members",
        "Tells how many members come before one, counted from the lowest score.",
    ),
    row("zrem", -3, &[WRITE, FAST], &[at(1, RW.delete())]).doc(
        "1.2.0",
        "O(M*log(N)) for M members removed from N",
        "Removes members from a sorted set, and the sorted set with its last member.",
    ),
    row("zremrangebylex", 4, &[WRITE], &[at(1, RW.delete())]).doc(
        "2.8.9",
        "O(log(N)+M) for M members removed from N",
        "Removes the members between two strings, where all scores are equal.",
    ),
    row("zremrangebyrank", 4, &[WRITE], &[at(1, RW.delete())]).doc(
        "2.0.0",
        "O(log(N)+M) for M members removed from N",
        "Removes the members in a range of ranks.",
    ),
    row("zremrangebyscore", 4, &[WRITE], &[at(1, RW.delete())]).doc(
        "1.2.0",
        "O(log(N)+M) for M members removed from N",
        "Removes the members whose scores lie in a range.",
    ),
    row("zrevrange", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "1.2.0",
        "O(log(N)+M) for N members, of which M are returned",
        "Lists the members in a range of ranks, counted from the highest score.",
    ),
    row("zrevrangebylex", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "2.8.9",
        "O(log(N)+M) for N members, of which M are returned",
        "Lists the members between two strings backwards, where all scores are equal.",
    ),
    row("zrevrangebyscore", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "2.2.0",
        "O(log(N)+M) for N members, of which M are returned",
        "Lists the members whose scores lie in a range, the highest first.",
    ),
    row("zrevrank", -3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "2.0.0",
        "O(log(N)) for N members",
        "Tells how many members come before one, counted from the highest score.",
    ),
    row("zscan", -3, &[READONLY], &[at(1, RO.access())])
        .doc(
            "2.8.0",
            "O(1) a call, O(N) for all N members",
            "Walks over the members of a sorted set and their scores, some at each call.",
        )
        .tips(&["nondeterministic_output"])
        .scan(),
    row("zscore", 3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "1.2.0",
        "O(1)",
        "Tells the score of a member.",
    ),
    row("zunion", -3, &[READONLY, MOVABLEKEYS], &[counted(1, 1, RO.access())])
        .doc(
            "6.2.0",
            "O(N)+O(M*log(M)) for N members in all sets and M in the result",
            "Lists the members that are in any of the given sorted sets, with their scores combined.",
        )
        .counted_as(Count::Operation)
        .slow(),
    row("zunionstore", -4, &[WRITE, DENYOOM, MOVABLEKEYS], &[at(1, OW.update()), counted(2, 1, RO.access())])
        .doc(
            "2.0.0",
            "O(N)+O(M log(M)) for N members in all sets and M in the result",
            "Stores the members that are in any of the given sorted sets, with their scores combined.",
        )
        .counted_as(Count::Operation)
        .slow(),
];

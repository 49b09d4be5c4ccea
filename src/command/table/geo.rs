//! Commands on geospatial indexes. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("geoadd", -5, &[WRITE, DENYOOM], &[at(1, RW.update())]).doc(
        "3.2.0",
        "O(log(N)) for each member, where the key holds N",
        "Puts members with their positions into a geospatial index, or moves them.",
    ),
    row("geodist", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "3.2.0",
        "O(1)",
        "Tells how far apart two members are.",
    ),
    row("geohash", -2, &[READONLY], &[at(1, RO.access())]).doc(
        "3.2.0",
        "O(1) for each member",
        "Tells where members are, as geohashes.",
    ),
    row("geopos", -2, &[READONLY], &[at(1, RO.access())]).doc(
        "3.2.0",
        "O(1) for each member",
        "Tells where members are, as longitude and latitude.",
    ),
    row(
        "georadius",
        -6,
        &[WRITE, DENYOOM, MOVABLEKEYS],
        &[
            at(1, RO.access()),
            after("STORE", 6, OW.update().variable()),
            after("STOREDIST", 6, OW.update().variable()),
        ],
    )
    .doc(
        "3.2.0",
        "O(N+log(M)) for N members in the bounding box and M in the key",
        "Finds the members around a position, and may store them.",
    )
    .found_by(Finder::GeoradiusOptions(6)),
    row("georadius_ro", -6, &[READONLY], &[at(1, RO.access())]).doc(
        "3.2.10",
        "O(N+log(M)) for N members in the bounding box and M in the key",
        "Finds the members around a position, and never stores them.",
    ),
    row(
        "georadiusbymember",
        -5,
        &[WRITE, DENYOOM, MOVABLEKEYS],
        &[
            at(1, RO.access()),
            after("STORE", 5, OW.update().variable()),
            after("STOREDIST", 5, OW.update().variable()),
        ],
    )
    .doc(
        "3.2.0",
        "O(N+log(M)) for N members in the bounding box and M in the key",
        "Finds the members around another member, and may store them.",
    )
    .found_by(Finder::GeoradiusOptions(5)),
    row("georadiusbymember_ro", -5, &[READONLY], &[at(1, RO.access())]).doc(
        "3.2.10",
        "O(N+log(M)) for N members in the bounding box and M in the key",
        "Finds the members around another member, and never stores them.",
    ),
    row("geosearch", -7, &[READONLY], &[at(1, RO.access())]).doc(
        "6.2.0",
        "O(N+log(M)) for N members in the bounding box and M in the shape",
        "Finds the members within a circle, a box or a polygon.",
    ),
    row("geosearchstore", -8, &[WRITE, DENYOOM], &[at(1, OW.update()), at(2, RO.access())]).doc(
        "6.2.0",
        "O(N+log(M)) for N members in the bounding box and M in the shape",
        "Stores the members within a circle, a box or a polygon as a sorted set.",
    ),
];

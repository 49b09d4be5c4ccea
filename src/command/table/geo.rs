//! Commands on geospatial indexes. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("geoadd", -5, &[WRITE, DENYOOM], &[at(1, RW.update())]).doc(
        "3.2.0",
        "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
        "Adds one or more members to a geospatial index. The key is created if it doesn't exist.",
    ),
    row("geodist", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "3.2.0",
        "O(1)",
        "Returns the distance between two members of a geospatial index.",
    ),
    row("geohash", -2, &[READONLY], &[at(1, RO.access())]).doc(
        "3.2.0",
        "O(1) for each member requested.",
        "Returns members from a geospatial index as geohash strings.",
    ),
    row("geopos", -2, &[READONLY], &[at(1, RO.access())]).doc(
        "3.2.0",
        "O(1) for each member requested.",
        "Returns the longitude and latitude of members from a geospatial index.",
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
        "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area \
        delimited by center and radius and M is the number of items inside the index.",
        "Queries a geospatial index for members within a distance from a coordinate, optionally stores \
        the result.",
    )
    .found_by(Finder::GeoradiusOptions(6)),
    row("georadius_ro", -6, &[READONLY], &[at(1, RO.access())]).doc(
        "3.2.10",
        "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area \
        delimited by center and radius and M is the number of items inside the index.",
        "Returns members from a geospatial index that are within a distance from a coordinate.",
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
        "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area \
        delimited by center and radius and M is the number of items inside the index.",
        "Queries a geospatial index for members within a distance from a member, optionally stores the \
        result.",
    )
    .found_by(Finder::GeoradiusOptions(5)),
    row("georadiusbymember_ro", -5, &[READONLY], &[at(1, RO.access())]).doc(
        "3.2.10",
        "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area \
        delimited by center and radius and M is the number of items inside the index.",
        "Returns members from a geospatial index that are within a distance from a member.",
    ),
    row("geosearch", -7, &[READONLY], &[at(1, RO.access())]).doc(
        "6.2.0",
        "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around \
        the shape provided as the filter and M is the number of items inside the shape",
        "Queries a geospatial index for members inside an area of a box, circle, or a polygon.",
    ),
    row("geosearchstore", -8, &[WRITE, DENYOOM], &[at(1, OW.update()), at(2, RO.access())]).doc(
        "6.2.0",
        "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around \
        the shape provided as the filter and M is the number of items inside the shape",
        "Queries a geospatial index for members inside an area of a box, a circle, or a polygon, \
        optionally stores the result.",
    ),
];

//! One code for each kind of mistake, so that it can be searched for and explained.
//!
//! `C` is what is written in the file, `W` what works but surprises, `X` what is open to others, `S`
//! what Sentinels and nodes answered to `ketch check --connect`.

macro_rules! codes {
    ($($name:ident $label:literal $title:literal,)+) => {
        /// The kind of a mistake.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Code {
            $(#[doc = $title] $name,)+
        }

        impl Code {
            /// All of them, in the order of the manual.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// As it is printed: `C001`.
            pub fn label(self) -> &'static str {
                match self { $(Code::$name => $label,)+ }
            }

            /// What it means, in one line of the manual.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)+ }
            }
        }
    };
}

codes! {
    UnknownKey "C001" "A key that does not exist.",
    Syntax "C002" "The text is not TOML.",
    WrongType "C003" "A value of another type than the key takes.",
    BadDuration "C004" "Not a duration, or one without a unit.",
    BadSize "C005" "Not a size, or one without a unit.",
    BadAddress "C006" "Not an address (HOST:PORT).",
    NotAllowed "C007" "Not one of the values that the key takes.",
    OutOfRange "C008" "A number that is too small or too large.",
    Missing "C009" "A key that must be there is not.",
    NoPool "C010" "No pool is defined.",
    TwoSources "C011" "Both `sentinels` and `nodes` are given.",
    NoSource "C012" "Neither `sentinels` nor `nodes` are given.",
    DuplicateShard "C013" "Two shards of a pool have the same name.",
    DuplicateListener "C014" "Two listeners have the same address.",
    DuplicateMaster "C015" "Two shards of a pool follow the same Sentinel master.",
    BadHashTag "C016" "`hash_tag` is not two characters.",
    BadVariable "C017" "A `${VARIABLE}` that is not set or not closed.",
    UnreadableSecret "C018" "A password file that cannot be read or is empty.",
    TwoSecrets "C019" "A password is given by value and by file.",
    ShardsTwice "C020" "Both `shards` and `[[shard]]` are given.",
    DuplicateUser "C021" "Two users of a pool have the same name.",
    DuplicateNode "C022" "A node is listed twice.",
    BadOverride "C023" "An environment variable `KETCH__…` that names no single value.",
    Empty "C024" "An empty text or list where something is needed.",
    Contradiction "C025" "Two settings that exclude each other.",
    NoFile "C026" "No configuration file, or one that cannot be read.",
    OneServer "W001" "A hash and a distribution that put all keys on one shard.",
    ReadableSecret "W002" "A password in a file that others on this machine can read.",
    OpenAdmin "W003" "The admin port can be reached from other machines.",
    OpenListener "X010" "A listener beyond loopback without users.",
    Unreachable "S001" "A Sentinel or a node does not answer.",
    NotASentinel "S002" "What is given as a Sentinel is something else.",
    UnknownMaster "S003" "The Sentinel knows no master of this name.",
    UnreachableAnnounced "S004" "Sentinel announces an address that cannot be reached from here.",
    Credentials "S005" "A password or user that is missing, wrong or not needed.",
    AnnouncedReplica "S006" "Sentinel announces a primary that says it is a replica.",
    NoMinReplicas "S007" "A primary that is cut off would go on taking writes (`min-replicas-to-write` is 0).",
    NoQuorum "S008" "The Sentinels can never reach the quorum.",
    Disagreement "S009" "Two Sentinels name different primaries.",
    NotANode "S010" "What is given as a node is something else.",
    NoPrimary "S011" "Not exactly one node of a shard says that it is the primary.",
}

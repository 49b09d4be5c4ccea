//! engine

mod road;

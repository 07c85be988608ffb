//! What the requirements tests over everything share.
//!
//! The tests themselves stand in `tests/tests/`, one file a subject. This crate is the top floor: nothing imports it.
#![forbid(unsafe_code)]

pub mod bench_factory;
pub mod bench_ground;
pub mod bench_launch;
pub mod bench_staff;
pub mod bench_vehicle;
pub mod tidy;

//! A whole mission in virtual time: the real station and the real agent, a link that is slow, late and
//! lossy, and a vehicle whose flash and application can be made to fail.
//!
//! One seed reproduces a run bit for bit. Nothing here reads a clock, iterates an unordered map or
//! decides by a floating-point number, and nothing here stands in for code that flies: what is
//! simulated is the world around it.
//!
//! ```text
//!            uplink: rate, light time, passes, loss                 onboard
//!  station ------------------------------------------> agent ----> flash (NOR, two dies)
//!  tracker <------------------------------------------ agent        ^   ^
//!            downlink                                  loader ------+   |
//!                                                      application -----+
//! ```

#![forbid(unsafe_code)]

pub mod checker;
pub mod crash;
pub mod crew;
pub mod demo;
pub mod ending;
pub mod flash;
pub mod ground;
pub mod intruder;
pub mod link;
pub mod outcome;
pub mod rng;
pub mod scenario;
pub mod study;
pub mod time;
pub mod trace;
pub mod twin;
pub mod vehicle;
pub mod world;

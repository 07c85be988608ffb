//! Updates of the updater: what one release left in flash, another one reads, or knows that it cannot. No agent
//! upgrades a layout before its image is confirmed, and the loader of the first release reads them all.
//!
//! There is one release yet. So this holds three things: the bytes of the first release in the middle of a life, row by
//! row; its flash in every state, which every later release has to take up; and what the first release makes of bytes
//! that are later than itself. Its binaries under applications of today are flown by `cargo xtask qemu`.

#[path = "layouts/cover.rs"]
mod cover;
#[path = "layouts/first_release.rs"]
mod first_release;
#[path = "layouts/frozen.rs"]
mod frozen;
#[path = "layouts/later_record.rs"]
mod later_record;
#[path = "layouts/later_rest.rs"]
mod later_rest;
#[path = "layouts/lives.rs"]
mod lives;
#[path = "layouts/receptions.rs"]
mod receptions;
#[path = "layouts/setting.rs"]
mod setting;
#[path = "layouts/states.rs"]
mod states;
#[path = "layouts/told.rs"]
mod told;
#[path = "layouts/ways.rs"]
mod ways;

//! Updates of the updater: what one release left in flash, another one reads, or knows that it cannot. No agent
//! upgrades a layout before its image is confirmed, and the loader of the first release reads them all.
//!
//! There is one release yet. So this holds two things: the bytes of the first release, which every later one has
//! to take up; and what the first release makes of bytes that are later than itself.

#[path = "layouts/first_release.rs"]
mod first_release;
#[path = "layouts/later_record.rs"]
mod later_record;
#[path = "layouts/later_rest.rs"]
mod later_rest;

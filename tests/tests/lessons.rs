//! What other systems failed at, each failure under its own name: the vehicle is put into the same situation
//! and must come out of it. `docs/LESSONS.md` has a line for each, and is held against these files.

#[path = "lessons/boot.rs"]
mod boot;
#[path = "lessons/rig.rs"]
mod rig;
#[path = "lessons/torn.rs"]
mod torn;
#[path = "lessons/transfer.rs"]
mod transfer;

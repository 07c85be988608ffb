//! Record, floors, key sets, trailers and loader on a flash that tears, flips and wears: what
//! `docs/SPEC.md` says under "In flash", and every rule of the loader that needs real signatures.

#[path = "boot_flash/cells.rs"]
mod cells;
#[path = "boot_flash/floors.rs"]
mod floors;
#[path = "boot_flash/keys.rs"]
mod keys;
#[path = "boot_flash/loader.rs"]
mod loader;
#[path = "boot_flash/loader_faults.rs"]
mod loader_faults;
#[path = "boot_flash/map.rs"]
mod map;
#[path = "boot_flash/spec.rs"]
mod spec;
#[path = "boot_flash/store.rs"]
mod store;
#[path = "boot_flash/store_faults.rs"]
mod store_faults;
#[path = "boot_flash/vehicle.rs"]
mod vehicle;

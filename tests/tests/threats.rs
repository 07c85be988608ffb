//! What an adversary may try, class by class: `docs/THREATS.md` names each of these tests, and is held against
//! them (`pages.rs`). All of them drive the real agent and loader on a simulated flash.

#[path = "threats/jamming.rs"]
mod jamming;
#[path = "threats/keyless.rs"]
mod keyless;
#[path = "threats/link_key.rs"]
mod link_key;
#[path = "threats/restored.rs"]
mod restored;
#[path = "threats/rig.rs"]
mod rig;
#[path = "threats/signer.rs"]
mod signer;

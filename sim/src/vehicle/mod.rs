//! The vehicle: real loader and real agent on a simulated flash, under a simulated supervisor, beside an
//! application that may be anything.

mod application;
mod craft;
mod decoder;
pub mod factory;
mod happening;
mod launch;
mod layout;
mod software;
mod supervisor;

pub use self::application::SimApplication;
pub use self::craft::{MAX_SYMBOLS, Vehicle, WORK_RAM};
pub use self::decoder::DecoderMemory;
pub use self::happening::Happening;
pub use self::launch::{Launch, Launched};
pub use self::layout::{Layout, LayoutSizes};
pub use self::software::{Behaviour, Software};
pub use self::supervisor::SimSupervisor;

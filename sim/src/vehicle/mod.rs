//! The vehicle: real loader and real agent on a simulated flash, under a simulated supervisor, beside an
//! application that may be anything.

mod launch;
mod layout;
mod software;
mod supervisor;

pub use self::launch::{Launched, factory};
pub use self::layout::{Layout, LayoutSizes};
pub use self::software::{Behaviour, Software};
pub use self::supervisor::SimSupervisor;

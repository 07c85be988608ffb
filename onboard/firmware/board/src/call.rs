//! What the application can ask of the monitor, by `ecall`: the number in `a7`, arguments from `a0` on; a status comes
//! back in `a0`, a value in `a1` and `a2`.
//!
//! ```text
//! call            a0                a1             a2      gives
//! Program         address in flash  bytes in RAM   length  status
//! Erase           address in flash                         status
//! Kick
//! SetDeadline     ms, low           ms, high       latch
//! Elapsed                                                  ms: low in a1, high in a2
//! ResetCause                                               the code of the report in a1
//! RequestReset                                             does not come back
//! Wait                                                     comes back at the next tick, or earlier
//! ```

/// A call to the monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Call {
    /// Programs words.
    Program = 1,
    /// Erases an erase block.
    Erase = 2,
    /// Kicks the watchdog.
    Kick = 3,
    /// Sets the deadline; ignored while a latched one stands.
    SetDeadline = 4,
    /// The elapsed-time counter.
    Elapsed = 5,
    /// Why the processor was last reset.
    ResetCause = 6,
    /// Resets the processor.
    RequestReset = 7,
    /// Sleeps until the next tick.
    Wait = 8,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Program,
        Self::Erase,
        Self::Kick,
        Self::SetDeadline,
        Self::Elapsed,
        Self::ResetCause,
        Self::RequestReset,
        Self::Wait,
    ];

    /// The call of a number.
    #[must_use]
    pub fn of(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|call| *call as u32 == number)
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// As asked.
    Done = 0,
    /// The range is locked until the next reset.
    Locked = 1,
    /// The range lies outside the flash or the application's RAM, or is not aligned.
    Range = 2,
    /// The flash reported a fault, or took too long.
    Fault = 3,
    /// There is no such call.
    Unknown = 4,
}

impl Status {
    /// The status of a code; what is not known is a fault.
    #[must_use]
    pub fn of(code: u32) -> Self {
        match code {
            0 => Self::Done,
            1 => Self::Locked,
            2 => Self::Range,
            4 => Self::Unknown,
            _ => Self::Fault,
        }
    }
}

/// Most bytes of one [`Call::Program`]: what keeps the monitor busy without a break.
pub const MAX_PROGRAM: u32 = 4096;

//! The UART, a 16550: polled, and spoken to in packets.

use lightday_wire::serial::{self, Channel};

use crate::map::UART_BASE;
use crate::mmio;

const DATA: usize = UART_BASE;
const FIFO_CONTROL: usize = UART_BASE + 2;
const LINE_CONTROL: usize = UART_BASE + 3;
const LINE_STATUS: usize = UART_BASE + 5;
const SCRATCH: usize = UART_BASE + 7;

const EIGHT_BITS: u8 = 0x03;
const FIFO_ON: u8 = 0x01;
const RECEIVED: u8 = 0x01;
const MAY_SEND: u8 = 0x20;
/// How often the transmitter is asked before a packet is given up: a peer that never reads must not stop us.
const PATIENCE: u32 = 200_000;

/// The UART, for whoever has it: the loader until its jump, then the application.
#[derive(Debug)]
pub struct Uart(());

impl Uart {
    /// Sets it up.
    ///
    /// # Safety
    /// The program runs on the board, may use the UART, and has no other.
    #[must_use]
    pub unsafe fn new() -> Self {
        // SAFETY: registers of the UART, which is ours by the caller's promise.
        unsafe {
            mmio::write_u8(LINE_CONTROL, EIGHT_BITS);
            mmio::write_u8(FIFO_CONTROL, FIFO_ON);
        }
        Self(())
    }

    /// A byte that came in.
    pub fn receive(&mut self) -> Option<u8> {
        // SAFETY: registers of the UART, which is ours.
        unsafe { (mmio::read_u8(LINE_STATUS) & RECEIVED != 0).then(|| mmio::read_u8(DATA)) }
    }

    /// Sends a packet, byte by byte, as far as they are taken.
    pub fn send(&mut self, channel: Channel, payload: &[u8]) {
        let mut line = [0u8; serial::encoded_len(MAX_SENT)];
        let payload = payload.get(..MAX_SENT).unwrap_or(payload);
        let len = serial::encode(channel, payload, &mut line).unwrap_or(0);
        // Whoever does not take one byte takes none of those behind it: each would cost as long a wait.
        let _ = line.iter().take(len).all(|byte| self.send_byte(*byte));
    }

    /// Returns whether it was taken.
    fn send_byte(&mut self, byte: u8) -> bool {
        for _ in 0..PATIENCE {
            // SAFETY: registers of the UART, which is ours.
            unsafe {
                if mmio::read_u8(LINE_STATUS) & MAY_SEND != 0 {
                    mmio::write_u8(DATA, byte);
                    return true;
                }
            }
        }
        false
    }

    /// Whether its scratch register keeps what is written to it.
    pub fn is_well(&mut self) -> bool {
        [0x55, 0xaa].into_iter().all(|pattern| {
            // SAFETY: a register of the UART, which is ours, and does nothing.
            unsafe {
                mmio::write_u8(SCRATCH, pattern);
                mmio::read_u8(SCRATCH) == pattern
            }
        })
    }
}

/// Bytes of the longest packet that goes down, or line of text.
pub const MAX_SENT: usize = 128;

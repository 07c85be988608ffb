//! Lines of text for the people at the other end of the UART.

use core::fmt::Write as _;

use heapless::String;
use lightday_wire::serial::Channel;

use crate::uart::{MAX_SENT, Uart};

/// Sends a line; what is longer than [`MAX_SENT`] bytes is left out.
pub fn say(uart: &mut Uart, line: core::fmt::Arguments<'_>) {
    let mut text: String<MAX_SENT> = String::new();
    // What did not fit is cut: `write_fmt` fails and leaves what it wrote.
    let _ = text.write_fmt(line);
    uart.send(Channel::Text, text.as_bytes());
}

//! Lines of text for the people at the other end of the UART.

use core::fmt::Write as _;
use core::num::NonZeroU32;

use heapless::String;
use lightday_wire::serial::Channel;

use crate::uart::{MAX_SENT, Uart};

const DECIMAL: NonZeroU32 = NonZeroU32::new(10).unwrap();
const HEXADECIMAL: NonZeroU32 = NonZeroU32::new(16).unwrap();

/// Sends a line; what is longer than [`MAX_SENT`] bytes is left out.
pub fn say(uart: &mut Uart, line: core::fmt::Arguments<'_>) {
    let mut text: String<MAX_SENT> = String::new();
    // What did not fit is cut: `write_fmt` fails and leaves what it wrote.
    let _ = text.write_fmt(line);
    uart.send(Channel::Text, text.as_bytes());
}

/// A line that is put together without `core::fmt`, which takes 3 KiB there: for the loader, which has to be small.
#[derive(Debug, Default)]
pub struct Line(String<MAX_SENT>);

impl Line {
    /// A line that begins so.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::default().text(text)
    }

    /// Goes on with a text; one that does not fit any more is left out.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        let _ = self.0.push_str(text);
        self
    }

    /// Goes on with a number.
    #[must_use]
    pub fn number(self, number: u32) -> Self {
        self.digits(number, DECIMAL)
    }

    /// Goes on with a number in hexadecimal digits.
    #[must_use]
    pub fn hex(self, number: u32) -> Self {
        self.text("0x").digits(number, HEXADECIMAL)
    }

    fn digits(mut self, mut number: u32, base: NonZeroU32) -> Self {
        let mut digits = [0u8; 10];
        let mut count = 0;
        for place in digits.iter_mut().rev() {
            let digit = b"0123456789abcdef".get((number % base) as usize);
            *place = *digit.unwrap_or(&b'?');
            number /= base;
            count += 1;
            if number == 0 {
                break;
            }
        }
        for digit in digits.iter().skip(digits.len().saturating_sub(count)) {
            let _ = self.0.push(char::from(*digit));
        }
        self
    }

    /// Sends it.
    pub fn send(&self, uart: &mut Uart) {
        uart.send(Channel::Text, self.0.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_write_them() {
        let line = Line::of("a ")
            .number(0)
            .text(" ")
            .number(1_020_304)
            .text(" ");
        let line = line
            .number(u32::MAX)
            .text(" ")
            .hex(0x8010_0000)
            .text(" ")
            .hex(0);
        let line = line.text(" ").hex(u32::MAX).text(" ").number(10);
        assert_eq!(
            line.0.as_str(),
            "a 0 1020304 4294967295 0x80100000 0x0 0xffffffff 10"
        );
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut long: String<MAX_SENT> = String::new();
        while long.push('x').is_ok() {}
        let line = Line::of(&long).text("y").number(7);
        assert_eq!(line.0, long);
    }
}

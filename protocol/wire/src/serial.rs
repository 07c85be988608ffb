//! Packets on a serial line: a UART of a testbed, a terminal server, an emulator's socket.
//!
//! The line has no packets of its own and may begin in the middle of one, so each is stuffed by COBS
//! (Cheshire and Baker 1999) and stands between two zero bytes. It says what it carries, and nothing more: frames
//! and reports prove themselves by their tags, text proves nothing and is for people alone.
//!
//! ```text
//! 00 | COBS( channel (1 B) | payload ) | 00      channel 1: a frame up, or a report or an answer down
//!                                                channel 2: a line of text, down only
//! ```
//!
//! ```
//! use lightday_wire::serial::{self, Channel, Receiver};
//!
//! let mut line = [0; serial::MAX_ENCODED];
//! let len = serial::encode(Channel::Packet, &[7, 0, 9], &mut line).unwrap();
//! let mut receiver = Receiver::new();
//! let mut heard = 0;
//! for byte in &line[..len] {
//!     if let Some((channel, payload)) = receiver.push(*byte) {
//!         assert_eq!((channel, payload), (Channel::Packet, &[7, 0, 9][..]));
//!         heard += 1;
//!     }
//! }
//! assert_eq!(heard, 1);
//! ```

use cobs::{CobsEncoder, DecodeResult, DecoderState};

use crate::frame::{HEADER_LEN, MAX_SYMBOL_LEN};

/// Bytes of the longest payload: any frame, with the longest tag.
pub const MAX_PAYLOAD: usize = HEADER_LEN + MAX_SYMBOL_LEN + 8;
/// Bytes of the longest packet on the line, with its two zeros: COBS adds one byte in 254, and one.
pub const MAX_ENCODED: usize = encoded_len(MAX_PAYLOAD);

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A frame, a report or an answer.
    Packet,
    /// A line of text in UTF-8, for people.
    Text,
}

impl Channel {
    const fn code(self) -> u8 {
        match self {
            Self::Packet => 1,
            Self::Text => 2,
        }
    }

    const fn of(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Packet),
            2 => Some(Self::Text),
            _ => None,
        }
    }
}

/// Most bytes on the line for a payload of so many bytes.
#[must_use]
pub const fn encoded_len(payload: usize) -> usize {
    let stuffed = payload + 1;
    stuffed + stuffed / 254 + 3
}

/// Writes a packet to the front of `out` and returns its length on the line; `None` if `out` is shorter than
/// [`encoded_len`] or the payload longer than [`MAX_PAYLOAD`].
#[must_use]
pub fn encode(channel: Channel, payload: &[u8], out: &mut [u8]) -> Option<usize> {
    if payload.len() > MAX_PAYLOAD || out.len() < encoded_len(payload.len()) {
        return None;
    }
    let (begin, rest) = out.split_first_mut()?;
    *begin = 0;
    let mut encoder = CobsEncoder::new(rest);
    encoder.push(&[channel.code()]).ok()?;
    encoder.push(payload).ok()?;
    let len = encoder.finalize();
    *rest.get_mut(len)? = 0;
    len.checked_add(2)
}

/// Finds packets in what comes from a line.
#[derive(Debug)]
pub struct Receiver {
    state: DecoderState,
    packet: [u8; 1 + MAX_PAYLOAD],
    len: usize,
    /// Nothing of this packet counts: it is broken, too long, or began before we listened.
    is_broken: bool,
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

impl Receiver {
    /// Nothing was heard yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: DecoderState::Idle,
            packet: [0; 1 + MAX_PAYLOAD],
            len: 0,
            is_broken: true,
        }
    }

    /// Takes a byte; returns channel and payload of the packet that it ends. What is broken is passed over.
    pub fn push(&mut self, byte: u8) -> Option<(Channel, &[u8])> {
        let result = self.state.feed(byte);
        match result {
            Ok(DecodeResult::DataStart) => self.len = 0,
            Ok(DecodeResult::DataContinue(data)) => match self.packet.get_mut(self.len) {
                Some(place) => {
                    *place = data;
                    self.len = self.len.saturating_add(1);
                }
                None => self.is_broken = true,
            },
            Ok(DecodeResult::DataComplete) => {
                let was_broken = core::mem::replace(&mut self.is_broken, false);
                let (code, payload) = self.packet.get(..self.len)?.split_first()?;
                let channel = Channel::of(*code)?;
                return (!was_broken).then_some((channel, payload));
            }
            Ok(DecodeResult::NoData) | Err(_) => {}
        }
        // A zero ends whatever there was, and what follows begins anew.
        if byte == 0 {
            self.is_broken = false;
            self.len = 0;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn line(channel: Channel, payload: &[u8]) -> Vec<u8> {
        let mut out = [0xaa; MAX_ENCODED];
        let len = encode(channel, payload, &mut out).unwrap();
        out[..len].to_vec()
    }

    fn heard(receiver: &mut Receiver, bytes: &[u8]) -> Vec<(Channel, Vec<u8>)> {
        let packets = bytes.iter().filter_map(|byte| {
            let (channel, payload) = receiver.push(*byte)?;
            Some((channel, payload.to_vec()))
        });
        packets.collect()
    }

    #[test]
    fn a_packet_has_these_bytes_on_the_line() {
        assert_eq!(line(Channel::Packet, &[5, 0, 6]), [0, 3, 1, 5, 2, 6, 0]);
        assert_eq!(line(Channel::Text, b"hi"), [0, 4, 2, b'h', b'i', 0]);
    }

    #[test]
    fn a_listener_who_comes_late_misses_the_first_packet_alone() {
        let (first, second) = (
            line(Channel::Packet, &[1; 40]),
            line(Channel::Packet, &[2; 9]),
        );
        for late in 1..first.len() {
            let mut receiver = Receiver::new();
            let mut packets = heard(&mut receiver, &first[late..]);
            packets.extend(heard(&mut receiver, &second));
            assert_eq!(packets, [(Channel::Packet, [2; 9].to_vec())], "{late}");
        }
    }

    #[test]
    fn what_is_longer_than_any_frame_is_passed_over() {
        let mut receiver = Receiver::new();
        let mut long = [1; 3000].to_vec();
        long.insert(0, 0);
        long.push(0);
        assert_eq!(heard(&mut receiver, &long), []);
        assert_eq!(heard(&mut receiver, &line(Channel::Text, b"on")).len(), 1);
        let mut out = [0; MAX_ENCODED + 10];
        assert_eq!(
            encode(Channel::Packet, &[0; MAX_PAYLOAD + 1], &mut out),
            None
        );
        assert_eq!(encode(Channel::Packet, &[0; 9], &mut out[..12]), None);
    }

    proptest! {
        #[test]
        fn what_is_sent_is_heard(payload in prop::collection::vec(any::<u8>(), 0..=MAX_PAYLOAD), zeros: bool) {
            let payload: Vec<u8> = payload.into_iter().map(|b| if zeros { b & 1 } else { b }).collect();
            let mut receiver = Receiver::new();
            let line = line(Channel::Packet, &payload);
            prop_assert!(line.len() <= encoded_len(payload.len()));
            prop_assert_eq!(heard(&mut receiver, &line), [(Channel::Packet, payload)]);
        }

        #[test]
        fn noise_never_panics_and_never_hides_what_follows(noise in prop::collection::vec(any::<u8>(), 0..2000)) {
            let mut receiver = Receiver::new();
            heard(&mut receiver, &noise);
            let after = heard(&mut receiver, &line(Channel::Text, b"here"));
            prop_assert_eq!(after.last(), Some(&(Channel::Text, b"here".to_vec())));
        }
    }
}

//! CFDP class 2 with deferred NAKs (CCSDS 727.0-B-5, 4.6): a model of what both ends send, round by round.
//!
//! ```text
//! sender    metadata, K file segments, EOF            what is missing            ...
//! receiver                        NAK at the EOF, and again when the last answer to one must have come
//! ```
//! A round is all that the sender sends before it hears, or has waited for, an answer. It is flattered: timers expire in
//! the very moment in which the answer must have come, no NAK is lost, a NAK tells all gaps however many there are,
//! and the payload counts as whole when its last byte is there. Held against another implementation:
//! `tests/peers/cfdp_peer.py`.

use super::Whole;
use super::air::{Air, Trace};

/// Bytes of a metadata PDU with names of eight characters, beside those of an EOF: header 10, and what 5.2 asks for.
const METADATA_LEN: u16 = 34;
/// Bytes of an EOF PDU: header 10, code, checksum, file size.
const EOF_LEN: u16 = 20;
/// Rounds after which a transfer is given up, and frame times: noise is drawn for all of them.
const MAX_ROUNDS: u32 = 10_000;
const MAX_STEPS: u64 = 20_000_000;

/// A protocol data unit of the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pdu {
    /// Names and size of the file.
    Metadata,
    /// A segment of the file, counted from 0.
    Segment(u16),
    /// The end of the first round.
    Eof,
}

/// One transfer.
#[derive(Clone, Debug)]
pub struct Cfdp {
    has_metadata: bool,
    has_eof: bool,
    has: Vec<bool>,
    rounds: u32,
}

impl Cfdp {
    /// A transfer of `k` segments.
    #[must_use]
    pub fn new(k: u16) -> Self {
        Self {
            has_metadata: false,
            has_eof: false,
            has: vec![false; k.into()],
            rounds: 0,
        }
    }

    /// Whether all is there that the receiver waits for.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.has_metadata && self.has_eof && self.has.iter().all(|has| *has)
    }

    /// What the sender sends next, once it has heard what the receiver has to say, or waited for it in vain.
    #[must_use]
    pub fn next_round(&mut self) -> Vec<Pdu> {
        self.rounds += 1;
        let all = (0u16..).zip(&self.has);
        if self.rounds == 1 {
            let segments = all.map(|(n, _)| Pdu::Segment(n));
            return [Pdu::Metadata]
                .into_iter()
                .chain(segments)
                .chain([Pdu::Eof])
                .collect();
        }
        if !self.has_eof {
            // No receipt of the EOF: it is sent again, and the receiver has not begun to ask.
            return vec![Pdu::Eof];
        }
        let missing = all.filter(|(_, has)| !**has).map(|(n, _)| Pdu::Segment(n));
        let metadata = (!self.has_metadata).then_some(Pdu::Metadata);
        metadata.into_iter().chain(missing).collect()
    }

    /// A PDU has arrived.
    pub fn arrives(&mut self, pdu: Pdu) {
        match pdu {
            Pdu::Metadata => self.has_metadata = true,
            Pdu::Eof => self.has_eof = true,
            Pdu::Segment(number) => {
                if let Some(has) = self.has.get_mut(usize::from(number)) {
                    *has = true;
                }
            }
        }
    }

    /// Delivers all of it; `None`: not within the passes.
    pub(super) fn deliver(mut self, air: &Air, trace: &mut Trace) -> Option<Whole> {
        let (mut now_ms, mut frames) = (0, 0);
        while self.rounds < MAX_ROUNDS && now_ms / air.frame_ms().max(1) < MAX_STEPS {
            for pdu in self.next_round() {
                let slot = air.next(now_ms, length(pdu, air))?;
                frames += 1;
                now_ms = slot.ends_ms;
                if !trace.is_lost(&slot) {
                    self.arrives(pdu);
                }
                if self.is_whole() {
                    return Some(Whole {
                        at_ms: now_ms + air.light_ms(),
                        frames,
                        rounds: self.rounds,
                        lost: 0,
                    });
                }
            }
            // The answer to the last PDU of the round, or the end of the wait for it.
            now_ms += 2 * air.light_ms();
        }
        None
    }
}

fn length(pdu: Pdu, air: &Air) -> u16 {
    match pdu {
        Pdu::Metadata => METADATA_LEN,
        Pdu::Segment(_) => air.frame_len(),
        Pdu::Eof => EOF_LEN,
    }
}

//! Link keys: who may be heard. Sixteen are pre-loaded, one for each epoch.
//!
//! ```text
//! frame key = HKDF-SHA-256(ikm = link key of the epoch, salt = "lightday link v1",
//!                          info = purpose "frame" || direction (1 B) || vehicle (4 B) || epoch (1 B))
//! tag       = first 8 (6) B of HMAC-SHA-256(frame key,
//!                          "lightday frame v1" || vehicle || direction || epoch || length (2 B) || header || symbol)
//! ```
//! For a report, first byte and body stand in the place of header and symbol.
//!
//! The MAC is a filter, never an authority: whoever has the link key can make the vehicle listen, and
//! nothing more.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use lightday_wire::answer;
use lightday_wire::dump;
use lightday_wire::report::{self, ReportFrame};
use lightday_wire::{Epoch, Frame, FrameHeader, TagLen, VehicleId};
use sha2::Sha256;

const SALT: &[u8] = b"lightday link v1";
const DOMAIN: &[u8] = b"lightday frame v1";

/// Bytes of the longest tag.
pub const MAX_TAG_LEN: usize = 8;

/// A link key: 32 B that the vehicle and the ground share, one for each epoch.
#[derive(Clone)]
pub struct LinkKey(pub [u8; 32]);

impl core::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("LinkKey(..)")
    }
}

/// The sixteen pre-loaded link keys, by epoch.
#[derive(Clone, Debug)]
pub struct LinkKeys(pub [LinkKey; Epoch::COUNT]);

impl LinkKeys {
    /// The key that authenticates one direction in one epoch for one vehicle.
    #[must_use]
    pub fn frame_key(&self, vehicle: VehicleId, direction: Direction, epoch: Epoch) -> FrameKey {
        let link_key: &[u8] = self
            .0
            .get(usize::from(epoch.get()))
            .map_or(&[], |key| key.0.as_slice());
        FrameKey::derive(link_key, vehicle, direction, epoch)
    }
}

/// Which way a packet travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the ground to the vehicle: code 0.
    Up,
    /// From the vehicle to the ground: code 1.
    Down,
}

impl Direction {
    const fn code(self) -> u8 {
        match self {
            Self::Up => 0,
            Self::Down => 1,
        }
    }
}

/// A tag that does not verify. The link or an intruder is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagError;

impl core::fmt::Display for TagError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the tag does not verify under the link key of its epoch")
    }
}

impl core::error::Error for TagError {}

/// The key of one direction, epoch and vehicle, keyed once and used for every packet.
#[derive(Clone)]
pub struct FrameKey {
    keyed: Hmac<Sha256>,
    vehicle: VehicleId,
    direction: Direction,
    epoch: Epoch,
}

impl core::fmt::Debug for FrameKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "FrameKey({:?}, {:?}, ..)", self.direction, self.epoch)
    }
}

impl FrameKey {
    fn derive(link_key: &[u8], vehicle: VehicleId, direction: Direction, epoch: Epoch) -> Self {
        let hkdf = Hkdf::<Sha256>::new(Some(SALT), link_key);
        let mut key = [0u8; 32];
        let info: [&[u8]; 4] = [
            b"frame",
            &[direction.code()],
            &vehicle.0.to_be_bytes(),
            &[epoch.get()],
        ];
        // 32 B are far below the 255 blocks of HKDF's longest output: this cannot fail.
        let _ = hkdf.expand_multi_info(&info, &mut key);
        // HMAC takes a key of any length; 32 B fill its block without hashing.
        let mut block = [0u8; 64];
        block.iter_mut().zip(key).for_each(|(to, from)| *to = from);
        Self {
            keyed: Hmac::<Sha256>::new(&block.into()),
            vehicle,
            direction,
            epoch,
        }
    }

    /// The epoch that this key belongs to.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn mac(&self, covered: [&[u8]; 2]) -> Hmac<Sha256> {
        let len = covered
            .iter()
            .map(|part| part.len())
            .fold(0usize, usize::saturating_add);
        let mut mac = self.keyed.clone();
        mac.update(DOMAIN);
        mac.update(&self.vehicle.0.to_be_bytes());
        mac.update(&[self.direction.code(), self.epoch.get()]);
        mac.update(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
        covered.iter().for_each(|part| mac.update(part));
        mac
    }

    /// The tag of a frame; as many bytes as `tag_len` says count.
    #[must_use]
    pub fn frame_tag(&self, header: FrameHeader, symbol: &[u8]) -> [u8; MAX_TAG_LEN] {
        truncated(self.mac([&header.to_bytes(), symbol]))
    }

    /// The tag of a report's first byte and body.
    #[must_use]
    pub fn report_tag(&self, covered: &[u8]) -> [u8; MAX_TAG_LEN] {
        truncated(self.mac([covered, &[]]))
    }

    /// Writes a whole frame to the front of `out`; returns its length, or `None` if `out` is too short.
    #[must_use]
    pub fn seal_frame(
        &self,
        header: FrameHeader,
        symbol: &[u8],
        tag_len: TagLen,
        out: &mut [u8],
    ) -> Option<usize> {
        let tag = self.frame_tag(header, symbol);
        let header = header.to_bytes();
        put(out, &[&header, symbol, tag.get(..tag_len.get())?])
    }

    /// Writes a whole answer to the front of `out`; returns its length, or `None` if `out` is too short.
    #[must_use]
    pub fn seal_answer(&self, body: &[u8], out: &mut [u8]) -> Option<usize> {
        self.seal_down(answer::first_byte(self.epoch), body, out)
    }

    /// Writes a whole part of a dump to the front of `out`; returns its length, or `None` if `out` is too short.
    #[must_use]
    pub fn seal_part(&self, body: &[u8], out: &mut [u8]) -> Option<usize> {
        self.seal_down(dump::first_byte(self.epoch), body, out)
    }

    /// Writes a whole report to the front of `out`; returns its length, or `None` if `out` is too short.
    #[must_use]
    pub fn seal_report(&self, body: &[u8], out: &mut [u8]) -> Option<usize> {
        self.seal_down(report::first_byte(self.epoch), body, out)
    }

    fn seal_down(&self, first: u8, body: &[u8], out: &mut [u8]) -> Option<usize> {
        let first = [first];
        let tag = truncated(self.mac([&first, body]));
        put(out, &[&first, body, &tag])
    }

    /// Opens a frame: the only way from received bytes to bytes that may be believed.
    ///
    /// # Errors
    /// [`TagError`] also if the frame names another epoch than this key's.
    pub fn open_frame<'a>(&self, frame: Frame<'a>) -> Result<AuthenticFrame<'a>, TagError> {
        if frame.header.epoch != self.epoch {
            return Err(TagError);
        }
        let mac = self.mac([&frame.header.to_bytes(), frame.symbol]);
        mac.verify_truncated_left(frame.tag).map_err(|_| TagError)?;
        Ok(AuthenticFrame {
            header: frame.header,
            symbol: frame.symbol,
        })
    }

    /// Opens a report, an answer or a part of a dump and returns its body.
    ///
    /// # Errors
    /// As [`Self::open_frame`].
    pub fn open_report<'a>(&self, report: &ReportFrame<'a>) -> Result<&'a [u8], TagError> {
        if report.epoch != self.epoch {
            return Err(TagError);
        }
        let mac = self.mac([report.covered, &[]]);
        mac.verify_truncated_left(report.tag)
            .map_err(|_| TagError)?;
        Ok(report.body)
    }
}

fn truncated(mac: Hmac<Sha256>) -> [u8; MAX_TAG_LEN] {
    let full = mac.finalize().into_bytes();
    let mut tag = [0; MAX_TAG_LEN];
    tag.iter_mut().zip(full).for_each(|(to, from)| *to = from);
    tag
}

/// Writes `parts` one behind the other; `None` if they do not fit.
fn put(out: &mut [u8], parts: &[&[u8]]) -> Option<usize> {
    let mut at = 0usize;
    for part in parts {
        let end = at.checked_add(part.len())?;
        let place = out.get_mut(at..end)?;
        place
            .iter_mut()
            .zip(*part)
            .for_each(|(to, from)| *to = *from);
        at = end;
    }
    Some(at)
}

/// A frame whose tag verified: its sender had the link key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthenticFrame<'a> {
    header: FrameHeader,
    symbol: &'a [u8],
}

impl<'a> AuthenticFrame<'a> {
    /// The header.
    #[must_use]
    pub const fn header(&self) -> FrameHeader {
        self.header
    }

    /// The symbol.
    #[must_use]
    pub const fn symbol(&self) -> &'a [u8] {
        self.symbol
    }
}

//! Files of packets: frames for the uplink, reports from the downlink.
//!
//! ```text
//! +--------+------ n B ------+--------+------ m B ------+ ...
//! | n      | packet          | m      | packet          |        lengths: 2 B, most significant first
//! +--------+-----------------+--------+-----------------+
//! ```
//! A file of reports may also be bare: 95 B each without lengths. The two cannot be confused: a report
//! begins with 0xF0 to 0xFF, a length of at most 1,016 with 0x00 to 0x03.

use std::path::Path;

use lightday_wire::frame::MAX_SYMBOL_LEN;
use lightday_wire::report::REPORT_LEN;

use crate::error::{Error, Result};

/// Longest packet: header, symbol, tag.
pub const MAX_PACKET_LEN: usize = 8 + MAX_SYMBOL_LEN + 8;

/// Appends a packet with its length.
pub fn push(file: &mut Vec<u8>, packet: &[u8]) {
    let len = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    file.extend_from_slice(&len.to_be_bytes());
    file.extend_from_slice(packet);
}

/// The packets of a file, as far as they are whole, and what is wrong behind the last of them.
#[derive(Debug, Default)]
pub struct Cut<'a> {
    /// The whole ones, in order.
    pub packets: Vec<&'a [u8]>,
    /// Why what follows is no packet: the file was cut short, or is damaged there.
    pub tail: Option<Error>,
}

/// Cuts a file into its packets; of one that was cut short, those that are whole.
#[must_use]
pub fn whole<'a>(path: &Path, bytes: &'a [u8]) -> Cut<'a> {
    match bytes.first() {
        Some(0xf0..) => bare(path, bytes),
        _ => framed(path, bytes),
    }
}

/// The same of a file that must be whole.
///
/// # Errors
/// Says at which byte the file makes no sense.
pub fn split<'a>(path: &Path, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>> {
    let cut = whole(path, bytes);
    cut.tail.map_or(Ok(cut.packets), Err)
}

/// Reports one behind the other.
fn bare<'a>(path: &Path, bytes: &'a [u8]) -> Cut<'a> {
    let packets = bytes.chunks_exact(REPORT_LEN);
    let rest = packets.remainder();
    let packets: Vec<_> = packets.collect();
    let tail = (!rest.is_empty()).then(|| {
        let what = format!(
            "a bare report is cut short: {} B of {REPORT_LEN} B",
            rest.len()
        );
        Error::input(path, what)
            .field(format!("packet {} at byte {}", packets.len() + 1, bytes.len() - rest.len()))
            .hint("take the file down again; a file that begins with 0xf0 to 0xff holds reports of 95 B each, without lengths")
    });
    Cut { packets, tail }
}

/// Packets behind their lengths.
fn framed<'a>(path: &Path, bytes: &'a [u8]) -> Cut<'a> {
    let mut cut = Cut::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        match first(rest) {
            Ok((packet, behind)) => {
                cut.packets.push(packet);
                rest = behind;
            }
            Err(what) => {
                let (place, at) = (cut.packets.len() + 1, bytes.len() - rest.len());
                cut.tail = Some(Error::input(path, what).field(format!("packet {place} at byte {at}")).hint(
                    "each packet stands behind its length (2 B, most significant first); copy the file again in binary mode",
                ));
                break;
            }
        }
    }
    cut
}

/// The first packet, and what stands behind it.
fn first(bytes: &[u8]) -> std::result::Result<(&[u8], &[u8]), String> {
    let (len, behind) = bytes.split_first_chunk().ok_or("the length is cut short")?;
    let len = usize::from(u16::from_be_bytes(*len));
    if len == 0 || len > MAX_PACKET_LEN {
        return Err(format!(
            "a length of {len} B; packets have 1 to {MAX_PACKET_LEN} B"
        ));
    }
    let packet = behind.split_at_checked(len);
    packet.ok_or_else(|| format!("the packet is cut short: {} B of {len} B", behind.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_as_written_and_cuts_are_named() {
        let mut file = Vec::new();
        push(&mut file, b"one");
        push(&mut file, b"three");
        let path = Path::new("frames.bin");
        assert_eq!(split(path, &file).unwrap(), [&b"one"[..], b"three"]);
        for (at, packets) in [(1, 0), (4, 0), (6, 1), (11, 1)] {
            assert!(split(path, &file[..at]).is_err(), "{at}");
            // What is whole before the cut is not lost with it.
            let cut = whole(path, &file[..at]);
            assert_eq!((cut.packets.len(), cut.tail.is_some()), (packets, true));
        }
        assert!(
            split(path, &[0x04, 0x00, 0x00])
                .unwrap_err()
                .to_string()
                .contains("packet 1 at byte 0")
        );
        assert_eq!(split(path, &[0xf3; 2 * REPORT_LEN]).unwrap().len(), 2);
        let cut = whole(path, &[0xf3; REPORT_LEN + 60]);
        assert_eq!(cut.packets.len(), 1);
        let why = cut.tail.unwrap().to_string();
        assert!(
            why.contains("packet 2 at byte 95") && why.contains("60 B of 95 B"),
            "{why}"
        );
        assert_eq!(split(path, b"").unwrap().len(), 0);
    }
}

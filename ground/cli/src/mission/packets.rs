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

/// Cuts a file into its packets.
///
/// # Errors
/// Says at which byte the file makes no sense.
pub fn split<'a>(path: &Path, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>> {
    if bytes.first().is_some_and(|b| *b >= 0xf0) && bytes.len().is_multiple_of(REPORT_LEN) {
        return Ok(bytes.chunks_exact(REPORT_LEN).collect());
    }
    let mut packets = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let bad = |what: &str| {
            Error::input(path, what).field(format!("packet {} at byte {at}", packets.len() + 1)).hint(
                "each packet stands behind its length (2 B, most significant first); copy the file again in binary mode",
            )
        };
        let (len, behind) = rest
            .split_first_chunk()
            .ok_or_else(|| bad("the length is cut short"))?;
        let len = usize::from(u16::from_be_bytes(*len));
        if len == 0 || len > MAX_PACKET_LEN {
            return Err(bad(&format!(
                "a length of {len} B; packets have 1 to {MAX_PACKET_LEN} B"
            )));
        }
        let (packet, behind) = behind
            .split_at_checked(len)
            .ok_or_else(|| bad("the packet is cut short"))?;
        packets.push(packet);
        rest = behind;
    }
    Ok(packets)
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
        for cut in [1, 4, 6, 11] {
            assert!(split(path, &file[..cut]).is_err(), "{cut}");
        }
        assert!(
            split(path, &[0x04, 0x00, 0x00])
                .unwrap_err()
                .to_string()
                .contains("packet 1 at byte 0")
        );
        assert_eq!(split(path, &[0xf3; 2 * REPORT_LEN]).unwrap().len(), 2);
        assert_eq!(split(path, b"").unwrap().len(), 0);
    }
}

//! RaptorQ (RFC 6330) by the `raptorq` crate: every trial is decoded for real.

use std::iter::once;

use lightday_station::object::UplinkObject;
use raptorq::{
    EncodingPacket, ObjectTransmissionInformation, SourceBlockDecoder, SourceBlockEncoder,
};

/// Packets beyond K of which a decoding is sure.
const MORE: u16 = 8;
/// Repair symbols that are made at a time.
const BATCH: usize = 256;

/// One block, and its packets as far as anybody asked for them.
pub(super) struct Raptor {
    config: ObjectTransmissionInformation,
    encoder: SourceBlockEncoder,
    block: Vec<u8>,
    packets: Vec<EncodingPacket>,
}

impl Raptor {
    /// The block of an object, in symbols of the same length.
    pub fn new(object: &UplinkObject) -> Self {
        let (k, symbol_len) = (object.k(), object.symbol_len());
        let block: Vec<u8> = (0..k)
            .flat_map(|index| object.symbol(index).unwrap_or_default())
            .collect();
        let config = ObjectTransmissionInformation::new(block.len() as u64, symbol_len, 1, 1, 2);
        let encoder = SourceBlockEncoder::new(0, &config, &block);
        Self {
            packets: encoder.source_packets(),
            config,
            encoder,
            block,
        }
    }

    fn packet(&mut self, index: u16) -> Option<EncodingPacket> {
        let sources = self.block.len() / usize::from(self.config.symbol_size().max(1));
        while self.packets.len() <= usize::from(index) {
            let next = u32::try_from(self.packets.len() - sources).ok()?;
            self.packets
                .extend(self.encoder.repair_packets(next, BATCH as u32));
        }
        self.packets.get(usize::from(index)).cloned()
    }

    /// How many of the packets that were heard it takes until the block is there.
    pub fn needed(&mut self, heard: &[u16]) -> Option<usize> {
        let mut decoder = SourceBlockDecoder::new(0, &self.config, self.config.transfer_length());
        for (place, index) in heard.iter().enumerate() {
            if let Some(block) = decoder.decode(once(self.packet(*index)?)) {
                return (block == self.block).then_some(place + 1);
            }
        }
        None
    }

    /// One decoding with the first `lost` source packets lost, which holds its packets already.
    pub fn one_decoding(mut self, lost: u16) -> impl FnMut() {
        let k = u16::try_from(self.packets.len()).unwrap_or(u16::MAX);
        let heard = lost..k.saturating_add(lost).saturating_add(MORE);
        let mut packets: Vec<_> = heard.filter_map(|index| self.packet(index)).collect();
        move || {
            let mut decoder =
                SourceBlockDecoder::new(0, &self.config, self.config.transfer_length());
            drop(decoder.decode(core::mem::take(&mut packets)));
        }
    }
}

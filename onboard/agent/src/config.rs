//! What the integrator states once. Never changes in flight.

use lightday_boot::{Identity, MemoryMap};
use lightday_trust::LinkKeys;
use lightday_wire::TagLen;

/// The agent's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who the vehicle is.
    pub identity: Identity,
    /// Where everything lies in flash.
    pub map: MemoryMap,
    /// The sixteen pre-loaded link keys.
    pub link_keys: LinkKeys,
    /// Bytes of a frame's tag.
    pub tag_len: TagLen,
    /// Where an image of slot A and of slot B is loaded and entered: one address where it is copied into
    /// RAM, one each where it is linked for its slot. `None`: any address is taken.
    pub load_addresses: [Option<u64>; 2],
    /// Bytes that a decoder may take of a heap, where one was compiled in that has a heap: the agent itself
    /// never allocates. What decoders without a heap have is the [`DecoderRam`](crate::DecoderRam) that the
    /// agent was started with.
    pub decoder_heap: u32,
    /// Seconds without a signed command after which golden boots; at least two leases.
    pub command_loss_s: u64,
    /// Seconds between two reports where nothing happens.
    pub beacon_s: u64,
}

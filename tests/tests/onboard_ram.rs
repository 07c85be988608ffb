//! Static RAM of the agent.
//!
//! How it is measured: the agent is one value without pointers, so `size_of` is all that it holds between
//! two calls. `N` is the capacity of the list of logged symbols (K and a margin for torn cells), `W` the
//! solver's work RAM. The figure of the requirement leaves out
//! - the RAM of decoders, which is whatever the agent is started with: an array of it is taken off, and adds
//!   no byte of its own. What a decoder keeps beside it stands inside the agent and is *not* taken off;
//! - the symbol buffers: the one symbol that waits to be logged (`MAX_SYMBOL_LEN`), and the solver's strips,
//!   which are all of `W` but the set of lost symbols (K / 8 bytes) that stays counted.
//!
//! The buffers of small objects (authorization, command, key set) are counted. The stack is not: it is the
//! caller's, and no call keeps any of it.

use lightday_agent::Agent;
use lightday_wire::frame::MAX_SYMBOL_LEN;

const K: usize = 1000;
/// Torn cells that a reception of K symbols survives.
const MARGIN: usize = 64;
/// The lost set of the solver.
const LOST_SET: usize = K.div_ceil(8);

/// The smallest profile of the codec `model`.
const DECODER_RAM: usize = 16 * 1024;

#[test]
fn static_ram_for_k_1000_without_decoder_ram_and_symbol_buffers_is_at_most_16_kib() {
    let whole = size_of::<Agent<{ K + MARGIN }, LOST_SET>>();
    let counted = whole - MAX_SYMBOL_LEN;
    println!(
        "agent for K = {K}, margin {MARGIN}: {counted} B counted, {whole} B with the one symbol that waits"
    );
    println!(
        "with 16 KiB of work RAM for the solver: {} B",
        size_of::<Agent<{ K + MARGIN }, 16_384>>()
    );
    println!(
        "with 16 KiB for decoders too: {} B",
        size_of::<Agent<{ K + MARGIN }, 16_384, [u8; DECODER_RAM]>>()
    );
    assert!(counted <= 16 * 1024, "{counted} B");
}

#[test]
fn decoder_ram_costs_what_it_holds_and_nothing_where_there_is_none() {
    let without = size_of::<Agent<{ K + MARGIN }, LOST_SET>>();
    let within = size_of::<Agent<{ K + MARGIN }, LOST_SET, [u8; DECODER_RAM]>>();
    assert_eq!(within - without, DECODER_RAM);
    let lent = size_of::<Agent<{ K + MARGIN }, LOST_SET, &'static mut [u8]>>();
    assert_eq!(lent - without, size_of::<&[u8]>());
}

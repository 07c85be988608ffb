//! What references say of the alignment: an operand of an aligned unit that names a place in the new
//! image tells where its old target has gone. Code moves as a whole; tables of like entries do not say
//! by their bytes which entry is which, but those that refer to them do. So does a linker that names them.

use super::pair::Pair;
use crate::model::isa::{Place, Reference};
use crate::model::map::Segment;
use std::vec::Vec;

/// What the references of aligned units say of a place in the new image: its displacement, and how
/// many say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vote {
    pub new: u32,
    pub displacement: i64,
    pub count: u32,
}

/// As many votes as count at all.
pub(crate) const ALL: u32 = 4;

/// What the linker says of places in a new image of `len` bytes, by rising place.
pub(crate) fn told(places: &[(u32, u32)], len: usize) -> Vec<Vote> {
    let within = places.iter().filter(|(_, new)| (*new as usize) < len);
    let mut votes: Vec<Vote> = within
        .map(|(old, new)| Vote {
            new: *new,
            displacement: i64::from(*old) - i64::from(*new),
            count: ALL,
        })
        .collect();
    votes.sort_unstable_by_key(|vote| (vote.new, vote.displacement));
    votes.dedup_by_key(|vote| vote.new);
    votes
}

/// The votes of all units that this alignment pairs and of the linker, one for a place, by rising place.
pub(crate) fn votes(pair: &Pair<'_>, segments: &[Segment]) -> Vec<Vote> {
    let header = pair.header;
    let mut all: Vec<(u32, i64)> = Vec::new();
    for segment in segments {
        let mut from = segment.old as usize;
        while from < segment.old_end() as usize {
            let Some(unit) = pair.old_units.starting(from) else {
                from += 1;
                continue;
            };
            let len = usize::from(unit.len);
            let at = segment.new as usize + (from - segment.old as usize);
            from += len;
            let Some(reference) = unit
                .reference
                .filter(|_| from <= segment.old_end() as usize)
            else {
                continue;
            };
            let Some(bytes) = pair.new.get(at..at + len) else {
                continue;
            };
            let address = header.new.address(at as u32);
            let partner = reference.partner.map_or(address, |p| {
                header
                    .new
                    .address(p.wrapping_add(segment.new.wrapping_sub(segment.old)))
            });
            let word = partner_word(pair, segment, &reference);
            let place = Place { address, partner };
            let to = header
                .isa
                .target(reference.form, bytes, place, word)
                .and_then(|target| header.new.offset(target));
            let from = header.old.offset(reference.target);
            if let (Some(to), Some(from)) = (to, from)
                && segment.forward(from).is_none_or(|f| f != to)
            {
                all.push((to, i64::from(from) - i64::from(to)));
            }
        }
    }
    for told in &pair.told {
        all.extend([(told.new, told.displacement); ALL as usize]);
    }
    all.sort_unstable();
    let mut votes: Vec<Vote> = Vec::new();
    for group in all.chunk_by(|a, b| a == b) {
        let (new, displacement) = group[0];
        let vote = Vote {
            new,
            displacement,
            count: group.len() as u32,
        };
        match votes.last_mut() {
            Some(last) if last.new == new => {
                if vote.count > last.count {
                    *last = vote;
                }
            }
            _ => votes.push(vote),
        }
    }
    votes
}

/// The word of a unit's partner in the new image, as far as it lies in the same segment.
fn partner_word(pair: &Pair<'_>, segment: &Segment, reference: &Reference) -> u32 {
    let partner = reference.partner.and_then(|p| segment.forward(p));
    let bytes = partner.and_then(|at| pair.new.get(at as usize..)?.first_chunk::<4>());
    let Some(bytes) = bytes else { return 0 };
    if pair.header.isa.big_endian() {
        u32::from_be_bytes(*bytes)
    } else {
        u32::from_le_bytes(*bytes)
    }
}

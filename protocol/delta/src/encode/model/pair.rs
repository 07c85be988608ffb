//! Two images, cut and indexed for the aligner, and what one alignment tells the next.

use super::chains::Chains;
use super::units::Units;
use super::votes::{Vote, told, votes};
use crate::model::header::Header;
use crate::model::map::{Map, Sealed, Segment};
use std::vec;
use std::vec::Vec;

/// Windows of blanked bytes by which displacements are found, and how many of each are taken.
pub(crate) const WINDOWS: [(usize, usize); 3] = [(32, 6), (12, 8), (6, 8)];

/// The same for windows of operations.
pub(crate) const OPERATIONS: (usize, usize) = (12, 2);

/// Both images, cut and indexed once for all iterations.
pub(crate) struct Pair<'a> {
    pub header: &'a Header,
    pub old: &'a [u8],
    pub new: &'a [u8],
    pub old_units: Units,
    pub new_units: Units,
    pub chains: Vec<Chains>,
    pub operations: Chains,
    /// What the linker says, by rising place in the new image.
    pub told: Vec<Vote>,
}

impl<'a> Pair<'a> {
    /// Both images, and where the linker says that both have the same function or variable.
    pub(crate) fn new(
        header: &'a Header,
        old: &'a [u8],
        new: &'a [u8],
        places: &[(u32, u32)],
    ) -> Self {
        let old_units = Units::new(header, old);
        // The new image under the contents of the old one's, whose spans it roughly shares.
        let mirrored = Header {
            old: header.new.clone(),
            ..header.clone()
        };
        let new_units = Units::new(&mirrored, new);
        let chains = WINDOWS
            .iter()
            .map(|(window, _)| Chains::new(&old_units.blanked, &new_units.blanked, *window))
            .collect();
        let (old_operations, new_operations) = (&old_units.operations, &new_units.operations);
        let operations = Chains::new(old_operations, new_operations, OPERATIONS.0);
        Self {
            header,
            old,
            new,
            old_units,
            new_units,
            chains,
            operations,
            told: told(places, new.len()),
        }
    }
}

/// What an alignment says to the next one: the same for all costs.
pub(crate) struct Known {
    /// Where the target of every old unit has gone, and its partner.
    pub targets: Vec<Option<(u64, u64)>>,
    /// What the references say, and the linker.
    pub votes: Vec<Vote>,
}

impl Known {
    /// What this alignment says, if it is one.
    pub(crate) fn of(pair: &Pair<'_>, segments: &[Segment]) -> Option<Self> {
        let mut bytes = vec![0; segments.len() * 24 + 1024];
        let mut map = Map::new(&mut bytes);
        for segment in segments {
            map.push(*segment).ok()?;
        }
        let size = map.size();
        let index = bytes.len() - size.index();
        let map = Sealed::new(&bytes[..size.varints()], &bytes[index..], size);
        Some(Self {
            targets: targets(pair, &map),
            votes: votes(pair, segments),
        })
    }
}

/// Where the target of every old unit has gone by this map, and its partner.
fn targets(pair: &Pair<'_>, map: &Sealed<'_>) -> Vec<Option<(u64, u64)>> {
    let moved = |address: u64| {
        let offset = pair.header.old.offset(address)?;
        let (segment, _) = map.find(offset)?;
        let to = offset.wrapping_add(segment.new.wrapping_sub(segment.old));
        Some(pair.header.new.address(to))
    };
    let units = pair.old_units.units.iter();
    units
        .map(|(_, unit)| {
            let reference = unit.reference?;
            let target = moved(reference.target).unwrap_or(reference.target);
            let partner = reference
                .partner
                .and_then(|p| moved(pair.header.old.address(p)));
            Some((target, partner.unwrap_or(0)))
        })
        .collect()
}

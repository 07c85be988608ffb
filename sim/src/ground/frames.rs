//! Frames that were made already. The same symbol of the same object under the same key is the same frame
//! in every run of a scenario, and parity is dear: what one mission made, the next takes from here.

use std::sync::{Arc, OnceLock};

use lightday_station::object::UplinkObject;
use lightday_trust::FrameKey;
use lightday_wire::{ObjectKind, ObjectNumber, TagLen};

/// Symbols of each object for which there is room; what lies beyond is made each time.
const ROOM: usize = 8192;

struct Shelf {
    kind: ObjectKind,
    number: ObjectNumber,
    frames: Vec<OnceLock<Vec<u8>>>,
}

/// The frames of objects that all runs of a scenario share.
#[derive(Clone)]
pub struct FrameStore {
    shelves: Arc<[Shelf]>,
    key: FrameKey,
    tag_len: TagLen,
}

impl std::fmt::Debug for FrameStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FrameStore({} objects)", self.shelves.len())
    }
}

impl FrameStore {
    /// An empty store for the frames of these objects, under one key.
    #[must_use]
    pub fn new(objects: &[UplinkObject], key: FrameKey, tag_len: TagLen) -> Self {
        let shelf = |object: &UplinkObject| Shelf {
            kind: object.kind(),
            number: object.number(),
            frames: (0..ROOM).map(|_| OnceLock::new()).collect(),
        };
        Self {
            shelves: objects.iter().map(shelf).collect(),
            key,
            tag_len,
        }
    }

    /// The frame of a symbol: from its shelf, or made. Objects are told apart by kind and number.
    #[must_use]
    pub fn frame(&self, object: &UplinkObject, index: u16) -> Option<Vec<u8>> {
        let make = || object.frame(index, &self.key, self.tag_len);
        let is_its = |s: &&Shelf| s.kind == object.kind() && s.number == object.number();
        let shelf = self.shelves.iter().find(is_its);
        let Some(place) = shelf.and_then(|shelf| shelf.frames.get(usize::from(index))) else {
            return make();
        };
        if let Some(frame) = place.get() {
            return Some(frame.clone());
        }
        let frame = make()?;
        Some(place.get_or_init(|| frame).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crew::Crew;
    use lightday_trust::Direction;
    use lightday_wire::{Epoch, VehicleId};

    #[test]
    fn a_stored_frame_is_the_one_that_would_be_made() {
        let keys = Crew::new(1, 1);
        let key = keys
            .link_keys()
            .frame_key(VehicleId(7), Direction::Up, Epoch::FIRST);
        let number = ObjectNumber::from_be_bytes([0, 0, 1]);
        let bytes: Vec<u8> = (0..=255).collect();
        let object = |kind| UplinkObject::new(kind, number, &bytes, 20).unwrap();
        let (stored, other) = (object(ObjectKind::Bundle), object(ObjectKind::Command));
        let store = FrameStore::new(std::slice::from_ref(&stored), key.clone(), TagLen::Eight);
        for object in [&stored, &other] {
            for index in [0, 12, 13, 40, 9000, 40, 0] {
                let made = object.frame(index, &key, TagLen::Eight);
                assert_eq!(store.frame(object, index), made);
            }
        }
    }
}

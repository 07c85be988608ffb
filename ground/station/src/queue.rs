//! Who is next: bundles take the link, small objects are interleaved.
//!
//! A command must not wait for a bundle of hours, and its few frames must not all fall into one burst
//! of loss: one frame in [`URGENT_STRIDE`] is theirs. Never looks at time.

use lightday_wire::ObjectKind;

/// While a bundle is being sent, every so manieth frame belongs to the small objects.
pub const URGENT_STRIDE: u32 = 8;

/// Takes turns among objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mixer {
    /// Frames since the last one of a small object.
    since_urgent: Option<u32>,
    /// The small object that was last served.
    last: Option<usize>,
}

impl Mixer {
    /// Nothing was sent yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            since_urgent: None,
            last: None,
        }
    }

    /// The object whose frame is next, by its place among `objects`: what each is, and whether it
    /// has a frame to send. Small objects take turns; of bundles the first goes first.
    pub fn next(&mut self, objects: impl Iterator<Item = (ObjectKind, bool)>) -> Option<usize> {
        let (mut bundle, mut urgent, mut after) = (None, None, None);
        for (place, (kind, wants)) in objects.enumerate() {
            if !wants {
                continue;
            }
            if kind == ObjectKind::Bundle {
                bundle = bundle.or(Some(place));
            } else {
                urgent = urgent.or(Some(place));
                if self.last.is_some_and(|last| place > last) {
                    after = after.or(Some(place));
                }
            }
        }
        let urgent = after.or(urgent);
        let is_due = self.since_urgent.is_none_or(|n| n + 1 >= URGENT_STRIDE);
        match (urgent, bundle) {
            (Some(place), None) => Some(self.serve(place)),
            (Some(place), Some(_)) if is_due => Some(self.serve(place)),
            (_, Some(place)) => {
                self.since_urgent = self.since_urgent.map(|n| n.saturating_add(1));
                Some(place)
            }
            (None, None) => None,
        }
    }

    fn serve(&mut self, place: usize) -> usize {
        self.since_urgent = Some(0);
        self.last = Some(place);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(kinds: &[(ObjectKind, u32)], frames: usize) -> String {
        let mut left: Vec<u32> = kinds.iter().map(|(_, n)| *n).collect();
        let mut mixer = Mixer::default();
        (0..frames)
            .map_while(|_| {
                let objects = kinds.iter().zip(&left).map(|((k, _), n)| (*k, *n > 0));
                let next = mixer.next(objects)?;
                left[next] -= 1;
                Some(char::from(b'0' + u8::try_from(next).unwrap()))
            })
            .collect()
    }

    #[test]
    fn small_objects_take_turns_between_the_frames_of_a_bundle() {
        use ObjectKind::{Authorization, Bundle, Command};
        let all = [(Bundle, 30), (Command, 2), (Authorization, 2)];
        assert_eq!(run(&all, 30), "100000002000000010000000200000");
        assert_eq!(run(&[(Command, 2), (Authorization, 3)], 9), "01011");
        assert_eq!(run(&[(Bundle, 2), (Bundle, 2)], 9), "0011");
    }
}

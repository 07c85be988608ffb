//! Who is next: bundles take the link, small objects are interleaved.
//!
//! A command must not wait for a bundle of hours, and its few frames must not all fall into one burst
//! of loss: one frame in [`URGENT_STRIDE`] is theirs. Among them commands begin, then key sets, then authorizations, in
//! whatever order they are given; and they take turns, so that none waits for the parity of another. Never looks at time.

use lightday_wire::ObjectKind;

/// While a bundle is being sent, every so manieth frame belongs to the small objects.
pub const URGENT_STRIDE: u32 = 8;

/// Takes turns among objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mixer {
    /// Frames since the last one of a small object.
    since_urgent: Option<u32>,
    /// The small object that was last served: its [`rank`] and its place.
    last: Option<(u8, usize)>,
}

/// Who begins, from 0: commands, since an abort must not wait, and a Confirm has to be heard before a key set that
/// outdates it; key sets; authorizations, which wait on board anyway; bundles.
#[must_use]
pub const fn rank(kind: ObjectKind) -> u8 {
    match kind {
        ObjectKind::Command => 0,
        ObjectKind::KeySet => 1,
        ObjectKind::Authorization => 2,
        _ => 3,
    }
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
    /// has a frame to send. Small objects take turns in the order of their [`rank`]; of bundles the first goes first.
    pub fn next(&mut self, objects: impl Iterator<Item = (ObjectKind, bool)>) -> Option<usize> {
        let (mut bundle, mut urgent, mut after) = (None, None::<(u8, usize)>, None::<(u8, usize)>);
        let sooner = |found: Option<(u8, usize)>, next| found.map_or(next, |f| f.min(next));
        for (place, (kind, wants)) in objects.enumerate() {
            if !wants {
                continue;
            }
            if kind == ObjectKind::Bundle {
                bundle = bundle.or(Some(place));
            } else {
                let turn = (rank(kind), place);
                urgent = Some(sooner(urgent, turn));
                if self.last.is_some_and(|last| turn > last) {
                    after = Some(sooner(after, turn));
                }
            }
        }
        let urgent = after.or(urgent);
        let is_due = self.since_urgent.is_none_or(|n| n + 1 >= URGENT_STRIDE);
        match (urgent, bundle) {
            (Some(turn), None) => Some(self.serve(turn)),
            (Some(turn), Some(_)) if is_due => Some(self.serve(turn)),
            (_, Some(place)) => {
                self.since_urgent = self.since_urgent.map(|n| n.saturating_add(1));
                Some(place)
            }
            (None, None) => None,
        }
    }

    const fn serve(&mut self, turn: (u8, usize)) -> usize {
        self.since_urgent = Some(0);
        self.last = Some(turn);
        turn.1
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

    #[test]
    fn a_command_begins_in_whatever_order_they_are_given() {
        use ObjectKind::{Authorization, Bundle, Command, KeySet};
        let all = [(Authorization, 2), (KeySet, 2), (Bundle, 60), (Command, 2)];
        let small = |served: String| served.replace('2', "");
        assert_eq!(small(run(&all, 60)), "310310");
        assert_eq!(run(&[(Authorization, 2), (Command, 3)], 9), "10101");
    }
}

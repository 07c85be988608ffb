//! Answers of ed25519 that a thread remembers, for the simulator alone.
//!
//! Nine tenths of a crash test's time would go into the same few signatures, verified anew after each of thousands of
//! power cuts. Every byte of a question is kept with its answer, so that another question never gets it; and each is
//! worked out by the code that flies before it is remembered. Outside [`remembering`] nothing is kept and nothing
//! is answered from memory.

extern crate std;

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::thread_local;

use lightday_wire::Signature;

use crate::verify::MESSAGE_LEN;

/// Answers that are kept at the most, of each kind: 1 MB of signatures, far more than a vehicle holds.
const MOST: usize = 8192;

type Question = ([u8; 32], [u8; MESSAGE_LEN], [u8; 32], [u8; 32]);

thread_local! {
    static IS_ON: Cell<bool> = const { Cell::new(false) };
    static SOUND: RefCell<BTreeMap<[u8; 32], bool>> = const { RefCell::new(BTreeMap::new()) };
    static SIGNED: RefCell<BTreeMap<Question, bool>> = const { RefCell::new(BTreeMap::new()) };
}

/// Turns the memory off again, also where the work panics.
struct On(bool);

impl Drop for On {
    fn drop(&mut self) {
        IS_ON.set(self.0);
    }
}

/// Does `work`; what it asks ed25519 is remembered by this thread, for this and later calls.
pub fn remembering<T>(work: impl FnOnce() -> T) -> T {
    let _before = On(IS_ON.replace(true));
    work()
}

pub(crate) fn sound(key: &[u8; 32], ask: impl FnOnce() -> bool) -> bool {
    SOUND.with_borrow_mut(|memory| recall(memory, *key, ask))
}

pub(crate) fn signed(
    key: &[u8; 32],
    message: &[u8; MESSAGE_LEN],
    signature: &Signature,
    ask: impl FnOnce() -> bool,
) -> bool {
    let question = (*key, *message, signature.r, signature.s);
    SIGNED.with_borrow_mut(|memory| recall(memory, question, ask))
}

fn recall<Q: Ord>(memory: &mut BTreeMap<Q, bool>, question: Q, ask: impl FnOnce() -> bool) -> bool {
    if !IS_ON.get() {
        return ask();
    }
    if let Some(answer) = memory.get(&question) {
        return *answer;
    }
    let answer = ask();
    if memory.len() >= MOST {
        memory.clear();
    }
    memory.insert(question, answer);
    answer
}

#[cfg(test)]
mod tests {
    use super::std::collections::BTreeMap;
    use super::std::panic::catch_unwind;
    use super::{MOST, recall, remembering};

    #[test]
    fn each_question_keeps_its_own_answer_and_is_asked_once() {
        let mut memory = BTreeMap::new();
        let mut asked = 0;
        remembering(|| {
            for question in [3, 4, 3, 5, 4, 3] {
                let answer = recall(&mut memory, question, || {
                    asked += 1;
                    question % 2 == 0
                });
                assert_eq!(answer, question % 2 == 0);
            }
        });
        assert_eq!(asked, 3);
    }

    #[test]
    fn nothing_is_remembered_outside_nor_answered_from_memory() {
        let mut memory = BTreeMap::new();
        assert!(recall(&mut memory, 7, || true));
        assert!(memory.is_empty());
        remembering(|| assert!(recall(&mut memory, 7, || true)));
        assert!(!recall(&mut memory, 7, || false));
        let panicked = catch_unwind(|| {
            remembering(|| {
                recall(&mut BTreeMap::from([(0, true)]), 1, || {
                    panic!("as the test wants")
                })
            })
        });
        assert!(panicked.is_err());
        assert!(!recall(&mut memory, 7, || false));
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let mut memory = BTreeMap::new();
        remembering(|| (0..3 * MOST).for_each(|n| assert!(recall(&mut memory, n, || true))));
        assert!(memory.len() <= MOST);
    }
}

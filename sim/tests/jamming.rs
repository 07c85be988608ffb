//! Whole missions, flown by the real station, agent and loader, of which somebody jams some passes: he delays the
//! update or has its trial reverted, and can do no more. `docs/THREATS.md`, "Jamming".

use std::ops::Range;

use lightday_sim::demo;
use lightday_sim::ending::Ending;
use lightday_sim::outcome::Outcome;
use lightday_sim::scenario::{Images, Prepared};
use lightday_sim::time::Span;
use lightday_sim::trace::Keep;
use lightday_wire::{RevertCause, SlotState};

const OLD: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v2.bin");
const NEW: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v3.bin");

/// Jammed until the end.
const FOR_EVER: usize = 1000;

/// The healthy update over so many days with a pass on each, of which some are jammed.
fn jammed(days: u64, passes: Range<usize>) -> Outcome {
    let mut scenario = demo::scenario("healthy", Images::new(OLD, OLD, NEW)).unwrap();
    scenario.length = Span::from_days(days);
    scenario.lost_passes = passes.collect();
    let prepared = Prepared::<4, 4096>::new(scenario).unwrap();
    let outcome = prepared.run(1, Keep::Headlines);
    assert_eq!(outcome.violations, [], "{outcome}");
    outcome
}

/// How it ended on board and as the ground knows it.
fn ends(outcome: &Outcome) -> [Ending; 2] {
    [outcome.on_board, outcome.on_ground]
}

#[test]
fn a_few_jammed_passes_delay_an_update_and_both_ends_know_how_it_ended() {
    for begin in 0..6 {
        for count in [1, 3] {
            let outcome = jammed(14, begin..begin + count);
            let told = format!("{count} from pass {begin} on: {outcome}");
            assert_eq!(ends(&outcome), [Ending::Confirmed; 2], "{told}");
        }
    }
}

#[test]
fn jamming_all_of_a_trial_has_it_reverted_and_the_ground_hears_so() {
    let reverted = Ending::Reverted(RevertCause::LeaseExpired);
    let outcome = jammed(14, 2..7);
    assert_eq!(ends(&outcome), [reverted; 2], "{outcome}");
}

#[test]
fn jamming_for_ever_ends_in_what_was_confirmed_or_golden_and_the_ground_takes_nothing_for_known() {
    // Nothing was ever heard: what runs goes on.
    let outcome = jammed(40, 0..FOR_EVER);
    let empty = Ending::Unfinished(SlotState::Empty);
    assert_eq!(ends(&outcome), [empty, Ending::Unknown], "{outcome}");
    // The bundle and its authorization came through, and nothing after them.
    let golden = Ending::Golden(RevertCause::CommandLoss);
    let outcome = jammed(40, 1..FOR_EVER);
    assert_eq!(ends(&outcome), [golden, Ending::Unknown], "{outcome}");
}

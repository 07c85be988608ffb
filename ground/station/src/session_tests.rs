//! Tests of the sender.

use super::*;
use crate::link::Loss;
use crate::link::tests::model;
use crate::tracker::tests::report;
use lightday_trust::{Direction, LinkKey, LinkKeys};
use lightday_wire::{Epoch, Frame, Refusal, Stage, VehicleId, Verdict};
use std::collections::BTreeSet;

#[path = "session_verdict_tests.rs"]
mod verdicts;

const DAY: u64 = 86_400;
const LIGHT_MS: u64 = 79_200_000;

fn number(n: u32) -> ObjectNumber {
    ObjectNumber::new(n).unwrap()
}

fn object(kind: ObjectKind, n: u32, len: usize) -> UplinkObject {
    UplinkObject::new(kind, number(n), &vec![1; len], 100).unwrap()
}

fn passes() -> Vec<Pass> {
    (1..=8)
        .map(|day| Pass {
            start_s: day * DAY,
            end_s: day * DAY + 3600,
            ..Pass::default()
        })
        .collect()
}

fn key() -> FrameKey {
    let keys = LinkKeys(core::array::from_fn(|_| LinkKey([1; 32])));
    keys.frame_key(VehicleId(7), Direction::Up, Epoch::new(0).unwrap())
}

fn session(lost_pass: f64, persistence: Persistence) -> UplinkSession {
    let mut link = model(Loss::Random { p: 0.1 });
    link.lost_pass = lost_pass;
    UplinkSession::new(passes(), link, 0.999, persistence)
}

/// Sends all that is to be sent until a moment; every frame must be well-formed and authentic.
fn send(session: &mut UplinkSession, from_ms: u64, until_ms: u64) -> Vec<Transmit> {
    let (mut now_ms, mut sent) = (from_ms, Vec::new());
    while let Some(at_ms) = session.poll_timeout(now_ms).filter(|at| *at < until_ms) {
        assert_eq!(session.poll_timeout(at_ms), Some(at_ms));
        let next = session.peek(at_ms);
        let frame = session
            .poll_transmit(at_ms, &key())
            .expect("a frame is due");
        assert_eq!(next, Some((frame.kind, frame.number)));
        let read = Frame::parse(&frame.bytes, session.tag_len()).unwrap();
        key().open_frame(read).unwrap();
        assert_eq!(
            session.poll_transmit(at_ms, &key()),
            None,
            "the antenna is busy"
        );
        assert!(
            passes()
                .iter()
                .any(|p| p.start_s * 1000 <= at_ms && frame.end_ms <= p.end_s * 1000)
        );
        sent.push(frame);
        now_ms = at_ms;
    }
    sent
}

#[test]
fn what_was_planned_is_sent_and_no_symbol_twice() {
    let mut session = session(0.05, Persistence::Planned);
    let plan = session
        .push(object(ObjectKind::Bundle, 1, 5000), 0)
        .unwrap();
    let plan = {
        assert!(plan.is_enough());
        session.push(object(ObjectKind::Command, 3, 90), 0).unwrap()
    };
    let sent = send(&mut session, 0, u64::MAX);
    assert_eq!(sent.len(), plan.frames.len());
    let symbols: BTreeSet<_> = sent.iter().map(|t| (t.kind, t.index)).collect();
    assert_eq!(symbols.len(), sent.len());
    // The session lays its frames where the plan said.
    for (transmit, planned) in sent.iter().zip(&plan.frames) {
        let of = &plan.objects[usize::from(planned.object)];
        assert_eq!((transmit.kind, transmit.index), (of.kind, planned.index));
        // 124 B at 100 bit/s.
        assert_eq!(transmit.end_ms, planned.start_ms + 9920);
    }
    assert_eq!(session.poll_timeout(0), None);
}

#[test]
fn an_old_report_counts_what_is_still_on_its_way() {
    let mut session = session(0.0, Persistence::Planned);
    session
        .push(object(ObjectKind::Bundle, 1, 5000), 0)
        .unwrap();
    let sent = send(&mut session, 0, u64::MAX);
    let first = sent.first().unwrap().end_ms;
    // Made when five frames had arrived, four of them whole; the others were on their way.
    let mut heard = report(9);
    heard.bundle = Verdict {
        number: number(1),
        stage: Stage::Receiving,
        refusal: Refusal::None,
    };
    heard.symbols_needed = 46;
    let air_ms = REPORT_LEN as u64 * 80;
    let frame_ms = sent[1].end_ms - sent[0].end_ms;
    let received_ms = first + 4 * frame_ms + 2 * LIGHT_MS + air_ms;
    assert_eq!(session.handle_report(&heard, received_ms), Ok(false));
    let more = send(&mut session, received_ms, u64::MAX).len();
    assert!(more <= 2, "what is on its way will do: {more}");
    // Now everything had arrived when it was made, and twenty are still needed.
    heard.symbols_needed = 20;
    let received_ms = received_ms + 4 * DAY * 1000;
    session.handle_report(&heard, received_ms).unwrap();
    let fresh = send(&mut session, received_ms, u64::MAX);
    assert!((20..40).contains(&fresh.len()), "{}", fresh.len());
    assert!(fresh.iter().all(|t| usize::from(t.index) >= sent.len()));
}

#[test]
fn a_verdict_or_a_passed_number_ends_the_sending() {
    let judged = |kind, change: fn(&mut Report), until_day: u64| {
        let mut session = session(0.0, Persistence::Planned);
        session.push(object(kind, 3, 250), 0).unwrap();
        send(&mut session, 0, until_day * DAY * 1000);
        let mut heard = report(9);
        heard.symbols_needed = 3;
        change(&mut heard);
        let changed = session
            .handle_report(&heard, (until_day + 3) * DAY * 1000)
            .unwrap();
        let outcome = session.progress().next().unwrap().outcome;
        assert_eq!(changed, outcome != Outcome::Sending);
        assert_eq!(session.poll_timeout(0).is_none(), changed);
        outcome
    };
    // Before anything went up, and when all of it can be there.
    let ends = |kind, change| judged(kind, change, 0);
    let after = |kind, change| judged(kind, change, 2);
    fn of(stage: Stage, refusal: Refusal) -> Verdict {
        Verdict {
            number: ObjectNumber::new(3).unwrap(),
            stage,
            refusal,
        }
    }
    use ObjectKind::{Authorization, Bundle, Command, KeySet};
    assert_eq!(ends(Bundle, |_| ()), Outcome::Sending);
    assert_eq!(
        ends(Bundle, |r| r.bundle = of(Stage::Accepted, Refusal::None)),
        Outcome::Sending
    );
    assert_eq!(
        after(Bundle, |r| r.bundle = of(Stage::Done, Refusal::None)),
        Outcome::Received
    );
    assert_eq!(
        ends(Bundle, |r| {
            r.bundle = of(Stage::Refused, Refusal::SecurityCounter);
            r.next[0] = number(4);
        }),
        Outcome::Refused(Refusal::SecurityCounter)
    );
    assert_eq!(
        ends(Bundle, |r| r.next[0] = ObjectNumber::new(4).unwrap()),
        Outcome::Past
    );
    assert_eq!(
        after(Command, |r| r.command = of(Stage::Accepted, Refusal::None)),
        Outcome::Received
    );
    assert_eq!(
        ends(Authorization, |r| {
            r.authorization = of(Stage::Failed, Refusal::Expired);
            r.next[1] = number(4);
        }),
        Outcome::Failed(Refusal::Expired)
    );
    assert_eq!(
        after(KeySet, |r| r.next[3] = ObjectNumber::new(4).unwrap()),
        Outcome::Received
    );
}

#[test]
fn silence_is_answered_by_fresh_parity_in_every_later_pass() {
    let mut planned = session(0.0, Persistence::Planned);
    let mut until = session(0.0, Persistence::UntilReport);
    for session in [&mut planned, &mut until] {
        session.push(object(ObjectKind::Command, 3, 90), 0).unwrap();
    }
    let sent = send(&mut planned, 0, u64::MAX).len();
    let more = send(&mut until, 0, 3 * DAY * 1000);
    assert!(more.len() > sent);
    assert!(more[..sent].iter().all(|t| t.end_ms < 2 * DAY * 1000));
    assert!(more[sent..].iter().all(|t| t.end_ms > 2 * DAY * 1000));
}

#[test]
fn the_session_goes_on_where_it_was_written_down() {
    let mut session = session(0.05, Persistence::Planned);
    session
        .push(object(ObjectKind::Bundle, 1, 5000), 0)
        .unwrap();
    send(&mut session, 0, DAY * 1000 + 200_000);
    let text = serde_json::to_string(&session).unwrap();
    let mut again: UplinkSession = serde_json::from_str(&text).unwrap();
    assert_eq!(again, session);
    let now_ms = DAY * 1000 + 200_000;
    assert_eq!(
        send(&mut again, now_ms, u64::MAX),
        send(&mut session, now_ms, u64::MAX)
    );
}

#[test]
fn the_same_object_is_queued_once_and_may_be_given_up() {
    let mut session = session(0.0, Persistence::Planned);
    session.push(object(ObjectKind::Command, 3, 90), 0).unwrap();
    session.push(object(ObjectKind::Command, 3, 90), 0).unwrap();
    assert_eq!(session.progress().count(), 1);
    session.cancel(ObjectKind::Command, number(3));
    assert!(session.is_finished());
    assert_eq!(session.poll_timeout(0), None);
    let late = session.push(object(ObjectKind::Command, 4, 90), 99 * DAY * 1000);
    assert_eq!(late.unwrap_err(), PlanError::NoPasses);
    assert_eq!(session.progress().count(), 1);
}

/// The pass of a frame.
fn day(frame: &Transmit) -> u64 {
    frame.end_ms / (DAY * 1000)
}

fn no_symbol_twice(sent: &[Transmit]) {
    let symbols: BTreeSet<_> = sent
        .iter()
        .map(|t| (t.kind.code(), t.number, t.index))
        .collect();
    assert_eq!(symbols.len(), sent.len());
}

#[test]
fn bundles_go_up_one_after_another_with_commands_between() {
    let mut session = session(0.0, Persistence::Planned);
    session
        .push(object(ObjectKind::Bundle, 1, 20_000), 0)
        .unwrap();
    session
        .push(object(ObjectKind::Bundle, 2, 20_000), 0)
        .unwrap();
    let begun = DAY * 1000 + 300_000;
    let mut sent = send(&mut session, 0, begun);
    session
        .push(object(ObjectKind::Command, 1, 90), begun)
        .unwrap();
    sent.extend(send(&mut session, begun, u64::MAX));
    no_symbol_twice(&sent);
    let first_of = |kind, n| {
        sent.iter()
            .position(|t| (t.kind, t.number) == (kind, number(n)))
    };
    let count = |n| {
        sent.iter()
            .filter(|t| (t.kind, t.number) == (ObjectKind::Bundle, number(n)))
            .count()
    };
    assert!(count(1) >= 200 && count(2) >= 200);
    let [one, two] = [1, 2].map(|n| first_of(ObjectKind::Bundle, n).unwrap());
    let command = first_of(ObjectKind::Command, 1).unwrap();
    assert!(
        one < command && command < two,
        "a command waits for no bundle"
    );
    // In no pass does the later bundle go before the one that it is built on.
    for pass in 1..=8 {
        let of_pass = sent
            .iter()
            .filter(|t| day(t) == pass && t.kind == ObjectKind::Bundle);
        assert!(of_pass.map(|t| t.number).is_sorted(), "pass {pass}");
    }
}

#[test]
fn a_sender_that_stood_still_plans_anew_with_the_passes_that_are_left() {
    let mut session = session(0.0, Persistence::Planned);
    session
        .push(object(ObjectKind::Bundle, 1, 20_000), 0)
        .unwrap();
    let mut sent = send(&mut session, 0, DAY * 1000 + 300_000);
    // Nobody asks it for a frame for two days.
    let now_ms = 3 * DAY * 1000 + DAY * 500;
    let text = serde_json::to_string(&session).unwrap();
    let mut session: UplinkSession = serde_json::from_str(&text).unwrap();
    let plan = session.replan(now_ms).unwrap();
    assert!(plan.is_enough());
    sent.extend(send(&mut session, now_ms, u64::MAX));
    no_symbol_twice(&sent);
    assert!(sent.iter().all(|t| day(t) == 1 || day(t) >= 4));
    assert!(sent.len() >= 200);
}

#[test]
fn a_sending_of_several_objects_has_the_chance_of_its_plan_once_it_went_up() {
    let link = model(Loss::GilbertElliott {
        loss: 0.1,
        mean_burst_frames: 10.0,
    });
    let mut session = UplinkSession::new(passes(), link, 0.99, Persistence::Planned);
    session
        .push(object(ObjectKind::Command, 3, 190), 0)
        .unwrap();
    session
        .push(object(ObjectKind::Authorization, 2, 290), 0)
        .unwrap();
    let plan = session
        .push(object(ObjectKind::Bundle, 1, 5000), 0)
        .unwrap();
    let sent = send(&mut session, 0, 9 * DAY * 1000);
    assert_eq!(sent.len(), plan.frames.len());
    let last_ms = sent.last().unwrap().end_ms;
    // As it is kept and read again, too.
    let kept = serde_json::to_string(&session).unwrap();
    for mut session in [session, serde_json::from_str(&kept).unwrap()] {
        let again = session.replan(last_ms).unwrap();
        for (before, now) in plan.objects.iter().zip(&again.objects) {
            assert_eq!(now.frames, 0, "{:?}", now.kind);
            let (before, now) = (before.probability, now.probability);
            assert!((before - now).abs() < 1e-9, "{before} {now}");
        }
    }
}

/// An outage takes two minutes and a half of each pass: what goes up on both sides of it is lost together, and bursts
/// end while it is silent.
#[test]
fn a_sending_through_a_contact_of_two_passes_has_the_chance_of_its_plan_in_between_and_behind_it() {
    let link = model(Loss::GilbertElliott {
        loss: 0.1,
        mean_burst_frames: 10.0,
    });
    let light = link.light_time(&passes());
    let parts = |pass: Pass| {
        let behind = pass.starting_at(pass.start_s + 350, &light);
        let end_s = pass.start_s + 200;
        [Pass { end_s, ..pass }, behind]
    };
    let cut: Vec<Pass> = passes().into_iter().flat_map(parts).collect();
    let mut session = UplinkSession::new(cut.clone(), link, 0.99, Persistence::Planned);
    session
        .push(object(ObjectKind::Command, 3, 900), 0)
        .unwrap();
    let plan = session
        .push(object(ObjectKind::Bundle, 1, 5000), 0)
        .unwrap();
    let first = plan.passes[0].frames;
    assert!(first > 10 && plan.passes[1].frames > 10 && plan.passes[2].frames == 0);
    // 15 frames of 9.92 s would fit into the silence, and what the first part was too short for.
    let at_gap = usize::try_from(first).unwrap();
    assert_eq!(plan.frames[at_gap].slot, first + 15);
    let mut at_ms = 0;
    for until_s in [cut[1].start_s, 9 * DAY] {
        let sent = send(&mut session, at_ms, until_s * 1000);
        at_ms = sent.last().unwrap().end_ms;
        let again = session.replan(at_ms).unwrap();
        for (before, now) in plan.objects.iter().zip(&again.objects) {
            let (before, now) = (before.probability, now.probability);
            assert!((before - now).abs() < 1e-9, "{until_s}: {before} {now}");
        }
    }
}

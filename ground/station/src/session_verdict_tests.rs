//! Whose verdict a report tells: that of what went up from here, or of what somebody else sent under its number.

use super::*;

/// A report on bundle 3, which the vehicle still accepts.
fn on_bundle(stage: Stage, refusal: Refusal) -> Report {
    let mut heard = report(9);
    heard.bundle = Verdict {
        number: number(3),
        stage,
        refusal,
    };
    heard.next[0] = number(3);
    heard
}

/// A session that has sent all of bundle 3, its frames, and when a report is heard that was made when so
/// many of them had left the antenna a light time before.
fn sent_bundle() -> (
    UplinkSession,
    Vec<Transmit>,
    impl Fn(&[Transmit], usize) -> u64,
) {
    let mut session = session(0.0, Persistence::Planned);
    session
        .push(object(ObjectKind::Bundle, 3, 1000), 0)
        .unwrap();
    let sent = send(&mut session, 0, u64::MAX);
    let heard_at = |sent: &[Transmit], n: usize| {
        let left = n.checked_sub(1).and_then(|last| sent.get(last));
        let left_ms = left.map_or(DAY * 1000, |last| last.end_ms);
        left_ms + 2 * LIGHT_MS + REPORT_LEN as u64 * 80
    };
    (session, sent, heard_at)
}

fn first_outcome(session: &UplinkSession) -> Outcome {
    session.progress().next().unwrap().outcome
}

#[test]
fn a_forgery_refused_before_ours_can_be_there_ends_nothing() {
    let (mut session, sent, heard_at) = sent_bundle();
    let forged = on_bundle(Stage::Refused, Refusal::SignatureBad);
    let changed = session.handle_report(&forged, heard_at(&sent, 0));
    assert_eq!(changed, Ok(false));
    assert_eq!(first_outcome(&session), Outcome::Sending);
    // One frame may be all that the vehicle needs to refuse a bundle: this one is ours.
    let mut early = sent_bundle().0;
    early.handle_report(&forged, heard_at(&sent, 1)).unwrap();
    let ours = Outcome::Refused(Refusal::SignatureBad);
    assert_eq!(first_outcome(&early), ours);
    // A number that was passed was signed for, whoever sent it.
    let mut signed = forged;
    signed.next[0] = number(4);
    let changed = session.handle_report(&signed, heard_at(&sent, 0));
    assert_eq!((changed, first_outcome(&session)), (Ok(true), ours));
}

#[test]
fn a_forgerys_refusal_that_stands_is_ours_once_the_whole_plan_was_there() {
    let (mut session, sent, heard_at) = sent_bundle();
    let forged = on_bundle(Stage::Refused, Refusal::SignatureBad);
    for arrived in [0, 1, sent.len() - 1] {
        session
            .handle_report(&forged, heard_at(&sent, arrived))
            .unwrap();
        assert_eq!(first_outcome(&session), Outcome::Sending, "{arrived}");
    }
    // Another reason than the one that stood is news, and may be about ours.
    let mut other = session.clone();
    let news = on_bundle(Stage::Refused, Refusal::UnknownKey);
    other
        .handle_report(&news, heard_at(&sent, sent.len() - 1))
        .unwrap();
    assert_eq!(first_outcome(&other), Outcome::Refused(Refusal::UnknownKey));
    let all = session.handle_report(&forged, heard_at(&sent, sent.len()));
    assert_eq!(all, Ok(true));
    assert_eq!(
        first_outcome(&session),
        Outcome::Refused(Refusal::SignatureBad)
    );
}

#[test]
fn what_too_few_of_our_frames_can_have_caused_is_not_ours() {
    let (mut session, sent, heard_at) = sent_bundle();
    let mut earlier = session.clone();
    let k = usize::from(session.progress().next().unwrap().k);
    // A bundle fails once it is complete.
    let failed = on_bundle(Stage::Failed, Refusal::PayloadDigest);
    session
        .handle_report(&failed, heard_at(&sent, k - 1))
        .unwrap();
    assert_eq!(first_outcome(&session), Outcome::Sending);
    // Whatever a forger's reception says, no more than was sent is there.
    let mut receiving = on_bundle(Stage::Receiving, Refusal::None);
    receiving.symbols_needed = 1;
    earlier
        .handle_report(&receiving, heard_at(&sent, 2))
        .unwrap();
    let needed = earlier.progress().next().unwrap().needed;
    assert_eq!(needed as usize, k - 2);
}

#[test]
fn a_bundle_that_is_started_is_ours_once_its_number_was_passed() {
    let (mut session, sent, heard_at) = sent_bundle();
    let k = usize::from(session.progress().next().unwrap().k);
    // Our own envelope, filled up with garbage: admitted, complete, and not what we sent.
    let started = on_bundle(Stage::Started, Refusal::None);
    for arrived in [0, k - 1] {
        let changed = session.handle_report(&started, heard_at(&sent, arrived));
        assert_eq!(changed, Ok(false));
        assert_eq!(first_outcome(&session), Outcome::Sending, "{arrived}");
        let needed = session.progress().next().unwrap().needed;
        assert_eq!(needed as usize, k - arrived);
    }
    // What became of it says nothing of ours, which is on its way.
    let failed = on_bundle(Stage::Failed, Refusal::PayloadDigest);
    session
        .handle_report(&failed, heard_at(&sent, k - 1))
        .unwrap();
    assert_eq!(first_outcome(&session), Outcome::Sending);
    // Where all of ours may be there, nothing more is sent, and it is not over yet.
    session
        .handle_report(&started, heard_at(&sent, sent.len()))
        .unwrap();
    assert_eq!(first_outcome(&session), Outcome::Sending);
    let progress = session.progress().next().unwrap();
    assert_eq!((progress.needed, progress.planned), (0, 0));
    let mut done = on_bundle(Stage::Done, Refusal::None);
    done.next[0] = number(4);
    let changed = session.handle_report(&done, heard_at(&sent, sent.len()));
    assert_eq!(changed, Ok(true));
    assert_eq!(first_outcome(&session), Outcome::Received);
}

#[test]
fn a_bundle_that_is_started_has_its_number_passed_before_it_counts_as_received() {
    let (mut session, sent, heard_at) = sent_bundle();
    let mut started = on_bundle(Stage::Started, Refusal::None);
    started.next[0] = number(4);
    session.handle_report(&started, heard_at(&sent, 0)).unwrap();
    assert_eq!(first_outcome(&session), Outcome::Received);
}

/// Whoever stole the link key says that all is there, while most of it is still on its way.
#[test]
fn what_is_called_done_before_k_frames_can_have_arrived_goes_on_to_be_sent() {
    let mut session = session(0.0, Persistence::Planned);
    session
        .push(object(ObjectKind::Bundle, 1, 50_000), 0)
        .unwrap();
    let sent = send(&mut session, 0, u64::MAX);
    let mut heard = report(9);
    heard.bundle = Verdict {
        number: number(1),
        stage: Stage::Done,
        refusal: Refusal::None,
    };
    heard.next = [number(2); 4];
    let early_ms = sent[0].end_ms + 2 * LIGHT_MS;
    let _ = session.handle_report(&heard, early_ms);
    assert!(!session.is_finished());
    // An hour is left for clocks and for the light time of the day.
    let k = sent.iter().map(|t| t.end_ms).nth(499).unwrap();
    let _ = session.handle_report(&heard, k + 2 * LIGHT_MS);
    assert!(session.is_finished());
}

//! A report in words, for people. Never judges: what a fact means for the mission is for others to say.
//!
//! ```
//! use lightday_station::facts::words;
//! use lightday_wire::RevertCause;
//!
//! assert_eq!(words(&RevertCause::LeaseExpired), "lease expired");
//! ```

use core::fmt;

use lightday_wire::report::{Report, SlotReport, flags};
use lightday_wire::{ObjectKind, Refusal, RevertCause, SlotId, SlotState, Stage, Verdict};
use serde::{Deserialize, Serialize};

/// One line of `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is about.
    pub name: &'static str,
    /// What the vehicle said.
    pub value: String,
}

/// A report in words, one fact a line, in the same order for every report, so that two can stand
/// side by side.
#[must_use]
pub fn facts(report: &Report) -> Vec<Fact> {
    let fact = |name, value| Fact { name, value };
    let mut facts = vec![
        fact("report", report.sequence.to_string()),
        fact("running", report.running.0.to_string()),
    ];
    for (slot, name) in [(SlotId::A, "slot A"), (SlotId::B, "slot B")] {
        let slot = report.slots.get(slot.index());
        facts.push(fact(name, slot.map_or_else(String::new, slot_text)));
    }
    facts.push(fact("golden", short(&report.golden)));
    facts.push(fact("bundle", verdict_text(report.bundle)));
    facts.push(fact("symbols needed", report.symbols_needed.to_string()));
    facts.push(fact("authorization", verdict_text(report.authorization)));
    facts.push(fact("command", verdict_text(report.command)));
    facts.push(fact("hold", words(&report.hold)));
    let next: Vec<String> = ObjectKind::UPLINK
        .iter()
        .zip(report.next)
        .map(|(kind, next)| format!("{} {next}", words(&kind)))
        .collect();
    facts.push(fact("next numbers", next.join(", ")));
    let lease = match report.lease_left_h {
        u16::MAX => "no trial".into(),
        hours => format!(
            "{hours} h, {} boots and {} environment resets left",
            report.tries_left, report.environment_left
        ),
    };
    facts.push(fact("trial", lease));
    facts.push(fact(
        "last reset",
        format!(
            "{}, {} resets so far",
            words(&report.reset_cause),
            report.resets
        ),
    ));
    let reverted = match report.revert_cause {
        RevertCause::None => "never".into(),
        cause => format!("{}, bundle {}", words(&cause), report.reverted),
    };
    facts.push(fact("last revert", reverted));
    facts.push(fact("key set", report.key_set.to_string()));
    facts.push(fact(
        "security counter",
        report.security_counter.to_string(),
    ));
    facts.push(fact("frames refused", report.frames_refused.to_string()));
    facts.push(fact("flags", flag_text(report.flags)));
    let digest: String = report
        .state_digest
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    facts.push(fact("state digest", digest));
    facts
}

fn short(digest: &[u8; 4]) -> String {
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

fn slot_text(slot: &SlotReport) -> String {
    match slot.state {
        SlotState::Empty => words(&slot.state),
        state => format!("{} {} {}", words(&state), slot.version, short(&slot.digest)),
    }
}

fn verdict_text(verdict: Verdict) -> String {
    match (verdict.stage, verdict.refusal) {
        (Stage::Idle, _) => "none yet".into(),
        (stage, Refusal::None) => format!("{} {}", verdict.number, words(&stage)),
        (stage, refusal) => format!("{} {}: {}", verdict.number, words(&stage), words(&refusal)),
    }
}

fn flag_text(bits: u8) -> String {
    let names = [
        (flags::LEASE_COOPERATIVE, "lease cooperative"),
        (flags::RECORD_LOST, "record lost"),
        (flags::UPLINK_PROVEN, "uplink proven"),
        (flags::HELD, "held"),
        (flags::HEALTHY, "healthy"),
        (flags::STAGING_WORN, "staging worn"),
    ];
    let set: Vec<&str> = names
        .iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, name)| *name)
        .collect();
    if set.is_empty() {
        "none".into()
    } else {
        set.join(", ")
    }
}

/// A code's name as people read it: `LeaseExpired` becomes `lease expired`.
#[must_use]
pub fn words(code: &impl fmt::Debug) -> String {
    let mut text = String::new();
    for c in format!("{code:?}").chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.extend(c.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::tests::report;
    use lightday_wire::ObjectNumber;

    #[test]
    fn facts_have_one_order_and_say_what_waits() {
        let mut waiting = report(3);
        waiting.bundle = Verdict {
            number: ObjectNumber::new(4).unwrap(),
            stage: Stage::Receiving,
            refusal: Refusal::UnknownBase,
        };
        let names = |r: &Report| facts(r).iter().map(|f| f.name).collect::<Vec<_>>();
        assert_eq!(names(&waiting), names(&report(1)));
        let bundle = facts(&waiting).into_iter().find(|f| f.name == "bundle");
        assert_eq!(bundle.unwrap().value, "4 receiving: unknown base");
    }

    #[test]
    fn every_flag_has_words() {
        let all = flags::LEASE_COOPERATIVE
            | flags::RECORD_LOST
            | flags::UPLINK_PROVEN
            | flags::HELD
            | flags::HEALTHY
            | flags::STAGING_WORN;
        assert_eq!(flag_text(0), "none");
        let said = flag_text(all);
        assert_eq!(
            said.split(", ").count(),
            all.count_ones() as usize,
            "{said}"
        );
    }

    #[test]
    fn facts_are_words_and_not_the_names_of_codes() {
        let mut heard = report(3);
        for state in SlotState::ALL {
            for hold in Refusal::ALL {
                (heard.slots[0].state, heard.hold) = (*state, *hold);
                (heard.revert_cause, heard.bundle.stage) =
                    (RevertCause::LeaseExpired, Stage::Failed);
                heard.bundle.refusal = *hold;
                for fact in facts(&heard) {
                    let is_code = |word: &str| word.len() > 1 && word.contains(char::is_uppercase);
                    let mut words = fact.value.split([' ', ',', ':']);
                    assert!(!words.any(is_code), "{}: {}", fact.name, fact.value);
                }
            }
        }
    }
}

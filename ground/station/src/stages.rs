//! Verdicts in the words of PUS service 1, request verification (ECSS-E-ST-70-41C, 6.1).
//!
//! The report carries of each kind the stage that the latest object came to, not the report of each stage that it
//! passed. Failure of start (`[1,4]`) and progress (`[1,5]`, `[1,6]`) have no code in it.
//!
//! ```
//! use lightday_station::stages::service_1;
//! use lightday_wire::Stage;
//!
//! assert_eq!(service_1(Stage::Done), Some("[1,7] completion: success"));
//! assert_eq!(service_1(Stage::Receiving), None);
//! ```

use lightday_wire::{Refusal, Stage, Verdict};

use crate::facts::words;

/// The report of service 1 that a stage stands for; `None` before acceptance.
#[must_use]
pub const fn service_1(stage: Stage) -> Option<&'static str> {
    Some(match stage {
        Stage::Idle | Stage::Receiving => return None,
        Stage::Accepted => "[1,1] acceptance: success",
        Stage::Refused => "[1,2] acceptance: failure",
        Stage::Started => "[1,3] start: success",
        Stage::Done => "[1,7] completion: success",
        Stage::Failed => "[1,8] completion: failure",
    })
}

/// A verdict for people, with the reason of a failure.
#[must_use]
pub fn text(verdict: Verdict) -> String {
    let stage = service_1(verdict.stage).map_or_else(|| words(&verdict.stage), str::to_owned);
    match verdict.refusal {
        Refusal::None => stage,
        why => format!("{stage}, {}", words(&why)),
    }
}

/// Whether a stage is the last one of an object, unless it is sent again.
#[must_use]
pub const fn is_over(stage: Stage) -> bool {
    matches!(stage, Stage::Refused | Stage::Failed | Stage::Done)
}

/// Whether a verdict says more of its object than another one: stages follow each other, and end.
#[must_use]
pub const fn is_further(stage: Stage, than: Stage) -> bool {
    rank(stage) > rank(than)
}

const fn rank(stage: Stage) -> u8 {
    match stage {
        Stage::Idle => 0,
        Stage::Receiving => 1,
        Stage::Accepted => 2,
        Stage::Started => 3,
        // A refusal for want of signatures uses no number up: the same object may be sent again and be done.
        Stage::Refused => 4,
        Stage::Failed => 5,
        Stage::Done => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightday_wire::ObjectNumber;

    #[test]
    fn every_stage_behind_acceptance_has_its_report_and_no_two_share_one() {
        let all: Vec<_> = Stage::ALL.iter().filter_map(|s| service_1(*s)).collect();
        assert_eq!(all.len(), Stage::ALL.len() - 2);
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one), "{one}");
        }
    }

    #[test]
    fn a_failure_says_why() {
        let refused = Verdict {
            number: ObjectNumber::new(3).unwrap(),
            stage: Stage::Refused,
            refusal: Refusal::NoTrial,
        };
        assert_eq!(text(refused), "[1,2] acceptance: failure, no trial");
        assert_eq!(text(Verdict::IDLE), "idle");
    }

    #[test]
    fn no_stage_is_further_than_itself_and_done_ends_all() {
        for stage in Stage::ALL {
            assert!(!is_further(*stage, *stage));
            assert_eq!(is_further(Stage::Done, *stage), *stage != Stage::Done);
        }
    }
}

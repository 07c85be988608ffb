//! Reports: what the vehicle proves about itself, on every change and as a beacon. Never asks for anything.

use lightday_boot::Elapsed;
use lightday_trust::Digester;
use lightday_wire::report::{RunningCode, SlotReport, Verdict, flags};
use lightday_wire::{Digest, ObjectKind, Refusal, Report, SlotState, Stage, canon};

use crate::agent::{Agent, Reception};
use crate::platform::{DecoderRam, Now};

/// Room for a body or an answer.
const BODY: usize = 128;

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// Writes the packet that is due to the front of `out` and returns its length; `None` if none is, or
    /// if `out` is too short. A report is one byte, its body and its tag:
    /// [`lightday_wire::report::REPORT_LEN`] bytes, the longest of the packets that go down. Behind a report
    /// come the parts of a dump, one with each call.
    pub fn poll_transmit(&mut self, now: Now, out: &mut [u8]) -> Option<usize> {
        let mut body = [0u8; BODY];
        if let Some(answer) = &self.answer {
            let body = canon::encode(answer, &mut body).ok()?;
            let len = self.downlink.seal_answer(body, out)?;
            self.answer = None;
            return Some(len);
        }
        if self.is_resetting {
            return None;
        }
        // What is still to be committed is not so yet.
        let is_unsaid = self.commit_due || now.elapsed >= self.settle_due;
        if now.elapsed < self.report_due || self.staging.is_scanning() || is_unsaid {
            return self.poll_dump(now, out);
        }
        if self.is_upset() {
            // What it would say is not so.
            self.record_due = Elapsed(0);
            return None;
        }
        let report = self.report(now);
        let body = canon::encode(&report, &mut body).ok()?;
        let len = self.downlink.seal_report(body, out)?;
        self.reports = self.reports.wrapping_add(1);
        if self.reports == 0 && !self.is_lost {
            // As if after a reset, so that the sequence never falls back; committed in the next step.
            self.record.resets = self.record.resets.wrapping_add(1);
            self.commit_due = true;
            self.seal();
        }
        self.report_due = now.elapsed.plus_s(self.config.beacon_s.max(1));
        Some(len)
    }

    fn report(&self, now: Now) -> Report {
        let record = &self.record;
        let sequence = u32::from(record.resets) << 16 | u32::from(self.reports);
        let low = |value: u32| u16::try_from(value & 0xffff).unwrap_or(0);
        Report {
            sequence,
            time_s: now.time_s.and_then(|t| u32::try_from(t).ok()).unwrap_or(0),
            running: RunningCode(self.running),
            slots: record.slots.map(|slot| SlotReport {
                state: slot.state,
                version: slot.version,
                digest: slot.image.prefix().short(),
            }),
            golden: self
                .golden
                .map_or([0; 4], |golden| golden.image.digest.prefix().short()),
            bundle: self.bundle_verdict(),
            symbols_needed: self.staging.needed(),
            authorization: self.verdict(ObjectKind::Authorization),
            command: self.verdict(ObjectKind::Command),
            next: record.next,
            reset_cause: record.reset_cause,
            resets: record.resets,
            tries_left: record.trial.tries_left,
            environment_left: record.trial.environment_left,
            lease_left_h: self.lease_left_h(now.elapsed).unwrap_or(u16::MAX),
            revert_cause: record.revert_cause,
            reverted: record.reverted,
            key_set: record.key_set,
            security_counter: low(record.security_counter),
            hold: self.hold(),
            frames_refused: self.frames_refused,
            flags: self.flags(),
            state_digest: self.state_digest().prefix().0,
        }
    }

    /// The verdict on the bundle in reception, or else on the latest one, as the report tells it.
    #[must_use]
    pub fn bundle_verdict(&self) -> Verdict {
        let Some(number) = self.receiving() else {
            return self.verdict(ObjectKind::Bundle);
        };
        let (stage, refusal) = match &self.reception {
            Reception::Unjudged => (Stage::Receiving, Refusal::None),
            Reception::Waiting(why) => (Stage::Receiving, *why),
            Reception::Admitted(_) if !self.may_patch() => (Stage::Accepted, Refusal::SlotBusy),
            Reception::Admitted(_) if self.staging.is_complete() => (Stage::Started, Refusal::None),
            Reception::Admitted(_) => (Stage::Accepted, Refusal::None),
        };
        Verdict {
            number,
            stage,
            refusal,
        }
    }

    fn hold(&self) -> Refusal {
        let is_verified = self
            .record
            .slots
            .iter()
            .any(|s| s.state == SlotState::Verified);
        match self.hold {
            Refusal::None if is_verified => Refusal::NotAuthorized,
            hold => hold,
        }
    }

    fn flags(&self) -> u8 {
        [
            (self.is_cooperative, flags::LEASE_COOPERATIVE),
            (self.is_lost, flags::RECORD_LOST),
            (self.is_uplink_proven(), flags::UPLINK_PROVEN),
            (self.record.held, flags::HELD),
            (self.is_healthy, flags::HEALTHY),
            (self.staging.is_worn(), flags::STAGING_WORN),
        ]
        .into_iter()
        .filter(|(is_set, _)| *is_set)
        .fold(0, |all, (_, flag)| all | flag)
    }

    /// The digest of everything that the ground decides and the vehicle must agree on: what a twin fed
    /// with the same objects reproduces. Times, budgets and resets are the vehicle's own and stay out.
    #[must_use]
    pub fn state_digest(&self) -> Digest {
        let record = &self.record;
        let mut buffer = [0u8; 512];
        let state = (
            record.home,
            record.slots,
            record.next,
            record.verdicts,
            (
                record.key_set,
                record.epoch,
                record.security_counter,
                record.held,
            ),
        );
        let mut digester = Digester::separated(b"lightday state v1");
        digester.update(canon::encode(&state, &mut buffer).unwrap_or(&[]));
        digester.finish()
    }
}

//! Whose turn it is: one step of the first thing that is due. An arming that is begun ends first, and what came of it is
//! committed; what a reset was to carry out is settled next; commands come before symbols, symbols before the long work of solving and patching, so that an abort is
//! never kept waiting by what it aborts.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::{Elapsed, Supervisor};
use lightday_wire::report::Verdict;
use lightday_wire::{ObjectKind, ObjectNumber, Refusal, Stage};

use crate::admission::Objection;
use crate::agent::{Agent, Reception};
use crate::dump::Dump;
use crate::install::Install;
use crate::platform::{Application, DecoderRam, Now, Platform};
use crate::staging::{Logged, Named};

/// Bytes from the front of an object that are enough for any envelope.
const PREFIX: usize = 512;

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// Whether a step is due now.
    pub(crate) fn has_work(&self) -> bool {
        self.inbox.is_some()
            || self.staging.is_scanning()
            || self.symbol.is_some()
            || self.judge_due
            || self.arm_due
            || self.commit_due
            || self.staging.is_closing()
            || self.region_digest.is_some()
            || self.dump.as_ref().is_some_and(Dump::is_unread)
            || self.install_due() == Elapsed(0)
    }

    pub(crate) fn step<F: NorFlash, S: Supervisor, A: Application>(
        &mut self,
        now: Now,
        platform: &mut Platform<'_, F, S, A>,
    ) {
        if self.arm_due || now.elapsed >= self.arm_retry {
            // What was begun of an arming ends before another document is looked at: two or three steps.
            self.arm_step(now, platform.flash);
        } else if self.commit_due {
            self.commit_due = false;
            if self.commit(platform.flash).is_ok() {
                self.spend_failed(platform.flash);
            }
        } else if now.elapsed >= self.settle_due {
            // The record has room for the verdict on one command.
            self.settle(now, platform.flash);
        } else if let Some(object) = self.inbox.take() {
            self.execute(now, platform, &object);
        } else if self.staging.is_scanning() {
            self.scan(platform.flash);
        } else if self.symbol.is_some() {
            self.log_symbol(now, platform.flash);
        } else if self.judge_due {
            self.judge_early(now, platform.flash);
        } else if self.staging.is_closing() {
            self.staging.close(platform.flash);
        } else if now.elapsed >= self.health_due {
            self.check_health(now, platform);
        } else if now.elapsed >= self.record_due {
            self.look_at_record(now, platform.flash, platform.supervisor);
        } else if now.elapsed >= self.room_due {
            self.look_at_room(platform.flash);
        } else if now.elapsed >= self.activation_due() {
            self.try_activation(now, platform);
        } else if now.elapsed >= self.install_due() {
            self.install_step(now, platform.flash);
        } else if self.region_digest.is_some() {
            self.digest_step(platform.flash);
        } else {
            self.dump_step(now, platform.flash);
        }
    }

    fn scan<F: NorFlash>(&mut self, flash: &mut F) {
        self.staging.scan_step(flash);
        if self.staging.is_scanning() {
            return;
        }
        let next = self.record.next_number(ObjectKind::Bundle);
        let epoch = self.record.epoch;
        let is_current = |named: Named| named.epoch == epoch && named.number.is_in_window(next);
        if self.is_lost || !self.staging.named().is_some_and(is_current) {
            self.staging.forget();
        }
        if self.staging.named().is_none() {
            return self.drop_reception();
        }
        self.judge_due = true;
        if self.staging.is_complete() && matches!(self.install, Install::Idle) {
            self.install = Install::Recheck;
        }
    }

    /// One erase or one program for the symbol that waits.
    fn log_symbol<F: NorFlash>(&mut self, now: Now, flash: &mut F) {
        let Some((header, symbol)) = self.symbol.take() else {
            return;
        };
        if self.staging.named().is_none() {
            let len = u16::try_from(symbol.len()).unwrap_or(0);
            let Ok(shape) = lightday_fec::BlockShape::new(header.k, len) else {
                return;
            };
            match self.staging.begin(flash, header, shape, self.sequence) {
                Ok(begun) => {
                    if begun == Logged::Done {
                        self.unproven = self.unproven.saturating_add(1);
                        self.reception = Reception::Unjudged;
                        // Those of another object, which a reset must not count for this one.
                        self.commit_due |= self.record.patch_attempts != 0;
                        self.record.patch_attempts = 0;
                    }
                    self.symbol = Some((header, symbol));
                }
                // Nothing can be named for now: silence would tell nobody.
                Err(_) if self.staging.is_nameless() => {
                    self.refuse_shape(header.number, Refusal::FlashFault);
                    self.note_shortage(now);
                }
                // Any other frame will do to try again.
                Err(_) => {}
            }
            return;
        }
        match self.staging.log(flash, header.index, &symbol) {
            Ok(Logged::Again) => self.symbol = Some((header, symbol)),
            Ok(Logged::Done) => {
                self.judge_due = matches!(self.reception, Reception::Unjudged);
                if self.staging.is_complete() {
                    self.begin_install();
                }
            }
            // What fails now may be a fault that passes: one symbol is lost by that, and not all of them.
            Ok(Logged::Full) if self.staging.may_recover() => self.note_shortage(now),
            // Begun anew, the log has all of its room but dead blocks.
            Ok(Logged::Full) => {
                let why = Refusal::StagingTooSmall;
                self.end_bundle(now, flash, header.number, why, false);
            }
            // The flash failed: the symbol counts as lost, and any other will do.
            Err(_) => {}
        }
    }

    /// The early verdict: as soon as the first symbols hold the whole envelope.
    fn judge_early<F: NorFlash>(&mut self, now: Now, flash: &mut F) {
        self.judge_due = false;
        let Some(named) = self.staging.named() else {
            return;
        };
        let mut prefix = [0u8; PREFIX];
        let len = self.read_prefix(flash, &mut prefix);
        let Some(bytes) = prefix.get(..len) else {
            return;
        };
        let verdict = self.judge(named.number, bytes, named.shape.block_len());
        self.take_verdict(now, flash, named.number, verdict);
    }

    /// Acts on a verdict about the bundle in reception.
    fn take_verdict<F: NorFlash>(
        &mut self,
        now: Now,
        flash: &mut F,
        number: ObjectNumber,
        verdict: Result<crate::Admitted, Objection>,
    ) {
        match verdict {
            Ok(admitted) => {
                self.reception = Reception::Admitted(admitted);
                self.report_due = now.elapsed;
            }
            Err(Objection::Incomplete) => {
                // It waits by a verdict from the solved block; only that can tell whether it still has to.
                if matches!(self.reception, Reception::Waiting(_)) {
                    self.reception = Reception::Unjudged;
                }
            }
            Err(Objection::NotYet(why)) => {
                self.reception = Reception::Waiting(why);
                self.report_due = now.elapsed;
            }
            Err(Objection::Untrusted(why)) => self.end_bundle(now, flash, number, why, false),
            Err(Objection::Refused(why)) => self.end_bundle(now, flash, number, why, true),
        }
    }

    /// Ends a reception with a refusal. Only what was signed uses its number up, and is written.
    pub(crate) fn end_bundle<F: NorFlash>(
        &mut self,
        now: Now,
        flash: &mut F,
        number: ObjectNumber,
        why: Refusal,
        is_signed: bool,
    ) {
        self.drop_reception();
        self.report_due = now.elapsed;
        let verdict = Verdict {
            number,
            stage: Stage::Refused,
            refusal: why,
        };
        // Attempts were counted only where all symbols had been there.
        let was_begun = self.record.patch_attempts != 0;
        self.record.patch_attempts = 0;
        if is_signed {
            self.unproven = 0;
            self.record.raise_next(ObjectKind::Bundle, number);
            self.set_verdict(ObjectKind::Bundle, verdict);
        } else {
            self.note_unsigned(ObjectKind::Bundle, verdict);
        }
        if is_signed || was_begun {
            let _ = self.commit(flash);
        }
    }

    /// Reads the object's first bytes as far as its source symbols are there without a gap.
    fn read_prefix<F: NorFlash>(&self, flash: &mut F, prefix: &mut [u8; PREFIX]) -> usize {
        let Some(named) = self.staging.named() else {
            return 0;
        };
        let symbol_len = usize::from(named.shape.symbol_len());
        let mut len = 0usize;
        for index in 0..named.shape.k() {
            let place = self.staging.order().iter().position(|i| *i == index);
            let Some(position) = place.and_then(|place| u16::try_from(place).ok()) else {
                break;
            };
            let end = len.saturating_add(symbol_len).min(PREFIX);
            let Some(buf) = prefix.get_mut(len..end) else {
                break;
            };
            if buf.is_empty() || self.staging.read_symbol(flash, position, 0, buf).is_err() {
                break;
            }
            len = end;
        }
        len
    }

    /// When solving, checking or patching has a step to do: at once, unless flash refused a commit.
    pub(crate) fn install_due(&self) -> Elapsed {
        match (&self.install, self.install_retry) {
            (Install::Idle, _) => Elapsed::NEVER,
            (_, Elapsed::NEVER) => Elapsed(0),
            (_, retry) => retry,
        }
    }
}

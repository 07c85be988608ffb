//! Upkeep: once a day the agent looks at its record in flash. Between two commits nobody else would, and the
//! loader, which would find it lost, boots golden.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::store::RecordStore;

use crate::agent::Agent;
use crate::platform::{DecoderRam, Now};

/// Seconds between two looks.
pub(crate) const LOOK_S: u64 = 86_400;

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// Reads the three copies. Where they are not in step, or not what was committed last, the record is
    /// committed as any other time: from what RAM holds, under a sequence above all that is stored. A vehicle
    /// that lost its record has nothing to write.
    pub(crate) fn look_at_record<F: NorFlash>(&mut self, now: Now, flash: &mut F) {
        self.record_due = now.elapsed.plus_s(LOOK_S);
        if self.is_lost {
            return;
        }
        let stored = RecordStore::new(self.config.map.record).load(flash);
        let is_whole = stored.is_some_and(|s| s.in_step && s.sequence == self.sequence);
        if !is_whole {
            // Where not one copy takes it, tomorrow's look tries again.
            let _ = self.commit(flash);
        }
    }
}

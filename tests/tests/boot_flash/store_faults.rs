//! The record on a flash that fails for longer than a save takes: what it took once, it keeps.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use lightday_boot::cells::RECORD_CELL;
use lightday_sim::flash::FlashError;

use crate::store::{REGIONS, numbered, resets, saved, store};
use crate::vehicle::Flash;

/// Saves after which a copy is full.
const FULL: u16 = 4096 / RECORD_CELL as u16;

/// What a flash does not do, while it does all else.
#[derive(Clone, Copy)]
enum Fault {
    /// It takes no program, with an error.
    NoProgram,
    /// It takes no program, and says that all went well.
    SilentlyNoProgram,
    /// It reads nothing.
    NoRead,
}

struct Faulty {
    flash: Flash,
    fault: Fault,
}

impl ErrorType for Faulty {
    type Error = FlashError;
}

impl ReadNorFlash for Faulty {
    const READ_SIZE: usize = Flash::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        match self.fault {
            Fault::NoRead => Err(FlashError::Protected(offset)),
            Fault::NoProgram | Fault::SilentlyNoProgram => self.flash.read(offset, bytes),
        }
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for Faulty {
    const WRITE_SIZE: usize = Flash::WRITE_SIZE;
    const ERASE_SIZE: usize = Flash::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.flash.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        match self.fault {
            Fault::NoProgram => Err(FlashError::Protected(offset)),
            Fault::SilentlyNoProgram => Ok(()),
            Fault::NoRead => self.flash.write(offset, bytes),
        }
    }
}

/// Saves three times while the flash has this fault, in vain; then it works again, and takes the record.
fn outlived(flash: Flash, fault: Fault, saves: u16, what: &str) {
    let mut faulty = Faulty { flash, fault };
    for attempt in 0..3 {
        let kept = store().save(&mut faulty, u32::from(saves), &numbered(1000));
        assert!(kept.is_err(), "{what}, attempt {attempt}");
        let found = resets(&mut faulty.flash);
        assert_eq!(found, Some(saves), "{what}, attempt {attempt}");
    }
    let mut flash = faulty.flash;
    let sequence = store().save(&mut flash, u32::from(saves), &numbered(1001));
    assert!(sequence.is_ok_and(|sequence| sequence > u32::from(saves)));
    assert_eq!(resets(&mut flash), Some(1001), "{what}");
}

#[test]
fn a_save_that_landed_nowhere_is_an_error() {
    let mut flash = saved(1);
    flash.protect(0..3 * 4096);
    assert!(store().save(&mut flash, 1, &numbered(2)).is_err());
    assert_eq!(resets(&mut flash), Some(1));
}

/// Regression: each copy that took no program was erased, one after the other, and one commit wiped the record.
/// With cells free in all copies, with none, with one copy alone that holds the newest.
#[test]
fn flash_that_erases_and_takes_no_program_keeps_the_record() {
    for fault in [Fault::NoProgram, Fault::SilentlyNoProgram] {
        for saves in [3, FULL, FULL + 1] {
            for lost in 0..3 {
                let mut flash = saved(saves);
                for copy in REGIONS.iter().take(lost) {
                    flash.factory_load(copy.start, &[0x5a; 4096]);
                }
                outlived(flash, fault, saves, &format!("{saves} saves, {lost} lost"));
            }
        }
    }
}

/// Regression: where no copy could be read for the moment, all three were taken for copies in which nothing is whole,
/// and erased one after the other: one commit wiped the record.
#[test]
fn flash_that_cannot_be_read_for_a_while_keeps_the_record() {
    for saves in [3, FULL, FULL + 1] {
        outlived(
            saved(saves),
            Fault::NoRead,
            saves,
            &format!("{saves} saves"),
        );
    }
}

//! The board of `docs/INTEGRATION.md`, 5: the agent in the application's loop. The page quotes all that stands below these
//! lines.

use lightday_agent::{Agent, Application, Config, Health, Now, Platform, StartError};
use lightday_boot::Supervisor;
use lightday_trust::LinkKeys;
use lightday_wire::{Location, TagLen};

use crate::flash::SpiNor;
use crate::hardware::Radio;
use crate::map::{IDENTITY, LOAD_ADDRESS, MAP};
use crate::supervisor::External;

/// What the application says of itself.
pub struct Checks {
    /// What it tries out of itself works, or not; `None` until it knows.
    pub passed: Option<bool>,
    /// No manoeuvre, no conjunction, battery charged.
    pub is_quiet: bool,
}

impl Application for Checks {
    fn health(&mut self) -> Health {
        match self.passed {
            None => Health::Starting,
            Some(true) => Health::Healthy,
            Some(false) => Health::Failing,
        }
    }

    fn may_activate(&mut self) -> bool {
        self.is_quiet
    }
}

/// What the board has, once each.
pub struct Board {
    pub flash: SpiNor,
    pub guard: External,
    pub radio: Radio,
    pub checks: Checks,
}

impl Board {
    fn platform(&mut self) -> Platform<'_, SpiNor, External, Checks> {
        Platform {
            flash: &mut self.flash,
            supervisor: &mut self.guard,
            application: &mut self.checks,
        }
    }

    /// The board has no clock: windows hold.
    fn now(&self) -> Now {
        Now {
            elapsed: self.guard.elapsed(),
            time_s: None,
        }
    }
}

/// The application, whose main is `loop { flight.turn() }`.
pub struct Flight {
    /// 504 symbols and a margin, 4 KiB for the solver, and the RAM of the decoders, which is lent.
    pub agent: Agent<512, 4096, &'static mut [u8]>,
    pub board: Board,
}

impl Flight {
    /// `running` is what the loader chose; the link keys lie in a provision of this one vehicle.
    pub fn start(
        mut board: Board,
        running: Location,
        link_keys: LinkKeys,
        decoder_ram: &'static mut [u8],
    ) -> Result<Self, StartError> {
        let config = Config {
            identity: IDENTITY,
            map: MAP,
            link_keys,
            tag_len: TagLen::Eight,
            load_addresses: [Some(LOAD_ADDRESS); 2],
            decoder_heap: 0,
            command_loss_s: 30 * 86_400,
            beacon_s: 6 * 3600,
        };
        let now = board.now();
        let agent = Agent::start(config, decoder_ram, running, now, &mut board.platform())?;
        Ok(Self { agent, board })
    }

    /// One turn of the loop: a step of the agent or, where none is due, a frame. The radio keeps those that come
    /// meanwhile.
    pub fn turn(&mut self) {
        self.board.guard.kick();
        let (now, mut packet) = (self.board.now(), [0; 1024]);
        if self.agent.poll_timeout() <= now.elapsed {
            self.agent.handle_timeout(now, &mut self.board.platform());
        } else if let Some(len) = self.board.radio.receive(&mut packet) {
            self.agent.handle_frame(now, &packet[..len]);
        }
        if let Some(len) = self.agent.poll_transmit(now, &mut packet) {
            self.board.radio.send(&packet[..len]);
        }
    }
}

//! What the aligner takes things to cost, for the search to vary.

/// Costs in 1/100 bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Costs {
    /// A jump to another displacement.
    pub switch: u32,
    /// For each bit of the size of the jump.
    pub switch_bit: u32,
    /// Return to the displacement before a run of literals.
    pub resume: u32,
    /// The first literal of a run.
    pub literal_start: u32,
    /// A literal byte.
    pub literal: u32,
    /// A byte as predicted.
    pub hit: u32,
    /// A wrong byte of the operand in a unit of the same operation.
    pub operand: u32,
    /// A wrong byte of an instruction of the same operation: another register or number.
    pub field: u32,
    /// An instruction that is as predicted but for the names of its registers.
    pub renamed: u32,
    /// Any other wrong byte.
    pub miss: u32,
    /// A place that references or the linker say has gone elsewhere, for each of them up to four.
    pub vote: u32,
    /// Most displacements alive at a time.
    pub alive: usize,
}

impl Costs {
    /// What worked best on average.
    pub(crate) const DEFAULT: Self = Self {
        switch: 2600,
        switch_bit: 130,
        resume: 1400,
        literal_start: 300,
        literal: 500,
        hit: 4,
        operand: 400,
        field: 600,
        renamed: 200,
        miss: 900,
        vote: 800,
        alive: 96,
    };
}

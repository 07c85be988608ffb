//! What a range of flash should have held when a command read it, and the judgement of what came.
//!
//! Never says that something differs where one of the images that may have lain there is not known.

/// What lies in a range of flash, as far as is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lies {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The reports that say so, by their sequences.
    pub reports: Vec<u32>,
    /// Of which image, and by which reports.
    pub whose: String,
}

/// What a range of flash should have held when a command read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// What the reports around it show there: one, or two if the place was written in between.
    pub lies: Vec<Lies>,
    /// Of each report, or of both, of which nobody here can tell what should lie there: why.
    pub unknown: Vec<String>,
    /// Whether no report of after that is here.
    pub is_open: bool,
    /// Whether no report of before that is here: then the place may have been written between the reading and the
    /// report that shows it.
    pub is_first: bool,
}

/// What came, held against what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged<'e> {
    /// It is this.
    Fits(&'e Lies),
    /// It is none of what may have lain there.
    Differs,
    /// Nobody here can tell.
    Unknown,
}

impl Contents {
    /// Nobody here knows, for this reason.
    #[must_use]
    pub fn unknown(why: String) -> Self {
        Self {
            unknown: vec![why],
            ..Self::default()
        }
    }

    /// Judges what came, by what it `fits`.
    pub fn judge(&self, fits: impl Fn(&Lies) -> bool) -> Judged<'_> {
        match self.lies.iter().find(|lies| fits(lies)) {
            Some(lies) => Judged::Fits(lies),
            None if self.is_first || self.lies.is_empty() => Judged::Unknown,
            None if self.unknown.is_empty() => Judged::Differs,
            None => Judged::Unknown,
        }
    }

    /// The judgement in words. `differs` says how what came differs from one of those that were expected, behind what
    /// sets it apart.
    pub fn text(
        &self,
        judged: Judged<'_>,
        (apart, differs): (&str, impl Fn(&Lies) -> String),
    ) -> String {
        let whose = |lies: &Lies| lies.whose.clone();
        match judged {
            Judged::Fits(fits) => {
                let others = self.lies.iter().filter(|lies| *lies != fits).map(whose);
                let others: Vec<_> = others.chain(self.unknown.iter().cloned()).collect();
                match others.as_slice() {
                    [] => format!("as expected: {}", fits.whose),
                    others => format!(
                        "as expected: {}; the slot was written in between: {}",
                        fits.whose,
                        others.join("; ")
                    ),
                }
            }
            Judged::Differs => {
                let from = if self.lies.len() > 1 {
                    " from both: "
                } else {
                    apart
                };
                let how: Vec<_> = self.lies.iter().map(differs).collect();
                let open = match (self.is_open, self.lies.len()) {
                    (true, _) => {
                        "\n    no report from behind it is here yet: the slot may have been written before it was read"
                    }
                    (false, 2..) => {
                        "\n    a third image can have been there if the slot was written twice between the two reports"
                    }
                    (false, _) => "",
                };
                format!("DIFFERS{from}{}{open}", how.join("; and "))
            }
            Judged::Unknown => {
                let not = self
                    .lies
                    .iter()
                    .map(|lies| format!("it is not {}", lies.whose));
                let first = "no report of before shows what lay there".to_owned();
                let first = self.is_first.then_some(first);
                let known = self.unknown.iter().cloned().chain(first);
                let why: Vec<_> = known.chain(not).collect();
                format!("not compared: {}", why.join("; "))
            }
        }
    }
}

impl Judged<'_> {
    /// Whether it is what was expected; `None` where nobody can tell.
    #[must_use]
    pub const fn agrees(self) -> Option<bool> {
        match self {
            Self::Fits(_) => Some(true),
            Self::Differs => Some(false),
            Self::Unknown => None,
        }
    }
}

//! What a URI can be, and which payloads belong to it.

/// What a URI is declared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Something to publish to.
    Topic,
    /// Something to call.
    Procedure,
    /// An error that a call can end with.
    Error,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Topic, Kind::Procedure, Kind::Error];

    /// The name in a declaration's `type`.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Topic => "topic",
            Kind::Procedure => "procedure",
            Kind::Error => "error",
        }
    }

    /// The kind of a name; `None` for any other word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name with its article.
    pub(crate) const fn with_article(self) -> &'static str {
        match self {
            Kind::Topic => "a topic",
            Kind::Procedure => "a procedure",
            Kind::Error => "an error",
        }
    }
}

/// A payload that belongs to a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// What is published to a topic.
    Event,
    /// What a procedure is called with.
    Call,
    /// What a procedure returns.
    Result,
    /// What a procedure returns while it goes on.
    Progress,
    /// What comes with an error.
    Error,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 5] = [Part::Event, Part::Call, Part::Result, Part::Progress, Part::Error];

    /// What a URI must be declared as to have it.
    pub const fn kind(self) -> Kind {
        match self {
            Part::Event => Kind::Topic,
            Part::Call | Part::Result | Part::Progress => Kind::Procedure,
            Part::Error => Kind::Error,
        }
    }
}

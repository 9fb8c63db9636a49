//! Which process something was made in.

/// The process that made a handle or a connection. A child that inherits it by fork shares the parent's sockets,
/// and locks that threads held which it does not have: it may not use what it inherited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(u32);

impl Owner {
    /// This process.
    pub fn this() -> Self {
        Self(std::process::id())
    }

    /// True if this is still that process.
    pub fn is_this(self) -> bool {
        self == Self::this()
    }
}

//! Words, tables and data about runs. Everything here is a pure function of what was recorded.

pub mod narrate;

pub use narrate::Names;

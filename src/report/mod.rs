//! Words, tables and data about runs. Everything here is a pure function of what was recorded.

pub mod cause;
pub mod compare;
pub mod data;
pub mod explain;
pub mod guide;
pub mod journey;
pub mod judged;
pub mod narrate;
pub mod range;
mod setting;
pub mod text;

pub use judged::Judged;
pub use narrate::Names;
pub use range::Summary;
pub use text::Style;

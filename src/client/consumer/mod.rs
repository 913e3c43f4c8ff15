//! An application that receives.
mod config;
pub use config::{AckWhen, ChannelMode, ConsumerConfig, OnCancel, OnFailure};

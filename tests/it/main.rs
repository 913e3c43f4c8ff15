//! One binary for the tests at the crate's boundaries.

mod architecture;
mod clients;
mod exhaustive;
mod theory;

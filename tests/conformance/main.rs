//! What real brokers did, replayed in the model.
fn main() {}

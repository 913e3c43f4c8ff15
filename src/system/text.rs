//! Steps as text, with the names of a system, both ways.

//! The tests follow.

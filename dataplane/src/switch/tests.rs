//! The FDB against a model.

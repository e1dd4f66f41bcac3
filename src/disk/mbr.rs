//! The master boot record.

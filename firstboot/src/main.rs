//! The program that systemd starts on a node.

fn main() {}

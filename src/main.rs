//! berry-image.
fn main() {}

//! The steps to a served volume on a simulated cluster: every order, every interruption, always the same end.

mod answers;
mod cases;
mod disk;
mod glusterd;
mod machine;
mod orders;
mod paths;
mod world;

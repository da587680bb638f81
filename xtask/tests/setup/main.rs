//! Set-up and the commands around it, in a clone on a machine whose other programs are fakes.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod commands;
mod damage;
mod doctor;
mod libtorch;
mod locks;
mod machine;
mod python;
mod requirements;
mod steps;

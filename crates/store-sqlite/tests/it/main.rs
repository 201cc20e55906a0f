//! The store on real files, each test in a folder of its own.

mod contract;
mod support;

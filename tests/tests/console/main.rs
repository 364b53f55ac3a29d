//! The console in a real browser, from the first sign-in to an installed machine; whether people
//! with a keyboard, a phone or a screen reader can use it; and what hostile texts do in it.

mod desk;
mod hostile;
mod journey;
mod keyboard;
mod pages;

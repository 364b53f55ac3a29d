//! Shows the progress of builds and downloads: a bar on a terminal, plain lines elsewhere.

use crate::ui::{Progress as Bar, Ui, Unit};
use bootmint_ipxe_src::{progress::Progress, run::Said};

/// Progress shown through the [`Ui`].
#[derive(Debug)]
pub struct BuildProgress<'a> {
    ui: &'a Ui,
    sentence: String,
    bar: Option<(Unit, Bar)>,
}

impl<'a> BuildProgress<'a> {
    /// Progress that `ui` shows.
    pub fn new(ui: &'a Ui) -> Self {
        Self { ui, sentence: String::new(), bar: None }
    }

    fn bar(&mut self, unit: Unit, total: Option<u64>) -> &Bar {
        if self.bar.as_ref().is_none_or(|(shown, _)| *shown != unit) {
            self.bar = None;
        }
        let (ui, sentence) = (self.ui, &self.sentence);
        let (_, bar) =
            self.bar.get_or_insert_with(|| (unit, ui.progress(sentence, unit, total.unwrap_or(0))));
        bar.set_total(total.unwrap_or(0));
        bar
    }
}

impl Progress for BuildProgress<'_> {
    fn step(&mut self, sentence: &str) {
        self.bar = None; // takes the bar away before the line is written
        self.ui.note(sentence);
        sentence.clone_into(&mut self.sentence);
    }

    fn said(&mut self, said: Said<'_>) {
        // What a command says goes to its log; that it runs is for the reader.
        if let Said::Command(command) = said {
            self.bar = None;
            self.ui.note(format_args!("$ {command}"));
        }
    }

    fn bytes(&mut self, done: u64, total: Option<u64>) {
        self.bar(Unit::Bytes, total).set(done);
    }

    fn made(&mut self, done: u64, total: Option<u64>, target: &str) {
        let bar = self.bar(Unit::Count, total.or(Some(done)));
        bar.message(target);
        bar.set(done);
    }
}

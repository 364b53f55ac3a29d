//! Which of iPXE's source files may define a symbol.
//!
//! iPXE builds a library of every object and lets the linker pick; what it picks is known only
//! after everything is compiled. To compile less, [`super::closure`] follows symbols from object
//! to object, and asks here where to look for one. The answer may name too many files (each is
//! compiled and then looked into), so that a shallow reading of the source is enough.

use std::{
    collections::{BTreeSet, HashMap},
    fs, io,
    path::Path,
};

/// Symbol to source files, relative to the tree's `src` folder.
#[derive(Debug, Default)]
pub(super) struct SymbolIndex {
    files: Vec<String>,
    by_symbol: HashMap<String, Vec<u32>>,
}

impl SymbolIndex {
    /// Reads every one of `files` below `src`.
    pub(super) fn read(src: &Path, files: &[String]) -> io::Result<Self> {
        let mut index = Self { files: files.to_vec(), by_symbol: HashMap::new() };
        for (number, file) in (0..).zip(files) {
            let bytes = fs::read(src.join(file))?;
            let mut text = String::from_utf8_lossy(&bytes).into_owned();
            for included in included_sources(&text) {
                let path = src.join(file).with_file_name(included);
                text.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap_or_default()));
            }
            let mut names =
                if file.ends_with(".S") { assembler_names(&text) } else { c_names(&text) };
            names.insert(object_symbol(file));
            names.extend(labelled_names(&text));
            for name in names {
                index.by_symbol.entry(name).or_default().push(number);
            }
        }
        Ok(index)
    }

    /// The files that may define `symbol`.
    pub(super) fn candidates(&self, symbol: &str) -> impl Iterator<Item = &str> {
        let found = self.by_symbol.get(symbol).map(Vec::as_slice).unwrap_or_default();
        found
            .iter()
            .filter_map(|&number| self.files.get(usize::try_from(number).ok()?).map(String::as_str))
    }
}

/// The base name of a source file, which is also its object's.
pub(super) fn object_name(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.split('.').next().unwrap_or(name)
}

/// The symbol that every object of iPXE defines to be asked for by name.
fn object_symbol(file: &str) -> String {
    format!("obj_{}", object_name(file).replace('-', "_"))
}

/// Every identifier that stands outside of braces: functions, variables, and the arguments of
/// macros that define either.
fn c_names(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut depth = 0_u32;
    let mut word = String::new();
    for c in Code::new(text) {
        if c.is_ascii_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        if depth == 0 && word.starts_with(|c: char| !c.is_ascii_digit()) {
            names.insert(std::mem::take(&mut word));
        }
        word.clear();
        match c {
            '{' => depth += 1,
            // A brace that closes nothing comes from a macro's two branches.
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    names
}

/// The names that `asm ( "name" )` gives to functions, such as the `memcpy` that gcc calls by itself.
fn labelled_names(text: &str) -> impl Iterator<Item = String> {
    text.split("asm").skip(1).filter_map(|rest| {
        let quoted = rest.trim_start().strip_prefix('(')?.trim_start().strip_prefix('"')?;
        let (name, _) = quoted.split_once('"')?;
        is_name(name).then(|| name.to_owned())
    })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The sources that a source includes as text, to define the same things under other names.
fn included_sources(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("#include"));
    let names = lines.filter_map(|rest| rest.trim().strip_prefix('"')?.split('"').next());
    names.filter(|name| name.ends_with(".S") || name.ends_with(".c")).map(str::to_owned).collect()
}

/// Labels and global symbols of an assembler source, and the names they are redefined as.
fn assembler_names(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        let global = line.strip_prefix(".globl").or_else(|| line.strip_prefix(".global"));
        let label = line.split_once(':').map(|(label, _)| label.trim());
        let renamed = line.strip_prefix("#define").and_then(|rest| rest.split_whitespace().nth(1));
        let found = global.map(str::trim).or(label).or(renamed).filter(|name| is_name(name));
        names.extend(found.map(ToOwned::to_owned));
    }
    names
}

/// The characters of a C source without comments, literals and preprocessor lines.
struct Code<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line_start: bool,
}

impl<'a> Code<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.chars().peekable(), line_start: true }
    }

    fn skip_comment(&mut self) {
        let mut star = false;
        for c in self.rest.by_ref() {
            if star && c == '/' {
                return;
            }
            star = c == '*';
        }
    }

    fn skip_literal(&mut self, quote: char) {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => drop(self.rest.next()),
                // An apostrophe in a comment of a macro, say: literals end with their line.
                '\n' => return,
                c if c == quote => return,
                _ => {}
            }
        }
    }

    /// Skips to the end of a preprocessor line, continuation lines included.
    fn skip_directive(&mut self) {
        let mut escaped = false;
        for c in self.rest.by_ref() {
            if c == '\n' && !escaped {
                return;
            }
            escaped = c == '\\';
        }
    }
}

impl Iterator for Code<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        let line_start = self.line_start;
        self.line_start = c == '\n' || (line_start && c.is_whitespace());
        match (c, self.rest.peek()) {
            ('/', Some('*')) => {
                self.rest.next();
                self.skip_comment();
                Some(' ')
            }
            ('/', Some('/')) => {
                self.skip_directive();
                self.line_start = true;
                Some('\n')
            }
            ('"' | '\'', _) => {
                self.skip_literal(c);
                Some(' ')
            }
            ('#', _) if line_start => {
                self.skip_directive();
                self.line_start = true;
                Some('\n')
            }
            _ => Some(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_of_braces_are_found() {
        let names = c_names(
            "#define NOT_ME \\\n  nor_me { \n/* comment_word { */\nint tcp_open ( struct xfer *x ) {\n\
             \tint local = '{'; called ( \"text {\" );\n}\nstatic int table[] = { inner };\n\
             PROVIDE_API ( bios, api_symbol, impl );\n// line_comment\nint last;",
        );
        for name in ["tcp_open", "table", "api_symbol", "impl", "last"] {
            assert!(names.contains(name), "{name} in {names:?}");
        }
        for name in ["NOT_ME", "nor_me", "comment_word", "local", "called", "inner", "line_comment"]
        {
            assert!(!names.contains(name), "{name} in {names:?}");
        }
    }

    #[test]
    fn assembler_labels_and_globals_are_found() {
        let names = assembler_names("\t.globl\tstart\nstart:\n\tjmp 1f\nnext :\n1:\t.asciz \"a:\"");
        assert_eq!(names, ["1", "next", "start"].map(str::to_owned).into());
    }

    #[test]
    fn a_label_is_a_name_too() {
        let text = "void * implicit ( int x )\n\tasm ( \"memcpy\" );\nasm ( \"mov a, b\" ); asm (";
        assert_eq!(labelled_names(text).collect::<Vec<_>>(), ["memcpy"]);
    }

    #[test]
    fn a_file_that_includes_another_defines_what_that_one_does() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.S"), "#define unpack unpack16\nunpack:\n").unwrap();
        fs::write(folder.path().join("a16.S"), "#define CODE16\n#include \"a.S\"\n").unwrap();
        let files = ["a.S", "a16.S"].map(str::to_owned);
        let index = SymbolIndex::read(folder.path(), &files).unwrap();
        assert_eq!(index.candidates("unpack16").collect::<Vec<_>>(), ["a.S", "a16.S"]);
        assert_eq!(index.candidates("unpack").collect::<Vec<_>>(), ["a.S", "a16.S"]);
    }

    #[test]
    fn every_file_defines_its_object() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("net")).unwrap();
        fs::write(folder.path().join("net/virtio-net.c"), "int probe ( void ) { }").unwrap();
        let files = ["net/virtio-net.c".to_owned()];
        let index = SymbolIndex::read(folder.path(), &files).unwrap();
        for symbol in ["obj_virtio_net", "probe"] {
            assert_eq!(index.candidates(symbol).collect::<Vec<_>>(), ["net/virtio-net.c"]);
        }
        assert_eq!(index.candidates("absent").count(), 0);
    }
}

//! Templates: strict about what is undefined, checked by the language that they are written in.
//!
//! A value that could mean something in that language is refused, not escaped: none of the
//! languages here has an escape that every reader of it understands.

use minijinja::{
    AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior, Value,
    syntax::SyntaxConfig,
};

/// The most steps that a template may take.
const FUEL: u64 = 1_000_000;
/// The longest text that a template may yield, in bytes.
const MAX_OUTPUT: usize = 4 << 20;
/// The signs that a word may hold besides letters and digits.
const SIGNS: &str = "._-:/@+,=()[]%!?*~^";

/// The language of a template, which decides what a value may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Language {
    /// Words of an iPXE command: each value is part of one of them.
    #[serde(skip)]
    Words,
    /// debconf preseeding (debian-installer): each value is part of one line.
    Preseed,
}

impl Language {
    fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Preseed => "preseed",
        }
    }

    /// What is wrong with a value, if anything.
    fn objection(name: &str, value: &str) -> Option<String> {
        let bad = match name {
            "words" => value.chars().find(|&c| !(c.is_ascii_alphanumeric() || SIGNS.contains(c))),
            // A backslash at a line's end joins lines; quotes end a command's argument.
            _ => value.chars().find(|&c| c.is_control() || "\\'\"`".contains(c)),
        }?;
        Some(format!("a value holds {bad:?}, which {name} would not take for text"))
    }
}

/// Why a template cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is wrong, or something that it names is undefined.
    #[error("the template is wrong")]
    Wrong(#[from] minijinja::Error),
    /// The text is too long.
    #[error("the text has more than {MAX_OUTPUT} bytes")]
    TooLong,
}

/// Renders `template` with the values of `context`.
pub(super) fn render(
    template: &str,
    language: Language,
    context: &Value,
) -> Result<String, TemplateError> {
    let text = environment(language)?.render_str(template, context)?;
    if text.len() > MAX_OUTPUT {
        return Err(TemplateError::TooLong);
    }
    Ok(text)
}

/// Checks the syntax of `template`.
pub(super) fn check(template: &str, language: Language) -> Result<(), TemplateError> {
    environment(language)?.template_from_str(template)?;
    Ok(())
}

fn environment(language: Language) -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Words are separated by any white space, so that none of it may be trimmed away.
    let lines = language == Language::Preseed;
    environment.set_syntax(
        SyntaxConfig::builder()
            .keep_trailing_newline(true)
            .trim_blocks(lines)
            .lstrip_blocks(lines)
            .build()?,
    );
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(move |_| AutoEscape::Custom(language.name().into()));
    environment.set_formatter(write_value);
    environment.add_function("fail", fail);
    Ok(environment)
}

/// `fail("why")` in a template: this host cannot have it.
fn fail(why: &str) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, why.to_owned()))
}

fn write_value(
    output: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    let refused = |why: String| minijinja::Error::new(ErrorKind::InvalidOperation, why);
    if value.is_none() {
        return Err(refused("a value is not set for this host: guard it with {% if %}".to_owned()));
    }
    if value.is_undefined() {
        return Err(minijinja::Error::from(ErrorKind::UndefinedError));
    }
    let AutoEscape::Custom(language) = state.auto_escape() else {
        return Err(refused("escaping cannot be switched off".to_owned()));
    };
    let text = value.to_string();
    if let Some(objection) = Language::objection(language, &text) {
        return Err(refused(objection));
    }
    output.write_str(&text).map_err(minijinja::Error::from)
}

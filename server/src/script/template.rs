//! Templates: strict about what is undefined, checked by the language that they are written in.
//!
//! A value that could mean something in that language is refused, unless the language has quotes
//! that all its readers understand and the template asks for them.

use super::language::{self, Language};
use minijinja::{
    AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior, Value,
    syntax::SyntaxConfig,
};

/// The most steps that a template may take.
const FUEL: u64 = 1_000_000;
/// The longest text that a template may yield, in bytes.
const MAX_OUTPUT: usize = 4 << 20;
/// Why a template cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is wrong, or something that it names is undefined.
    #[error("the template is wrong")]
    Wrong(#[from] minijinja::Error),
    /// The text is too long.
    #[error("the text has more than {MAX_OUTPUT} bytes")]
    TooLong,
    /// A secret cannot stand where it should; which it is, is not told.
    #[error(
        "the text cannot be rendered with the secrets as they are: one holds what its language does \
         not take, or the template refuses it"
    )]
    OfSecret {
        /// The line of the template.
        line: Option<usize>,
    },
    /// The text is not of its language.
    #[error("the text is no {language}: {why}")]
    Malformed {
        /// Which it should be.
        language: &'static str,
        /// Where it is not.
        why: String,
    },
}

impl TemplateError {
    /// The line of the template that is wrong, where it is known.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Wrong(error) => error.line(),
            Self::OfSecret { line } => *line,
            Self::TooLong | Self::Malformed { .. } => None,
        }
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> String {
        match self {
            Self::Wrong(error) => match error.detail() {
                Some(detail) => format!("{}: {detail}", error.kind()),
                None => error.kind().to_string(),
            },
            other => other.to_string(),
        }
    }
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
    let lines = language != Language::Words;
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
    environment.add_filter("sh", |value: Value| language::sh(&value));
    environment.add_filter("json", |value: Value| language::json(&value));
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
    let language = Language::find(language)
        .ok_or_else(|| refused(format!("there is no language {language:?}")))?;
    output.write_str(&language.write(value)?).map_err(minijinja::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;

    fn refused(template: &str) -> String {
        let error = render(template, Language::Preseed, &context! { host => "a" }).unwrap_err();
        error.message()
    }

    #[test]
    fn what_goes_on_and_on_or_grows_and_grows_is_ended() {
        let double = "{% set x = x ~ x %}".repeat(60);
        let long = "x".repeat(100_000);
        for hostile in [
            "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            &format!("{{% set x = 'xxxxxxxx' %}}{double}{{{{ x }}}}"),
            "{% set ns = namespace(x='xxxxxxxx') %}{% for a in range(99) %}\
             {% set ns.x = ns.x ~ ns.x %}{% endfor %}",
            "{{ 'x' * 1000000000 }}",
            "{{ ('x' * 10000)|replace('x', 'x' * 100000) }}",
            "{{ range(100000)|list * 10000 }}",
            "{{ 'x'|indent(1000000000) }}",
            &format!("{{% for a in range(1000) %}}{long}{{% endfor %}}"),
            &format!("{{% set x %}}{{% for a in range(1000) %}}{long}{{% endfor %}}{{% endset %}}"),
        ] {
            let why = refused(hostile);
            let shown = hostile.chars().take(80).collect::<String>();
            // What the engine has no word for cannot be said at all.
            let ended = ["fuel", "unknown statement", "too large"];
            assert!(ended.iter().any(|end| why.contains(end)), "{shown}: {why}");
        }
        let much = format!("{{% for a in range(50) %}}{long}{{% endfor %}}");
        assert!(refused(&much).contains("more than"), "the output has a limit of its own");
    }

    #[test]
    fn there_is_no_way_to_other_files_or_to_code() {
        for hostile in [
            "{% include 'other.cfg' %}",
            "{% include '/etc/passwd' %}",
            "{% import 'x' as x %}",
            "{% from 'x' import y %}",
            "{% extends 'x' %}",
            "{{ open('/etc/passwd') }}",
            "{{ host.__class__ }}",
            "{{ self.x }}",
            "{{ debug() }}",
        ] {
            let checked = check(hostile, Language::Preseed).and_then(|()| {
                render(hostile, Language::Preseed, &context! { host => "a" }).map(drop)
            });
            // Whatever `debug` may say of the context, it is none of a file.
            let text =
                render(hostile, Language::Preseed, &context! { host => "a" }).unwrap_or_default();
            assert!(!text.contains("root:"), "{hostile}: {text}");
            assert!(checked.is_err(), "{hostile}");
        }
    }
}

//! The OpenAPI document: made of the route table, so that no route is missing.

use super::{
    problem::Problem,
    route::{Access, Method, Reach, Route},
    routes::TABLE,
};
use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use std::borrow::Cow;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder,
        PathItem, PathsBuilder, Ref, RefOr, Required, ResponseBuilder,
        path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{ObjectBuilder, Schema, Type},
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

type Named = (String, RefOr<Schema>);

/// The schema of a type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    name: fn() -> Cow<'static, str>,
    collect: fn(&mut Vec<Named>),
}

impl Shape {
    pub(super) const fn of<T: ToSchema>() -> Self {
        fn collect<T: ToSchema>(all: &mut Vec<Named>) {
            all.push((T::name().into_owned(), <T as PartialSchema>::schema()));
            T::schemas(all);
        }
        Self { name: T::name, collect: collect::<T> }
    }
}

/// What a body is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    /// JSON of that shape.
    Json(Shape),
    /// Something else, of that media type.
    Raw(&'static str),
}

/// `GET /api/v1/openapi.json`.
pub(super) async fn serve() -> Response {
    match document().to_json() {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the OpenAPI document cannot be written");
            let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, "the server's log says what is wrong").into_response()
        }
    }
}

/// The document.
pub fn document() -> OpenApi {
    let mut schemas = Vec::new();
    (Shape::of::<Problem>().collect)(&mut schemas);
    let mut paths = PathsBuilder::new();
    for route in TABLE {
        for content in [route.takes, route.gives].into_iter().flatten() {
            if let Content::Json(shape) = content {
                (shape.collect)(&mut schemas);
            }
        }
        paths = paths.path(route.path, PathItem::new(method(route.method), operation(route)));
    }
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("token", bearer)
        .build();
    let info = InfoBuilder::new().title("Bootmint").version(env!("CARGO_PKG_VERSION"));
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build()
}

fn method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
        Method::Patch => HttpMethod::Patch,
        Method::Delete => HttpMethod::Delete,
    }
}

fn operation(route: &Route) -> Operation {
    let needs = match route.access {
        Access::Anybody => "Needs no token.".to_owned(),
        Access::Known => "Needs a token.".to_owned(),
        Access::Needs(permission, Reach::Hosts) => {
            format!("Needs the permission `{permission}`, for the hosts in question.")
        }
        Access::Needs(permission, Reach::Everything) => {
            format!("Needs the permission `{permission}` everywhere.")
        }
    };
    let path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let path = path.map(|name| parameter(name, None, ParameterIn::Path));
    let query = route.query.iter();
    let query = query.map(|(name, about)| parameter(name, Some(about), ParameterIn::Query));
    let tag = "the ETag of what was seen: 412 if it has changed since";
    let rests = route.guarded.then(|| parameter("If-Match", Some(tag), ParameterIn::Header));
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name())));
    let failure = ResponseBuilder::new()
        .description("Why it was not done")
        .content("application/problem+json", problem.build());
    let mut success = ResponseBuilder::new().description("Done");
    if let Some(given) = route.gives {
        let (kind, content) = content(given);
        success = success.content(kind, content);
    }
    let mut operation = OperationBuilder::new()
        .summary(Some(route.about))
        .description(Some(needs))
        .parameters(Some(path.chain(query).chain(rests)))
        .response("2XX", success)
        .response("default", failure);
    if let Some(taken) = route.takes {
        let (kind, content) = content(taken);
        let body = RequestBodyBuilder::new().content(kind, content);
        operation = operation.request_body(Some(body.build()));
    }
    if route.access != Access::Anybody {
        operation = operation.security(SecurityRequirement::new("token", [""; 0]));
    }
    operation.build()
}

fn parameter(name: &str, about: Option<&str>, place: ParameterIn) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    let text = ObjectBuilder::new().schema_type(Type::String);
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(about)
        .schema(Some(text))
        .build()
}

fn content(content: Content) -> (&'static str, utoipa::openapi::Content) {
    let builder = ContentBuilder::new();
    match content {
        Content::Json(shape) => {
            let schema = Ref::from_schema_name((shape.name)());
            ("application/json", builder.schema(Some(schema)).build())
        }
        Content::Raw(kind) => (kind, builder.build()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_shapes_have_one_name() {
        let mut schemas = Vec::new();
        for content in TABLE.iter().flat_map(|route| [route.takes, route.gives]).flatten() {
            if let Content::Json(shape) = content {
                (shape.collect)(&mut schemas);
            }
        }
        let mut known = std::collections::BTreeMap::new();
        for (name, schema) in schemas {
            let text = serde_json::to_string(&schema).unwrap();
            let before = known.entry(name.clone()).or_insert_with(|| text.clone());
            assert_eq!(*before, text, "{name}");
        }
    }

    #[test]
    fn every_route_is_in_the_document_with_schemas_that_are_there() {
        let text = document().to_json().unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        for route in TABLE {
            let operation = &json["paths"][route.path][route.method.name().to_lowercase()];
            assert_eq!(operation["summary"], route.about, "{} {}", route.method.name(), route.path);
        }
        let count: usize =
            json["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
        assert_eq!(count, TABLE.len(), "no route stands twice");
        for (at, _) in text.match_indices("#/components/schemas/") {
            let name = text[at..].split(['/', '"']).nth(3).unwrap();
            assert!(json["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}

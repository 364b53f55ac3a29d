# Bootmint's server, alone, as a user without rights. Keep /site on a volume:
#   docker run --rm -v bootmint:/site IMAGE init /site/bootmint --name boot.example.net
#   docker run -d -v bootmint:/site -p 8080:8080 -p 8443:8443 IMAGE serve
# The console listens for the container alone unless told otherwise; others reach it by
#   -p 8081:8081 -e BOOTMINT_CONSOLE__LISTEN=0.0.0.0:8081 -e BOOTMINT_CONSOLE__SCHEME=https
# The version of rust-toolchain.toml, and no other is fetched for it.
FROM rust:1.95-slim-bookworm AS build
ENV RUSTUP_TOOLCHAIN=1.95.0
RUN apt-get update && apt-get install -y --no-install-recommends \
    gcc libc6-dev libclang-dev libkrb5-dev pkg-config
WORKDIR /src
COPY . .
RUN cargo build --locked --release --package bootmint-server --bin bootmint --features kerberos,sqlserver

FROM debian:bookworm-slim
# Whom webhooks, databases and directories may be signed by, where no ca-file says otherwise; and
# what checks Kerberos tickets.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libgssapi-krb5-2 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /site bootmint \
    && install -d -m 0700 -o bootmint -g bootmint /site
COPY --from=build /src/target/release/bootmint /usr/local/bin/bootmint
USER 10001
VOLUME /site
WORKDIR /site
ENV BOOTMINT_CONFIG=/site/bootmint/bootmint.toml
EXPOSE 8080 8443 8081
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/bootmint"]
CMD ["serve"]

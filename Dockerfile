# syntax=docker/dockerfile:1

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
# Nothing of the caches gets into the image, so the program is copied out of the target folder in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --package ecs-keeper --bin ecs-keeper && \
    cp target/release/ecs-keeper /ecs-keeper

# Holds glibc, libgcc and the CA certificates that the clients check the API server and the cloud against; no shell, no
# package manager. Its Debian release is the one the program was linked on.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /ecs-keeper /usr/local/bin/ecs-keeper
# By number, so that the kubelet can verify runAsNonRoot.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/ecs-keeper"]
CMD ["run"]

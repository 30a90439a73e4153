# The toolchain that builds the image, of the version that rust-toolchain.toml names. A tag can be moved; to pin what it
# stands for today as well, give its digest: --build-arg RUST_IMAGE=rust:1.95.0-slim-bookworm@sha256:…
ARG RUST_IMAGE=rust:1.95.0-slim-bookworm

FROM ${RUST_IMAGE} AS source
WORKDIR /src
# Linked statically, C library included: the image then holds no other file that is run, and none to be updated. What
# glibc would load at run time nobody asks of it here: without /etc/nsswitch.conf names are looked up in /etc/hosts and by
# DNS, which is part of its static library since 2.34 (its release notes).
ENV RUSTFLAGS="-C target-feature=+crt-static"
COPY . .

# cargo takes a source for unchanged that is older than what it built last, be it another one; with a cache that outlives a
# checkout that would be a wrong program. So ours are built anew, and only what they depend on comes from the cache.
# The target is named although it is the host's own: otherwise the compiler's plug-ins would be linked statically as well,
# which they can't be. Nothing of the caches gets into an image, so the program is copied out in the same step.
FROM source AS build-simulator
# For tests, which wait for its build more than for it.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    find src crates -name '*.rs' -exec touch {} + && \
    target="$(rustc --print host-tuple)" && \
    cargo build --profile demo --locked --target "${target}" --package keeper-simulator --bin ecs-simulator && \
    cp "target/${target}/demo/ecs-simulator" /ecs-simulator

FROM source AS build
# Of Cargo.toml. `make e2e`, which wants to know whether the image works, gives one that is built faster.
ARG PROFILE=release
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    find src crates -name '*.rs' -exec touch {} + && \
    target="$(rustc --print host-tuple)" && \
    cargo build --profile "${PROFILE}" --locked --target "${target}" --package ecs-keeper --bin ecs-keeper && \
    cp "target/${target}/${PROFILE}/ecs-keeper" /ecs-keeper

# What is simulated, for tests on a cluster: --target simulator.
FROM scratch AS simulator
COPY --from=build-simulator /ecs-simulator /usr/local/bin/ecs-simulator
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/ecs-simulator"]

# No shell and no package manager. The authorities are those against which the cloud's endpoints are checked.
FROM scratch
COPY LICENSE /LICENSE
COPY --from=source /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /ecs-keeper /usr/local/bin/ecs-keeper
# So that `kubectl exec … -- ecs-keeper` finds it with any container runtime.
ENV PATH=/usr/local/bin
# By number, so that the kubelet can verify runAsNonRoot.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/ecs-keeper"]
CMD ["run"]
# Last, so that other labels build nothing anew.
ARG VERSION=""
ARG REVISION=""
ARG SOURCE=""
LABEL org.opencontainers.image.title="ecs-keeper" \
      org.opencontainers.image.description="Keeps release protection on Alibaba Cloud ECS instances and their network interfaces, from Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"

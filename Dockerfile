# The container image: weir, the libraries it needs and certificate authorities, nothing else: no shell, no package manager.
# Build it with `make image` (buildah), or with any builder: docker build -t weir .
# Run it with the documents mounted at /etc/weir (a Kubernetes ConfigMap does; weir follows its changes):
#
#     podman run --rm -p 8080:8080 -v ./examples:/etc/weir:ro -v weir-state:/var/lib/weir weir
#
# Port 8080 serves invocations. The admin listener stays on the container's own loopback, 127.0.0.1:9901, where nobody outside
# reaches it. Where probes and Prometheus come over the network, give it another address and a token in a settings document
# (docs/operations.md has one), and keep that port away from clients.
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
RUN apt-get update -q && apt-get install -qy --no-install-recommends \
        gcc libc6-dev make cmake pkgconf libuv1-dev libc-ares-dev libjansson-dev libssl-dev libsqlite3-dev libcurl4-openssl-dev libyaml-dev libllhttp-dev \
        uthash-dev libxxhash-dev ca-certificates && \
    rm -rf /var/lib/apt/lists/*
COPY . /src
RUN cd /src && cmake --preset release -DCMAKE_INSTALL_PREFIX=/usr && \
    cmake --build build --parallel --target weir && \
    scripts/image-root.sh build/weir /root-of-image

FROM scratch
COPY --from=build /root-of-image/ /
# What must survive a restart. Each running weir needs a folder of its own.
COPY --from=build --chown=65532:65532 /root-of-image/var/lib/weir /var/lib/weir
USER 65532:65532
WORKDIR /etc/weir
EXPOSE 8080
ENTRYPOINT ["/usr/bin/weir"]
VOLUME /var/lib/weir
CMD ["run", "--table", "/etc/weir/table.json", "--state", "/var/lib/weir"]

# An image in which everything is built, so that a workshop starts in seconds and needs no network:
#
#     docker build --tag gasshuku .
#     docker run --rm --init --publish 8888:8888 gasshuku
#
# `tools` alone is what a clone needs to set itself up; .devcontainer takes it.
FROM rust:1.95-slim-bookworm AS tools
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates g++ git python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && rustup component add rust-src \
    && useradd --create-home --shell /bin/bash --uid 1000 participant

FROM tools AS workshop
USER participant
WORKDIR /home/participant/gasshuku
COPY --chown=participant . .
# `--build-arg GASSHUKU_TORCH=cuda` for machines with an NVIDIA GPU (and `docker run --gpus all`).
ARG GASSHUKU_TORCH=cpu
ENV GASSHUKU_TORCH=${GASSHUKU_TORCH}
# The run shows that kernels work; what it and set-up leave behind is not needed.
RUN cargo xtask setup && cargo xtask run 01_load && rm -rf target/notebooks target/setup
ENV CARGO_NET_OFFLINE=true

# For Kubernetes: hub/kubernetes/values.yaml names it. `docker build --target hub`.
FROM workshop AS hub
RUN python3 -m venv target/hub/venv \
    && target/hub/venv/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary=:all: \
        --requirement hub/requirements.txt \
    && mkdir -p target/hub/venv/share/jupyter/lab/settings ../own \
    && cp .venv/share/jupyter/lab/settings/overrides.json target/hub/venv/share/jupyter/lab/settings/
CMD ["hub/kubernetes/start"]

FROM workshop
EXPOSE 8888
CMD ["cargo", "xtask", "lab", "--no-browser", "--ip=0.0.0.0"]

# syntax=docker/dockerfile:1
# Builds two images: `worker` with the model libraries (torch for CPU), and `bot` without them.
#   docker build --target worker -t refdesk-worker .
#   docker build --target bot -t refdesk-bot .

ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PATH=/opt/refdesk/bin:$PATH
WORKDIR /source
RUN python -m venv /opt/refdesk
COPY requirements requirements
RUN --mount=type=cache,target=/root/.cache/pip pip install --require-hashes -r requirements/build.txt

FROM build AS build-worker
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --no-deps --no-build-isolation \
    -r requirements/base.txt -r requirements/worker.txt -r requirements/evaluate.txt -r requirements/ocr.txt \
    -r requirements/metrics.txt -r requirements/traces.txt
# Set another index for CUDA builds: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130
# Only the version of these builds is locked, because they are not on PyPI.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install "$(grep -o '^torch==[0-9.]*' requirements/torch.txt)" --index-url "$TORCH_INDEX"
COPY . .
RUN pip install --no-deps --no-build-isolation .

FROM build AS build-bot
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --no-deps --no-build-isolation -r requirements/base.txt -r requirements/bot.txt \
    -r requirements/metrics.txt -r requirements/traces.txt
COPY . .
RUN pip install --no-deps --no-build-isolation .

FROM python:${PYTHON_VERSION}-slim-trixie AS runtime
LABEL org.opencontainers.image.title="Refdesk" org.opencontainers.image.licenses="MIT"
RUN useradd --uid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin refdesk
# The file system can be read-only: Refdesk writes to /data (models, logs) and /tmp only.
ENV PATH=/opt/refdesk/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    REFDESK_HOME=/data HF_HOME=/data/models REFDESK_LOG_FORMAT=json
WORKDIR /data
USER refdesk
ENTRYPOINT ["refdesk"]

FROM runtime AS worker
COPY --from=build-worker /opt/refdesk /opt/refdesk
CMD ["worker", "ingest"]

FROM runtime AS bot
COPY --from=build-bot /opt/refdesk /opt/refdesk
CMD ["bot"]

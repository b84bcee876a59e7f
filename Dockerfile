# Tags are pinned; to pin the bytes as well, write the digest behind the tag:
#   docker buildx imagetools inspect python:3.13-slim-trixie   ->   FROM python:…@sha256:…
ARG PYTHON=python:3.13-slim-trixie

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/tsbot
COPY requirements.lock /src/
RUN /opt/tsbot/bin/pip install --only-binary=:all: --no-deps --require-hashes --requirement /src/requirements.lock
COPY pyproject.toml README.md /src/
COPY bot /src/bot
COPY handlers /src/handlers
# setuptools is in the lock file: nothing is fetched here.
RUN /opt/tsbot/bin/pip install --no-deps --no-build-isolation /src \
    && /opt/tsbot/bin/pip check

# With the stand-ins for compose.yaml's profile demo; the image without a --target has none of it.
FROM build AS build-demo
COPY requirements-sandbox.lock /src/
RUN /opt/tsbot/bin/pip install --only-binary=:all: --no-deps --require-hashes --requirement /src/requirements-sandbox.lock \
    && /opt/tsbot/bin/pip check

FROM ${PYTHON} AS base
# A fixed uid, so that a volume's owner stays right from one image to the next.
RUN groupadd --gid 10001 tsbot \
    && useradd --uid 10001 --gid tsbot --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tsbot \
    && install -d -o tsbot -g tsbot -m 0700 /var/lib/tsbot
ENV PATH=/opt/tsbot/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TSBOT_CONFIG=/etc/tsbot/tsbot.toml
USER 10001:10001
WORKDIR /var/lib/tsbot
# The audit database; everything else may be read-only, but for /tmp.
VOLUME /var/lib/tsbot
# Unhealthy once the connection to Slack is dead, though the process lives.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["tsbot", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["tsbot"]
CMD ["run"]

FROM base AS demo
COPY --from=build-demo /opt/tsbot /opt/tsbot

FROM base
COPY --from=build /opt/tsbot /opt/tsbot

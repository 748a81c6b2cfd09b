# `rgtsr serve` in a container; docs/container.md says how it is built and run.
# Everything it needs is inside, weights too: when it runs, it fetches nothing.

FROM python:3.12-slim AS build
WORKDIR /build
# .dockerignore names what comes
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
# the environment has no pip of its own: nothing is installed into it later
RUN python -m venv --without-pip /opt/rgtsr \
    && pip --python /opt/rgtsr/bin/python install --no-cache-dir -c constraints.txt \
        "$(echo /wheels/rgtsr-*.whl)[serve]"

FROM python:3.12-slim
LABEL org.opencontainers.image.title="rgtsr" \
    org.opencontainers.image.description="Enlarges pictures: a page and an HTTP API" \
    org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 rgtsr \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin rgtsr \
    && install -d -m 0700 -o 10001 -g 10001 /var/cache/rgtsr
COPY --from=build /opt/rgtsr /opt/rgtsr
# All that is written lies in one place: pictures while they are served, and compiled graphs in a
# folder of our own making, so that it may be any mount.
ENV PATH=/opt/rgtsr/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RGTSR_CACHE_DIR=/var/cache/rgtsr/own \
    TMPDIR=/var/cache/rgtsr
VOLUME /var/cache/rgtsr
USER 10001:10001
EXPOSE 7860
STOPSIGNAL SIGTERM
# asks for a small picture through the network, which a busy machine may take half a minute for
HEALTHCHECK --interval=30s --timeout=35s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:7860/readyz', timeout=33)"]
# refuses to start without --auth-token-file FILE, or --open
ENTRYPOINT ["rgtsr", "serve", "--host", "0.0.0.0"]

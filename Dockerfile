# Both services: docker build --build-arg SERVICE=auth_service . (or books_service)
# BASE can be pinned to a digest: --build-arg BASE=python:3.13-slim-trixie@sha256:...
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS packages
ARG SERVICE
COPY ${SERVICE}/requirements.txt /requirements.txt
RUN --mount=type=cache,target=/var/cache/pip \
    python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv/bin/python install --require-hashes --no-deps --disable-pip-version-check \
        --root-user-action=ignore --cache-dir=/var/cache/pip -r /requirements.txt

# Everybody may read the code, whatever the umask of the clone.
FROM ${BASE} AS code
ARG SERVICE
WORKDIR /srv/bookstore
COPY services.toml services.toml
COPY common common
COPY ${SERVICE} ${SERVICE}
RUN rm "${SERVICE}/requirements.txt" \
    && python -m compileall -q --invalidation-mode unchecked-hash . \
    && chmod -R a+rX .

FROM ${BASE}
ARG SERVICE
ARG VERSION=1.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="bookstore-${SERVICE}" \
    org.opencontainers.image.description="A service of the bookstore: auth (users, tokens) or books (shelves)" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.licenses="MIT"
# A service installs nothing and becomes nobody else.
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && find / -xdev \( -name pip -o -name "pip[3-]*" -o -name ensurepip -o -name apt -o -name "apt-*" \) -prune \
        -exec rm -rf {} +
# The folders of the secrets are the user's, and so are the volumes that are made from them.
# The names of services have no spaces.
# hadolint ignore=SC2046
RUN --mount=type=bind,source=services.toml,target=/services.toml \
    useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin bookstore \
    && install -d -o 10001 -g 10001 -m 0755 /run/bookstore /run/bookstore/keys /run/bookstore/postgres /run/bookstore/metrics \
        $(sed -n 's|^\[\(.*\)\]$|/run/bookstore/\1|p' /services.toml)
COPY --from=packages /opt/venv /opt/venv
COPY --from=code /srv/bookstore /srv/bookstore
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FLASK_SKIP_DOTENV=1 \
    HOST=0.0.0.0 \
    JWT_KEYS_FILE=/run/bookstore/keys/keys.json \
    SERVICE=${SERVICE}
WORKDIR /srv/bookstore
USER 10001:10001
EXPOSE 5001 5002
HEALTHCHECK --interval=3s --timeout=3s --start-period=30s --retries=3 \
    CMD ["sh", "-c", "exec python -IS common/healthcheck.py \"$SERVICE\""]
CMD ["sh", "-c", "exec python -m common.server \"$SERVICE\""]

# Two stages: the first installs into a virtual environment, the second carries only what runs.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /srv
COPY requirements-runtime.lock ./
RUN python -m venv /srv/.venv \
    && /srv/.venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r requirements-runtime.lock
COPY LICENSE ./
COPY app ./app
COPY migrations ./migrations
RUN printf '#!/srv/.venv/bin/python\nfrom app.cli.main import run\n\nrun()\n' > /srv/.venv/bin/alliance \
    && chmod 0755 /srv/.venv/bin/alliance \
    && /srv/.venv/bin/python -m compileall -q /srv/app /srv/migrations

FROM ${BASE} AS run
# Nothing is written at run time but the database and the secrets, so the root may be read-only:
#   docker run --read-only --tmpfs /tmp -v alliance:/data -p 8000:8000 alliance
# hadolint ignore=DL3064 # ALLIANCE_SECRETS_DIR names the folder of the secrets, it holds none
ENV PATH=/srv/.venv/bin:$PATH \
    PYTHONPATH=/srv \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ALLIANCE_ENV=production \
    ALLIANCE_DATABASE_URL=sqlite:////data/alliance.db \
    ALLIANCE_SECRETS_DIR=/data/secrets
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin alliance \
    && install -d -o alliance -g alliance -m 0700 /data
COPY --from=build /srv /srv
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["alliance", "serve", "--host", "0.0.0.0", "--port", "8000"]

# The lab's one image: the sample app, JupyterLab, the load generator and PgBouncer are the same image with another
# command. The lab's PostgreSQL is not in it; that is a service of its own.
#
#   docker compose build
#   docker compose build --build-arg PYTHON_IMAGE=python:3.13-slim@sha256:...
#
# Nothing here needs BuildKit. No password is used while building, so there is none in any layer.
ARG PYTHON_IMAGE=python:3.13-slim

# -- what is needed to build stays in this stage --------------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS build

# the package's dependencies (postgresql-common and all of Perl) serve Debian's service scripts, not the program
RUN apt-get update \
 && apt-get install --yes --no-install-recommends pgbouncer \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/*

RUN python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# Before the code, so that a change of the code does not install everything again; the lock gives the versions. The
# packages' own tests and C headers are of no use here.
WORKDIR /opt/lab
COPY pyproject.toml requirements.txt ./
# The embedded server is there for the lessons that need a private one, with settings and access rules of their own.
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; print(*project['dependencies'], *project['optional-dependencies']['embedded'], sep='\n')" \
      > /tmp/direct.txt \
 && pip install --progress-bar off --requirement /tmp/direct.txt --constraint requirements.txt \
 && for package in gevent matplotlib pandas pyarrow scipy; do \
      find /opt/venv/lib/python3*/site-packages/$package -type d -name tests -prune -exec rm -rf {} +; \
    done \
 && rm -rf /opt/venv/lib/python3*/site-packages/pyarrow/include

COPY README.md LICENSE ./
COPY lab lab
COPY loadtests loadtests
COPY notebooks notebooks
COPY docker docker
# a checkout may have been made with a strict umask; the lab's user has to read all of it, and may write none
RUN pip install --no-deps --editable . \
 && rm -rf build \
 && python -m compileall -q lab loadtests \
 && chmod -R u=rwX,go=rX . \
 && pip uninstall --yes pip

# -- what runs --------------------------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE}

# what the program pgbouncer is linked with
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libcares2 libevent-2.1-7t64 libpam0g libssl3t64 libsystemd0 \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/sbin/pgbouncer /usr/local/bin/pgbouncer

# named volumes take owner and mode from these folders
RUN groupadd --gid 1000 lab \
 && useradd --uid 1000 --gid lab --create-home --shell /bin/bash lab \
 && install --directory --owner lab --group lab --mode 0700 /var/lib/lab /var/lib/lab/runs

COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/lab /opt/lab

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LAB_HOME=/var/lib/lab

LABEL org.opencontainers.image.title="PostgreSQL Performance Lab" \
      org.opencontainers.image.description="Measures what a FastAPI application on PostgreSQL needs besides good SQL" \
      org.opencontainers.image.licenses="MIT"

USER lab
WORKDIR /var/lib/lab
# the start is quick and fails loudly if a library of pgbouncer is missing
RUN pgbouncer --version >/dev/null && python -c 'import lab, loadtests'
CMD ["lab", "--help"]

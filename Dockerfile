# One image for the orchestrator and for every element; docker-compose.yml says what each container of it is.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS built
WORKDIR /src
# The dependencies first: they change less often than the code, and their layer is kept.
COPY pyproject.toml ./
RUN python3 -m venv /opt/journey \
 && python3 -c "import tomllib; print('\n'.join(tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']))" > needs.txt \
 && /opt/journey/bin/pip install --no-cache-dir --disable-pip-version-check --quiet -r needs.txt
COPY . .
RUN /opt/journey/bin/pip install --no-cache-dir --disable-pip-version-check --quiet --no-deps . \
 && /opt/journey/bin/python -m compileall -q -o 0 -o 2 /opt/journey/lib

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --user-group --home-dir /nonexistent --shell /usr/sbin/nologin journey \
 && install -d -m 0700 -o journey -g journey /run/journey /var/lib/journey /etc/journey/keys
# The standard library is compiled here, if the image has not done so: nothing can be written when containers run, and
# each would compile it again at its start.
RUN python -m compileall -q -j 0 -o 0 -o 2 -x '/(test|tests|idlelib|lib2to3|ensurepip|turtledemo)/' \
    "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=built /opt/journey /opt/journey
ENV PATH=/opt/journey/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2 PYDANTIC_DISABLE_PLUGINS=__all__
USER journey
ENTRYPOINT ["python"]
CMD ["-m", "orchestrator.compose"]

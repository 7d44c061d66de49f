FROM python:3.11-slim

RUN useradd --create-home --uid 10001 alphaads \
    && install -d -o alphaads /app /var/lib/alphaads/home /var/lib/alphaads/checkpoints /run/alphaads-key
USER alphaads
WORKDIR /app
ENV PATH=/home/alphaads/venv/bin:$PATH PYTHONUNBUFFERED=1
COPY --chown=alphaads requirements.lock requirements-models.lock ./
# With torch, transformers and spaCy: --build-arg LOCKS="requirements.lock requirements-models.lock"
ARG LOCKS=requirements.lock
RUN python -m venv /home/alphaads/venv && pip install --no-cache-dir --require-hashes $(printf -- "-r %s " $LOCKS)
COPY --chown=alphaads . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .
EXPOSE 8000 8001
CMD ["alphaads", "up"]

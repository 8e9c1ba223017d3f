"""Checkpoints behind HTTP: what `pet-mtl serve` runs.

Requests of all tasks wait in one queue; one thread takes as many as fit into a batch of tokens and
scores them as `predict` does. FastAPI and uvicorn come with the extra `studio`.

- `extra`        says what to install
- `limits`       what a request may ask for
- `schema`       the JSON of requests and answers
- `api_error`    errors as JSON
- `guard`        Host, Origin and token of a request
- `request_log`  ids, log lines and the last resort for a request
- `body`         a request's body, within its limits
- `models`       the checkpoints, read again when they change
- `rows`         rows of a request as a job
- `batcher`      jobs to batches to scores
- `metrics`      what Prometheus reads
- `quiet_app`    FastAPI without telemetry
- `app`          the HTTP interface
- `protocol`     HTTP/1.1 that waits for no slow client
- `server`       sockets, signals, start and stop
- `workers`      several processes behind one socket
"""

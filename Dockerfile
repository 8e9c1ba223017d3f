# The package with its embedded backbones and samples; it needs no network once it is built.
#
#   docker build -t pet-mtl .
#   docker run --rm pet-mtl                                     # trains the three sample tasks
#   docker run --rm -v "$PWD:/work" --user "$(id -u):$(id -g)" pet-mtl init rows.csv
#   docker run --rm -p 8000:8000 -v "$PWD:/work" pet-mtl serve runs/rows-1/checkpoint --host 0.0.0.0 --token …
#
# PyTorch's default wheel holds CUDA: the same image computes on GPUs with `--gpus all`. An image for CPUs is
# some gigabytes smaller: --build-arg TORCH_INDEX=ADDRESS, of the CPU wheels as PyTorch's installation page gives it.
FROM python:3.11-slim AS build
ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/pet-mtl
COPY constraints.txt ./
# Alone, so that its layer stays when the package changes.
RUN /opt/pet-mtl/bin/pip install -c constraints.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} torch
COPY pyproject.toml hatch_build.py README.md LICENSE NOTICE ./
COPY pet_mtl ./pet_mtl
COPY patterns ./patterns
COPY verbalizers ./verbalizers
COPY assets ./assets
RUN /opt/pet-mtl/bin/pip install -c constraints.txt ".[studio]"

FROM python:3.11-slim
RUN useradd --uid 1000 --create-home pet && install -d -o pet -g pet /work
COPY --from=build /opt/pet-mtl /opt/pet-mtl
ENV PATH=/opt/pet-mtl/bin:$PATH PYTHONUNBUFFERED=1
USER 1000
WORKDIR /work
ENTRYPOINT ["pet-mtl"]
CMD ["train", "--patterns", "default", "--out", "runs/demo"]

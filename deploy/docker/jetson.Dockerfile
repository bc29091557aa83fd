# StreamVision on a Jetson with JetPack 6 (L4T r36), built on the device or on another arm64 machine (not verified on one):
#   docker build -f deploy/docker/jetson.Dockerfile -t streamvision:jetson .
#   docker run --runtime nvidia --group-add video --group-add "$(getent group render | cut -d: -f3)" ... streamvision:jetson
# The base has CUDA 12.6, cuDNN 9 and TensorRT 10.3; the driver's own libraries come from the device when it runs.
ARG BASE=nvcr.io/nvidia/l4t-tensorrt:r10.3.0-runtime

FROM ${BASE} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
# PyPI has no ONNX Runtime that a Jetson's GPU executes; this index has, for each JetPack its own.
ARG ONNXRUNTIME=onnxruntime-gpu==1.23.0
ARG ONNXRUNTIME_INDEX=https://pypi.jetson-ai-lab.io/jp6/cu126
RUN python3 -m venv /opt/streamvision \
 && /opt/streamvision/bin/pip install --no-cache-dir 'pip==25.3' \
 && /opt/streamvision/bin/pip install --no-cache-dir --no-deps --index-url "${ONNXRUNTIME_INDEX}" "${ONNXRUNTIME}"
# A base that lacks a library would show it at the first frame only.
RUN if ldd /opt/streamvision/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime_providers_cuda.so \
      | grep --regexp='not found'; \
    then echo 'The base lacks these; build with --build-arg BASE=nvcr.io/nvidia/l4t-jetpack:r36.4.0' >&2; exit 1; fi
WORKDIR /source
COPY pyproject.toml README.md LICENSE streamvision_edge.py ./
COPY streamvision streamvision
COPY pipelines pipelines
COPY exporters exporters
ARG EXTRAS=jetson
RUN /opt/streamvision/bin/pip install --no-cache-dir ".[${EXTRAS}]" \
 && /opt/streamvision/bin/pip check \
 && /opt/streamvision/bin/pip uninstall --yes pip setuptools

FROM ${BASE}
LABEL org.opencontainers.image.title="StreamVision for Jetson" \
      org.opencontainers.image.description="Cameras and files in; detected, tracked and drawn; live in a browser" \
      org.opencontainers.image.licenses="Apache-2.0 AND AGPL-3.0-only"
# tini is the first process: it passes signals on before Python has its handlers, and takes leave of orphans.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3 tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --home-dir /var/lib/streamvision --shell /usr/sbin/nologin streamvision \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/streamvision
COPY --from=build /opt/streamvision /opt/streamvision
ENV PATH=/opt/streamvision/bin:$PATH \
    HOME=/var/lib/streamvision \
    STREAMVISION_STATE=/var/lib/streamvision \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/streamvision
VOLUME /var/lib/streamvision
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=300s --retries=3 \
  CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=8)"]
ENTRYPOINT ["tini", "--", "streamvision"]
CMD ["serve", "--serve", "0.0.0.0:8080"]

# Two commands do all the set-up: `make demo` runs the main job, `make test` runs every test.
VENV ?= .venv
PYTHON ?= python3
# Test processes at a time: one more than there are cores, as tests wait for servers and browsers, and each has its 4 GB
# (two where the system does not say). A file's tests stay together, in the order of their names.
JOBS ?= $(or $(shell awk -v cores="$$(getconf _NPROCESSORS_ONLN)" \
  '/^MemTotal/ { most = int($$2 / 4e6); jobs = cores + 1; if (jobs > most) jobs = most; print jobs < 1 ? 1 : jobs }' \
  /proc/meminfo 2>/dev/null),2)
# The ONNX Runtime of `make demo`: cpu, cuda (NVIDIA), jetson or openvino.
RUNTIME ?= cpu
# What `make sbom` installs.
EXTRAS ?= cpu
export VENV PYTHON
# tools/setup.sh leaves compiling to the first import; without what that writes, every process would compile anew.
unexport PYTHONDONTWRITEBYTECODE

# The release of the model that ships, and where its bundles are taken from for the example apps.
ARTEFACTS ?= dist/road_signs.zip

.PHONY: help demo test lint format sbom artefacts examples clean
help:
	@echo "make demo    set up the runtime and watch a detector at work:  make demo MODEL=yolo.onnx SOURCE=video.mp4 [RUNTIME=cuda]"
	@echo "make test    set up everything and run all tests (lint and types included)"
	@echo "make lint    ruff, import-linter and mypy        make format    let ruff format        make clean    remove the environment"
	@echo "make sbom    bill of materials of an installation, CycloneDX, in build/sbom:  make sbom EXTRAS=cpu,mqtt"
	@echo "make artefacts   the road-sign model in every form, each proven, in dist/road_signs.zip:  make artefacts IMAGES=photos"
	@echo "make examples    its bundles into the example apps"

$(VENV)/.ready-%: pyproject.toml tools/setup.sh
	tools/setup.sh $*
	@touch $@

demo: $(VENV)/.ready-$(RUNTIME)
	$(VENV)/bin/streamvision demo $(if $(MODEL),--model '$(MODEL)') $(if $(SOURCE),--source '$(SOURCE)') $(ARGS)

test: lint
	$(VENV)/bin/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --durations=40 --durations-min=5 $(ARGS)

lint: $(VENV)/.ready-test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports --no-cache
	$(VENV)/bin/mypy

format: $(VENV)/.ready-test
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

sbom: $(VENV)/.ready-test
	$(VENV)/bin/python tools/write_sbom.py $(EXTRAS)

artefacts: $(VENV)/.ready-test
	$(VENV)/bin/python tools/build_artefacts.py $(if $(IMAGES),--images '$(IMAGES)') $(ARGS)

dist/road_signs.zip:
	$(MAKE) artefacts

examples: $(ARTEFACTS)
	$(PYTHON) tools/place_bundles.py '$(ARTEFACTS)'

clean:
	rm -rf $(VENV)

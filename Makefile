# What a newcomer needs, in a few words: `make train` and `make test`. `make help` lists the rest.

SWIFT ?= swift
MODEL ?= lenet5_relu
DATA ?= fashion-mnist
RUN ?= runs/lenet5
TRAIN_OPTIONS ?=

# Swift's own output directory, so that `make` and a plain `swift build` share their work.
FOVEA = .build/release/fovea

.DEFAULT_GOAL := help
.PHONY: help setup build train test bench degradation architectures format format-check clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## bring the libraries and Fashion-MNIST (Scripts/setup --help tells more)
	Scripts/setup

build: setup ## build the command, .build/release/fovea
	$(SWIFT) build -c release --product fovea

train: build ## train LeNet-5 on Fashion-MNIST, or go on with it, and evaluate it; results in runs/lenet5
	if [ -e $(RUN)/config.yaml ]; then $(FOVEA) train --resume $(RUN); \
	else $(FOVEA) train --model $(MODEL) --data $(DATA) --output $(RUN) $(TRAIN_OPTIONS); fi
	$(FOVEA) evaluate --model $(RUN)/model.safetensors --data $(DATA) --split test

# One test after the other, since plans share one pool of threads: 95 s, against 125 s side by side.
test: setup ## run the whole test suite, in release mode
	$(SWIFT) build -c release --build-tests
	FOVEA_ALONE=1 $(SWIFT) test -c release --skip-build --filter memoryStaysFlat
	GOMP_SPINCOUNT=1000 $(SWIFT) test -c release --skip-build --no-parallel

bench: build ## compare speed with PyTorch, side by side (installs it into an environment of its own)
	Benchmarks/compare

degradation: build ## plain and residual networks of 20 and 56 layers side by side; results in runs/degradation
	Utilities/degradation

architectures: build ## train each of the ten architectures for some minutes; results in runs/architectures
	Utilities/train-architectures

format: ## rewrite the Swift sources in the project's format
	Scripts/format

format-check: ## fail if a Swift source is not in the project's format
	Scripts/format --check

clean: ## remove what was built; runs/ stays
	$(SWIFT) package clean

#!/usr/bin/env bash
# Runs a command with a Docker engine and the base images of docker-compose.yml, and stops what it has started.
#
#     tests/compose/engine.sh python tests/compose/run.py
#
# Where no engine answers, one is started. An image that is neither here nor to be had from its registry has a stand-in,
# made of Debian's own packages under a name of its own: PYTHON_IMAGE and PROMETHEUS_IMAGE tell the compose file.
set -euo pipefail

PYTHON_IMAGE=${PYTHON_IMAGE:-python:3.11-slim-bookworm}
PROMETHEUS_IMAGE=${PROMETHEUS_IMAGE:-prom/prometheus:v3.5.0}
STAND_IN=packet-journey-stand-in
PULL_S=60
as_root=()
[[ $(id -u) == 0 ]] || as_root=(sudo)
scratch=$(mktemp -d)
engine=

finish() {
  [[ -z $engine ]] || { "${as_root[@]}" kill "$engine" && wait "$engine" || true; }
  "${as_root[@]}" rm -rf "$scratch"
}
trap finish EXIT

if ! docker info >/dev/null 2>&1; then
  "${as_root[@]}" dockerd >"$scratch/engine.log" 2>&1 &
  engine=$!
  for _ in $(seq 60); do docker info >/dev/null 2>&1 && break; sleep 0.5; done
  docker info >/dev/null 2>&1 || { echo "no Docker engine starts here:"; tail -20 "$scratch/engine.log"; exit 1; } >&2
fi

had() { docker image inspect "$1" >/dev/null 2>&1 || timeout "$PULL_S" docker pull --quiet "$1" >/dev/null 2>&1; }

stand_in() { # NAME PACKAGES CHANGES...: a minimal Debian with these packages that trusts this machine's certificates
  local name=$STAND_IN/$1 tree=$scratch/$1 packages=$2; shift 2
  if ! docker image inspect "$name" >/dev/null 2>&1; then
    "${as_root[@]}" debootstrap --variant=minbase --include="$packages,ca-certificates" bookworm "$tree" \
      >"$scratch/debootstrap.log" 2>&1 || { tail -5 "$scratch/debootstrap.log" >&2; return 1; }
    "${as_root[@]}" cp /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
    "${as_root[@]}" ln -sf /usr/bin/python3 "$tree/usr/local/bin/python"
    local changes=(); for change in "$@"; do changes+=(--change "$change"); done
    "${as_root[@]}" tar -C "$tree" -c . | docker import "${changes[@]}" - "$name" >/dev/null
  fi
  echo "$name"
}

had "$PYTHON_IMAGE" || PYTHON_IMAGE=$(stand_in python python3,python3-venv \
  'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_DEFAULT_TIMEOUT=180')
had "$PROMETHEUS_IMAGE" || PROMETHEUS_IMAGE=$(stand_in prometheus prometheus 'ENTRYPOINT ["/usr/bin/prometheus"]')
export PYTHON_IMAGE PROMETHEUS_IMAGE BUILD_NETWORK=${BUILD_NETWORK:-host}
"$@"

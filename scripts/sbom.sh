#!/usr/bin/env bash
# Writes the bill of materials of the wheel in dist to build, in CycloneDX's format. It lists the
# wheel and its dependencies, in the versions of the tests (requirements.txt).
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
work=build/sbom

rm -rf "$work"
mkdir -p "$work"
"$python" -m venv --without-pip "$work/environment"
# A requirements file with hashes would need the wheel's own hash as well.
grep -o '^[a-z0-9.-]*==[^ ;]*' requirements.txt >"$work/constraints.txt"
"$python" -m pip --python "$work/environment/bin/python" --disable-pip-version-check \
    install --quiet --constraint "$work/constraints.txt" dist/*.whl
version=$("$work/environment/bin/python" -c \
    'from importlib.metadata import version; print(version("cdk-gtm-connector"))')
# The tool reads the project's version from this file, and does not support a dynamic version.
sed "s/^dynamic = .*/version = \"$version\"/" pyproject.toml >"$work/pyproject.toml"
"$python" -m cyclonedx_py environment --pyproject "$work/pyproject.toml" --mc-type library \
    --output-reproducible --output-format JSON \
    --output-file "build/cdk-gtm-connector-$version.cdx.json" "$work/environment/bin/python"

#!/usr/bin/env bash
# Prepares a checkout for a make target. Does nothing if nothing has changed.
#
#   scripts/setup.sh run        the Python environment for `make run`, `make synth` and `make deploy`
#   scripts/setup.sh bench      for `make bench`
#   scripts/setup.sh capacity   for `make capacity`, without Node.js
#   scripts/setup.sh integ      for `make verify-all`
#   scripts/setup.sh docs       for `make docs`, without Node.js
#   scripts/setup.sh release    for `make build` and `make sbom`, without Node.js
#   scripts/setup.sh test       for `make test` and `make lint`, with the programs that the tests use
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Installs packages of Debian and its derivatives, as root or with a sudo that needs no password.
install_packages() {
    local root=()
    command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || return 1
        root=(sudo -n)
    fi
    say "installing $*"
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    die "Python 3.11 or newer is needed, found $(python3 --version 2>&1 || echo none); install it or set PYTHON"
}

check_node() {
    command -v node >/dev/null || die "Node.js 20 or newer is needed (22 is recommended): the AWS CDK runs on it"
    local major
    major=$(node -p 'process.versions.node.split(".")[0]')
    [ "$major" -ge 20 ] || die "Node.js 20 or newer is needed (22 is recommended), found $(node --version)"
}

make_environment() {
    [ -x .venv/bin/python ] && .venv/bin/python -m pip --version >/dev/null 2>&1 && return
    local python
    python=$(find_python)
    say "creating .venv with $("$python" --version)"
    rm -rf .venv
    if ! "$python" -m venv .venv 2>/dev/null; then
        # Debian ships Python's venv module in a separate package.
        install_packages python3-venv || die "'$python -m venv' does not work; install Debian's python3-venv"
        rm -rf .venv
        "$python" -m venv .venv
    fi
}

# The environment is complete when the stamp matches the requirements.
install_requirements() {
    local file=$1 stamp=.venv/.installed wanted
    wanted=$(cat requirements*.txt | sha256sum | cut -d ' ' -f 1)
    if [ -f "$stamp" ] && { grep -qx "$file $wanted" "$stamp" || grep -qx "requirements-dev.txt $wanted" "$stamp"; }; then
        return
    fi
    say "installing $file$(grep -q '^aws-cdk-lib==' "$file" && echo ' (aws-cdk-lib alone is 460 MB: about a minute)')"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$file"
    [ -f "$stamp" ] && ! grep -q "$wanted" "$stamp" && rm "$stamp"
    echo "$file $wanted" >>"$stamp"
}

# The tests report and skip whatever is missing. Under CI they fail instead.
install_test_tools() {
    local missing=()
    [ -x /usr/bin/chromium-headless-shell ] || [ -x /usr/bin/chromium ] || missing+=(chromium-headless-shell)
    [ -f /usr/share/java/velocity.jar ] || missing+=(velocity libcommons-lang-java)
    command -v javac >/dev/null || missing+=(default-jdk-headless)
    [ ${#missing[@]} -eq 0 ] && return
    install_packages "${missing[@]}" ||
        say "not installed: ${missing[*]} (needs root on Debian); the tests that use them will be skipped"
}

case "${1:-}" in
    run | bench | integ | test) check_node ;;
    capacity | docs | release) ;;
    *) die "usage: $0 run|bench|capacity|docs|integ|release|test" ;;
esac
make_environment
case "$1" in
    run) install_requirements requirements-local.txt ;;
    bench | capacity | docs | integ | release) install_requirements "requirements-$1.txt" ;;
    test)
        install_requirements requirements-dev.txt
        install_test_tools
        ;;
esac

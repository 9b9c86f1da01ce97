#!/usr/bin/env bash
# Installs Chromium from the distribution's packages for the tests that look at a report: a minute once, nothing where a Chromium
# or Chrome is already. Without it these tests are skipped. Where CI is set, it must come to be.
set -euo pipefail

go_on_without() {
    if [[ -n ${CI:-} ]]; then
        echo "chromium: $*, and CI is set" >&2
        exit 1
    fi
    echo "chromium: $*. The tests of the report's page will be skipped" >&2
    exit 0
}

as_root() {
    if [[ $(id -u) == 0 ]]; then "$@"; else sudo -n "$@"; fi
}

for program in chromium chromium-browser google-chrome; do
    command -v "$program" >/dev/null && exit 0
done
as_root true 2>/dev/null || go_on_without "needs the package chromium, which only root may install"
echo "chromium: installing (a minute the first time)"
if command -v apt-get >/dev/null; then
    as_root apt-get update -qq >/dev/null || true
    # Ubuntu's package is an empty one that asks for snap: what was installed is looked for below.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null ||
        go_on_without "apt-get could not install it: see above"
elif command -v dnf >/dev/null; then
    as_root dnf install -y -q chromium dejavu-sans-fonts >/dev/null || go_on_without "dnf could not install it: see above"
else
    go_on_without "needs a Chromium, and neither apt-get nor dnf is here"
fi
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || go_on_without "the package has no program chromium"

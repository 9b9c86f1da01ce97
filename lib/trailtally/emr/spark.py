"""The Spark settings of the job on EMR, each with its reason, and the lines that start it there."""

from collections.abc import Sequence
from typing import NamedTuple

from trailtally.emr.artifacts import Artifacts

# Where bootstrap.sh puts the packages on each node: a venv.
VENV = "/opt/trailtally"
# The folder that Spark unpacks the site-packages archive into, in the working directory of the driver and of each executor.
UNPACKED = "trailtally_packages"


class Setting(NamedTuple):
    """One of Spark's settings and why it is so."""

    name: str
    value: str
    why: str


# A node or worker of 4 vCPU and 16 GB, of which YARN has 12, holds an executor and the driver beside it. Java only moves blobs
# from task to task; the rows are in Python's workers.
COMMON = (
    Setting("spark.driver.cores", "2", "plans and publishes; tasks do the rest"),
    Setting("spark.driver.memory", "3g", "Java: what is collected is some hundred bytes for each day and task; 1 GB was enough"),
    Setting("spark.driver.memoryOverhead", "1g", "Python: a small tree is planned there, a large one in tasks"),
    Setting("spark.executor.cores", "4", "tasks at a time; each has a Python worker beside Java"),
    Setting("spark.executor.memory", "3g", "Java: the shuffle, whose blobs of 10 MB at most are sorted by key and spilled"),
    Setting(
        "spark.executor.memoryOverhead",
        "5g",
        "Python's workers: below 600 MB each, twice that with a file that inflates to --max-file-bytes",
    ),
    Setting("spark.dynamicAllocation.initialExecutors", "1", "a daily run is small; EMR Serverless begins with three"),
    Setting("spark.dynamicAllocation.maxExecutors", "25", "100 cores: what a run may cost at most. More for a backfill of years"),
    Setting("spark.trailtally.dollars.per_1000_lists", "0.005", "S3's (us-east-1, November 2026), for the summary's estimate"),
    Setting("spark.trailtally.dollars.per_1000_puts", "0.005", "as above"),
    Setting("spark.trailtally.dollars.per_1000_gets", "0.0004", "as above"),
    Setting("spark.trailtally.dollars.per_gigabyte_in", "0", "the cluster is in the bucket's region. Elsewhere: 0.02 or more"),
)

_PYTHON_OF_NODES = Setting(
    "spark.pyspark.python", f"{VENV}/bin/python", "what bootstrap.sh made on each node, for driver and workers"
)

CLUSTER = (
    _PYTHON_OF_NODES,
    Setting(
        "spark.yarn.maxAppAttempts",
        "1",
        "a run that ends with 3 has published: a second attempt would find nothing new, end with 0, and hide it",
    ),
    *COMMON,
)

SERVERLESS = (
    Setting("spark.emr-serverless.driverEnv.PYTHONPATH", f"./{UNPACKED}", "the packages of the archive, before the image's own"),
    Setting("spark.executorEnv.PYTHONPATH", f"./{UNPACKED}", "as above"),
    *COMMON,
)


# The brief has a driver alone, and no Spark session: DuckDB works in Python's memory.
BRIEF = (
    Setting("spark.driver.cores", "2", "DuckDB reads many objects at a time"),
    Setting("spark.driver.memory", "1g", "Java starts Python, and does nothing else"),
    Setting("spark.driver.memoryOverhead", "7g", "Python: 90 days of counts"),
)


def pythons_of_serverless(python: str) -> tuple[Setting, ...]:
    """The settings that have EMR Serverless run this Python, whose packages are in the archive."""
    why = "the one that the archive is for: EMR 7 runs 3.9 where nobody says otherwise"
    driver, workers = "spark.emr-serverless.driverEnv", "spark.executorEnv"
    names = (f"{driver}.PYSPARK_DRIVER_PYTHON", f"{driver}.PYSPARK_PYTHON", f"{workers}.PYSPARK_PYTHON")
    return tuple(Setting(name, f"python{python}", why) for name in names)


def step_arguments(artifacts: Artifacts, job: Sequence[str], more: Sequence[str] = ()) -> list[str]:
    """The arguments of command-runner.jar in a step: spark-submit on a cluster. `job`: those of daily_aggregates.py.

    `more`: settings as NAME=VALUE; they come after ours, and of a name that is given twice Spark takes the last one.
    """
    return [
        "spark-submit",
        "--deploy-mode",
        "cluster",
        "--name",
        "trailtally",
        "--py-files",
        artifacts.package,
        *(part for setting in (*map(_text, CLUSTER), *more) for part in ("--conf", setting)),
        artifacts.job,
        *job,
    ]


def brief_step_arguments(artifacts: Artifacts, brief: Sequence[str]) -> list[str]:
    """The same of a step that makes the daily brief. `brief`: the arguments of daily_brief.py.

    It runs on the primary node, without YARN: in cluster mode a driver that starts no Spark session counts as failed.
    """
    return [
        "spark-submit",
        "--master",
        "local",
        "--deploy-mode",
        "client",
        "--name",
        "trailtally brief",
        "--py-files",
        artifacts.package,
        "--conf",
        _text(_PYTHON_OF_NODES),
        artifacts.brief,
        *brief,
    ]


def serverless_driver(
    artifacts: Artifacts, job: Sequence[str], *, python: str, machine: str, more: Sequence[str] = ()
) -> dict[str, object]:
    """`jobDriver` of a StartJobRun request of EMR Serverless. `job` and `more` as for a step; these without spaces."""
    ours = (*_places(artifacts, python, machine), *SERVERLESS)
    return _driver(artifacts.job, job, (*map(_text, ours), *more))


def brief_serverless_driver(artifacts: Artifacts, brief: Sequence[str], *, python: str, machine: str) -> dict[str, object]:
    """The same of a run that makes the daily brief: a driver alone."""
    ours = (
        *_places(artifacts, python, machine),
        *(s for s in SERVERLESS if s not in COMMON and "executor" not in s.name),
        *BRIEF,
    )
    return _driver(artifacts.brief, brief, tuple(map(_text, ours)))


def _places(artifacts: Artifacts, python: str, machine: str) -> tuple[Setting, ...]:
    return (
        Setting("spark.submit.pyFiles", artifacts.package, "the package"),
        Setting("spark.archives", f"{artifacts.site_packages(python, machine)}#{UNPACKED}", "what it needs"),
        *pythons_of_serverless(python),
    )


def _driver(entry_point: str, arguments: Sequence[str], settings: Sequence[str]) -> dict[str, object]:
    return {
        "sparkSubmit": {
            "entryPoint": entry_point,
            "entryPointArguments": list(arguments),
            "sparkSubmitParameters": " ".join(f"--conf {setting}" for setting in settings),
        }
    }


def _text(setting: Setting) -> str:
    return f"{setting.name}={setting.value}"

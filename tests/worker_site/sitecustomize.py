"""Python imports this when a worker of Spark starts under the tests: its storage dies when the driver's does."""

import faults

faults.install()

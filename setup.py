"""All of it is declared in pyproject.toml; this file serves tools that still start a setup.py."""

from setuptools import setup

setup()

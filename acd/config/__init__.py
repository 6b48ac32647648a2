"""From the YAML a person writes to a checked `Hotline`, or to problems that name file, line and column."""

from acd.config.load import ConfigError, Hotline, Problem, check, difference, json_schema, load

__all__ = ["ConfigError", "Hotline", "Problem", "check", "difference", "json_schema", "load"]

"""Call records: one row a call, its segments in it."""

from acd.records.read import read
from acd.records.store import RecordsError, RecordStore

__all__ = ["RecordStore", "RecordsError", "read"]

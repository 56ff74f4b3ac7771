"""The table: all rows, in the order in which they are run."""

from faults import disk, every_step, hostile, kills, stops, twins
from faults.row import Row

ROWS: dict[str, Row] = {row.id: row for row in (kills.ROW, every_step.ROW, disk.ROW, stops.ROW, twins.ROW, hostile.ROW)}
